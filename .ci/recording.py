"""Drives --record and --replay of the servers: what was recorded is identical, another behaviour and damage are told."""

import os
import re
import signal
import tempfile
import time

from driving import PATIENCE, UNHURRIED, Failed, equal, holds

SAME = re.compile(rb"replayed (\d+) events, (\d+) bytes out, identical( up to the cut)?\n")


class Tape:
    """A file for a tape, gone when the check is over."""

    def __init__(self):
        self.directory = tempfile.TemporaryDirectory()
        self.path = os.path.join(self.directory.name, "tape")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.directory.cleanup()

    def read(self):
        with open(self.path, "rb") as file:
            return file.read()

    def variant(self, data):
        """Another tape beside it."""
        path = self.path + "-variant"
        with open(path, "wb") as file:
            file.write(data)
        return path

    def until(self, words):
        """Waits until it holds some words; how long that took."""
        begun = time.monotonic()
        while words not in self.read():
            if time.monotonic() - begun > PATIENCE:
                raise Failed(f"{words!r} is not on the tape")
            time.sleep(0.005)
        return time.monotonic() - begun


def replay(world, name, path):
    """How many bytes were the same, and whether up to a cut; the replay must succeed."""
    code, out, err = world.command(world.program(name), "--replay", path)
    match = SAME.fullmatch(out)
    holds(code == 0 and match and not err, f"exit code {code}, stdout {out!r}, stderr {err!r}")
    return int(match[2]), bool(match[3])


def fails(world, name, path, *words):
    """The replay ends by one line on stderr that holds these words."""
    code, out, err = world.command(world.program(name), "--replay", path)
    equal((code, out, err.count("\n")), (1, b"", 1), f"exit code, stdout and lines of stderr ({err!r})")
    holds("panicked" not in err and all(word in err for word in words), f"stderr: {err!r}")


def members(world, server, names):
    clients = []
    for name in names:
        client = world.connect(server.address, name)
        client.hear("What is your name?").say(name)
        client.line()
        for other in clients:
            other.hear(f"* {name} joined")
        clients.append(client)
    return clients


def a_room(world, server):
    """A chat with all that may happen in it, which leaves two members."""
    alice, bob, carol, dave = members(world, server, ["alice", "bob", "carol", "dave"])
    for number in range(50):
        alice.say(f"line {number} of what alice has to say")
        bob.hear(f"alice: line {number} of what alice has to say")
    alice.say("/msg bob psst", "/who", "/nonsense").hear("* here: bob, carol, dave", "* no such command: /nonsense")
    bob.hear("[alice] psst")
    alice.send(b"\xff\xfe\r\n").hear("* line refused")
    carol.breaks()
    bob.hear("* carol left")
    dave.say("/quit")
    bob.hear("* dave left")
    silent = world.connect(server.address, "silent")
    silent.hear("What is your name?").finish()
    silent.ends()
    return alice, bob


def chat_is_identical(world):
    """a chat recorded up to SIGTERM replays to the byte, from a tape that is whole."""
    with Tape() as tape:
        server = world.start("chat", "tcp:0", "tcp:0", "--record", tape.path, expect=2, env=UNHURRIED)
        alice, bob = a_room(world, server)
        server.terminate()
        equal(server.stderr(), "", "stderr")
        alice.rest()
        bob.rest()
        said, cut = replay(world, "chat", tape.path)
        holds(not cut and said > 5000, f"{said} bytes out, cut: {cut}")
        holds(len(tape.read()) < 3 * said, f"{len(tape.read())} bytes of tape for {said} bytes")
        # As often as one likes; and the next recording keeps it.
        equal(replay(world, "chat", tape.path), (said, False), "once more")
        server = world.start("chat", "tcp:0", "--record", tape.path)
        server.terminate()
        equal(replay(world, "chat", tape.path), (0, False), "of a run without clients")
        equal(replay(world, "chat", tape.path + ".1"), (said, False), "of the run before, which is kept")
        equal(os.stat(tape.path).st_mode & 0o777, 0o600, "the mode of a tape")


def echoes_are_identical(world):
    """echo and line_echo recorded with large, slow, broken and half-closed clients replay to the byte."""
    for name in ("echo", "line_echo"):
        with Tape() as tape:
            server = world.start(name, "tcp:0", "--record", tape.path)
            data = b"".join(b"%013d\r\n" % n for n in range(100_000))
            client = world.connect(server.address)
            client.send(data[:600_000])
            equal(client.exactly(600_000), data[:600_000], "the echo")
            client.send(data[600_000:705_000]).finish()
            equal(client.rest(), data[600_000:705_000], "the echo")
            world.connect(server.address).send("x\r\n").breaks()
            slow = world.connect(server.address, "slow", small=True)
            slow.send(data[:300_000])
            server.signal(signal.SIGTERM)
            slow.rest()
            slow.close()
            equal(server.wait(), (0, b""), "exit code and stdout")
            said, cut = replay(world, name, tape.path)
            holds(not cut and said >= 705_000, f"{said} bytes out, cut: {cut}")


def killed_is_identical_up_to_the_cut(world):
    """the tape of a server that was killed replays up to the cut, a tenth of a second before."""
    with Tape() as tape:
        server = world.start("chat", "tcp:0", "--record", tape.path)
        alice, bob = a_room(world, server)
        for number in range(3):
            # Nobody says more, so the loop sleeps; what was said is written all the same.
            words = f"{os.urandom(8).hex()}, the last words but {2 - number}"
            alice.say(words)
            bob.hear(f"alice: {words}")
            took = tape.until(words.encode())
            holds(took < 5, f"it took {took:.3f} s until what was said was on the tape")
        server.signal(signal.SIGKILL)
        server.process.wait(PATIENCE)
        said, cut = replay(world, "chat", tape.path)
        holds(cut and said > 5000, f"{said} bytes out, cut: {cut}")


def damage_is_noticed(world):
    """a tape with a changed byte is an error that says where; one that is cut anywhere is identical up to the cut."""
    with Tape() as tape:
        server = world.start("chat", "tcp:0", "--record", tape.path)
        a_room(world, server)
        server.terminate()
        whole = tape.read()
        header = 18 + len("tcp:0")
        places = {*range(0, len(whole), max(1, len(whole) // 60)), *range(40), len(whole) - 1}
        for place in sorted(places):
            changed = bytearray(whole)
            changed[place] ^= 1 << place % 8
            fails(world, "chat", tape.variant(changed), "tape")
            cut = tape.variant(whole[:place])
            if place < header:
                fails(world, "chat", cut, "tape")
            else:
                holds(replay(world, "chat", cut)[1], f"cut at {place}, it is called whole")
        fails(world, "chat", tape.variant(whole + b"\0"), "corrupt at byte")
        first = whole[header : header + 12 + int.from_bytes(whole[header : header + 4], "little")]
        fails(world, "chat", tape.variant(whole[:header] + first * 2), "corrupt at byte")
        for nothing in (b"", b"hello\n", os.urandom(1000), b"\0" * 100_000):
            fails(world, "chat", tape.variant(nothing), "no tape")


def another_behaviour_is_told(world):
    """another program's tape: the first difference, with its connection and its place in the stream."""
    with Tape() as tape:
        server = world.start("echo", "tcp:0", "--record", tape.path)
        world.connect(server.address).send(b"same\r\nthen not\nso").finish().ends(b"same\r\nthen not\nso")
        server.terminate()
        equal(replay(world, "echo", tape.path)[1], False, "cut")
        fails(world, "line_echo", tape.path, "connection #0.0 127.0.0.1:", "offset 14", "\\nso", "\\r\\n")
        fails(world, "chat", tape.path, "What is your name?")


def arguments_are_checked(world):
    """a file that is missing or can't be written, and options that contradict each other: one line on stderr."""
    with Tape() as tape:
        for name in ("echo", "line_echo", "chat"):
            for arguments in (["--record"], ["--replay"], ["tcp:0", "--replay", tape.path],
                              ["--record", tape.path, "--replay", tape.path]):
                code, out, err = world.command(world.program(name), *arguments)
                equal((code, out, err.count("\n")), (2, b"", 1), f"{arguments}: exit code, stdout, lines on stderr")
                holds("expected" in err, err)
            fails(world, name, tape.path, tape.path, "No such file")
            nowhere = os.path.join(tape.path, "nowhere")
            code, out, err = world.command(world.program(name), "tcp:0", "--record", nowhere)
            equal((code, out, err.count("\n")), (1, b"", 1), "exit code, stdout, lines on stderr")
            holds(nowhere in err, err)


RECORDING = [chat_is_identical, echoes_are_identical, killed_is_identical_up_to_the_cut, damage_is_noticed,
             another_behaviour_is_told, arguments_are_checked]
