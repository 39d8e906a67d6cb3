#!/usr/bin/env python3
"""Drives the example programs with real clients, and compares what they do with what they promise.

    python3 .ci/drive.py target/release/examples

One line a check; exit code 1, and a transcript, where one fails. It ends only processes that it started.
"""

import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import time

import calling
import datagrams
import endpoints
import framings
import recording
import resolving
import syscalls
import ticking
import tutorial
from driving import MIB, PATIENCE, UNHURRIED, Checks, endpoint_of, equal, holds

SERVERS = ("echo", "line_echo", "chat")
QUESTION = "What is your name?"
LIMIT = 16_384


# --- what all of them do ---


def helps(world):
    """--help prints its usage on stdout, exit code 0."""
    for name in (*SERVERS, "bench_server"):
        code, out, err = world.command(world.program(name), "--help")
        equal((code, err), (0, ""), "exit code and stderr")
        holds(out.startswith(f"Usage: {name} ".encode()), "no usage")


def bad_arguments(world):
    """bad arguments and endpoints: one line on stderr says what was expected and where; exit code 2, nothing listens."""
    bad = [
        (["tcp:"], "at byte 4"),
        (["tcp:70000"], "at byte 4"),
        (["tcp:0:interface=example.com"], "at byte 16"),
        (["tcp:0:colour=red"], "at byte 6"),
        (["nonsense"], "at byte 0"),
        (["telnet:8007"], "tcp"),
        ([""], "at byte 0"),
        (["--port", "8007"], '"--port"'),
        (["tcp:0", "tcp6:"], "at byte 5"),
        (["tcp:no-such-service"], "at byte 4"),
        (["tcp:0", "tcp:no-such-service"], "at byte 4"),
        ([b"tcp:\xff"], "UTF-8"),
    ]
    cases = [(name, *case) for name in SERVERS for case in bad]
    cases += [
        ("bench_server", arguments, "--mode echo|lines|chat")
        for arguments in (
            [],
            ["--mode", "echo"],
            ["--port", "0"],
            ["--mode", "fast", "--port", "0"],
            ["--mode", "echo", "--port", "70000"],
            ["--mode", "echo", "--port"],
            ["tcp:0"],
        )
    ]
    for name, arguments, where in cases:
        code, out, err = world.command(world.program(name), *arguments)
        equal((code, out), (2, b""), f"exit code and stdout of {name} {arguments}")
        holds(err.count("\n") == 1 and err.endswith("\n"), f"not one line on stderr: {err!r}")
        holds("expected" in err and where in err, f"not what was expected and where ({where}): {err!r}")


def port_in_use(world):
    """an address that is taken: exit code 1, one line on stderr, and nothing of the other endpoints is announced."""
    for name in SERVERS:
        first = world.start(name, "tcp:0")
        port = endpoint_of(first.address)[1]
        for arguments in ([f"tcp:{port}"], ["tcp:0", f"tcp:{port}"]):
            code, out, err = world.command(world.program(name), *arguments)
            equal((code, out), (1, b""), "exit code and stdout")
            holds(err.count("\n") == 1 and f"tcp:{port}" in err, f"stderr: {err!r}")
    bench = world.start("bench_server", "--mode", "echo", "--port", "0")
    port = endpoint_of(bench.address)[1]
    code, out, _ = world.command(world.program("bench_server"), "--mode", "echo", "--port", str(port))
    equal((code, out), (1, b""), "exit code and stdout of bench_server")


def default_endpoint(world):
    """without arguments it is tcp:8007, of the loopback address only."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", 8007))
        except OSError:
            return "port 8007 is taken on this machine"
    for name in SERVERS:
        server = world.start(name)
        equal(server.address, "127.0.0.1:8007", "the address")
        server.terminate()


def many_endpoints(world):
    """several endpoints, IPv6 and all interfaces among them, a line for each in their order; each of them accepts."""
    endpoints = ["tcp:0", "tcp:0:interface=*"]
    if has_ipv6():
        endpoints += ["tcp6:0", "tcp6:0:interface=\\:\\:1", "tcp:0:interface=[::1]"]
    hosts = ["127.0.0.1", "0.0.0.0", "[::1]", "[::1]", "[::1]"]
    server = world.start("echo", *endpoints, expect=len(endpoints))
    equal([a.rpartition(":")[0] for a in server.addresses], hosts[: len(endpoints)], "the addresses")
    for address in server.addresses:
        world.connect(address).send("hello").finish().ends(b"hello")
    server.terminate()


def ipv6(world):
    """tcp6:0 listens on [::1]:PORT."""
    if not has_ipv6():
        return "no IPv6 on this machine"
    for name in SERVERS:
        server = world.start(name, "tcp6:0")
        holds(server.address.startswith("[::1]:"), server.address)
        world.connect(server.address).close()
        server.terminate()
    return None


def service_names(world):
    """a service's name is a port."""
    for service, port in services():
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        server = world.start("echo", f"tcp:{service}")
        equal(server.address, f"127.0.0.1:{port}", "the address")
        server.terminate()
        return None
    return "no table of services"


def signals(world):
    """SIGTERM and SIGINT end it, exit code 0; nothing but the addresses was on stdout, and nothing on stderr."""
    for number in (signal.SIGTERM, signal.SIGINT):
        for arguments in (*((name, "tcp:0") for name in SERVERS), ("bench_server", "--mode", "lines", "--port", "0")):
            server = world.start(*arguments, env=UNHURRIED)
            client = world.connect(server.address)
            client.send("x\r\n")
            client.line()
            server.signal(number)
            client.rest()
            client.close()
            equal(server.wait(), (0, b""), "exit code and stdout")
            equal(server.stderr(), "", "stderr")


def logs(world):
    """the log goes to stderr by RUST_LOG; bench_server has none."""
    server = world.start("echo", "tcp:0", env={"RUST_LOG": "info"})
    server.terminate()
    holds("listening on" in server.stderr(), f"no log: {server.stderr()!r}")
    server = world.start("bench_server", "--mode", "echo", "--port", "0", env={"RUST_LOG": "trace"})
    server.terminate()
    equal(server.stderr(), "", "the log of bench_server")


def closed_stdout(world):
    """a server whose stdout is a closed pipe serves all the same."""
    for name in SERVERS:
        nowhere = closed_pipe()
        log, writing = os.pipe()
        # The log tells the port that stdout can't.
        server = world.start(name, "tcp:0", expect=0, stdout=nowhere, stderr=writing, env={"RUST_LOG": "info"})
        os.close(nowhere)
        os.close(writing)
        with open(log, encoding="utf-8") as lines:
            told = next((line for line in lines if "listening on " in line), "listening on nothing")
            client = world.connect(told.split()[-1])
            client.send("hello\r\n").line()
            server.terminate()
            rest = lines.read()
        holds("panicked" not in rest, rest)


def broken_stderr(world):
    """complaints to a closed stderr end in the same exit codes."""
    nowhere = closed_pipe()
    for arguments, code in ((["tcp:"], 2), (["tcp:0:interface=203.0.113.1"], 1)):
        done = subprocess.run([world.program("chat"), *arguments], stderr=nowhere, timeout=PATIENCE, check=False)
        equal(done.returncode, code, f"exit code for {arguments}")
    os.close(nowhere)


def second_signal(world):
    """a second SIGTERM ends it at once, though a client does not take what it is owed."""
    server = world.start("chat", "tcp:0")
    alice, bob = join(world, server, "alice"), join(world, server, "bob", ["alice"], small=True)
    alice.hear("* bob joined")
    owe(alice, 512 * 1024)
    server.signal(signal.SIGTERM)
    alice.ends()
    server.signal(signal.SIGTERM)
    equal(server.wait(), (0, b""), "exit code and stdout")
    holds("at once" in server.stderr(), f"it ended by itself: {server.stderr()!r}")
    bob.close()


# --- echo ---


def echo_bytes(world):
    """bytes come back, whatever they are; FIN is answered by all that is owed, then FIN."""
    server = world.start("echo", "tcp:0")
    client = world.connect(server.address)
    for data in (b"x", bytes(range(256)), b"\r\n\0\xff" * 5000):
        equal(client.send(data).exactly(len(data)), data, "the echo")
    client.finish().ends()
    world.connect(server.address).finish().ends()
    world.connect(server.address).send(b"z" * 100_000).finish().ends(b"z" * 100_000)
    server.terminate()


def echo_of_all_at_once(world):
    """a client that writes 30 MB before it reads anything gets all of it."""
    server = world.start("echo", "tcp:0")
    client = world.connect(server.address)
    data = b"".join(b"%015d\n" % n for n in range(30_000_000 // 16))
    client.socket.settimeout(PATIENCE)
    client.socket.sendall(data)
    client.note("sent all")
    equal(len(data), len(client.exactly(len(data))), "the size of the echo")
    client.finish().ends()
    server.terminate()


def echo_under_pressure(world):
    """a client that writes 120 MB, as far as it can without reading, gets all of it; the server's memory is bounded."""
    server = world.start("echo", "tcp:0")
    client = world.connect(server.address)
    before = server.peak_memory()
    data = memoryview(b"".join(b"%015d\n" % n for n in range(120_000_000 // 16)))
    client.socket.setblocking(False)
    sent, stalled, got = 0, False, []
    size = 0
    while size < len(data):
        # Nothing is read before a second has passed in which the server took nothing: then it has stopped reading us.
        reads = [client.socket] if stalled else []
        writes = [client.socket] if sent < len(data) else []
        readable, writable, _ = select.select(reads, writes, [], PATIENCE if stalled else 1)
        if writable:
            sent += client.socket.send(data[sent : sent + MIB])
        if readable:
            part = client.socket.recv(MIB)
            holds(part, f"the end after {size} bytes")
            got.append(part)
            size += len(part)
        if not readable and not writable:
            holds(not stalled, f"nothing moves: {sent} sent, {size} received")
            client.note(f"stalled after {sent} bytes")
            stalled = True
        stalled = stalled or sent == len(data)
    holds(b"".join(got) == data, "other bytes came back")
    growth = server.peak_memory() - before
    holds(growth < 100 * MIB, f"the server's memory grew by {growth} bytes")
    client.socket.settimeout(PATIENCE)
    client.finish().ends()
    server.terminate()


def echo_large_tail(world):
    """a client that has sent its FIN and reads only then gets all it is owed, then FIN."""
    server = world.start("echo", "tcp:0")
    client = world.connect(server.address, small=True)
    data = b"0123456789abcdef" * 4096
    client.send(data).finish()
    client.ends(data)
    server.terminate()


def echo_broken_clients(world):
    """clients that break their connections disturb nobody."""
    server = world.start("echo", "tcp:0")
    steady = world.connect(server.address, "steady")
    for _ in range(100):
        client = world.connect(server.address, "broken")
        client.send(b"x" * 1000)
        client.breaks()
        equal(steady.send(b"still there").exactly(11), b"still there", "the echo")
    server.terminate()


def echo_many(world):
    """two hundred clients at once have each their own bytes back."""
    server = world.start("echo", "tcp:0")
    clients = [world.connect(server.address, f"client {n}") for n in range(200)]
    for n, client in enumerate(clients):
        client.send(b"%06d" % n * 100)
    for n, client in enumerate(clients):
        equal(client.exactly(600), b"%06d" % n * 100, "the echo")
        client.finish()
    for client in clients:
        client.ends()
    server.terminate()


def echo_by_netcat(world):
    """nc: what is piped in comes out."""
    server = world.start("echo", "tcp:0")
    host, port = endpoint_of(server.address)
    data = b"hello\n" * 100_000
    code, out, _ = world.command("nc", "-N", host, str(port), data=data)
    equal(code, 0, "exit code of nc")
    holds(out == data, "other bytes came back")
    server.terminate()


# --- line_echo ---


def converse(world, server, data, replies, byte_by_byte=False):
    """Sends bytes and FIN; the replies have to be these."""
    client = world.connect(server.address)
    if byte_by_byte:
        for n in range(len(data)):
            client.socket.sendall(data[n : n + 1])
    else:
        client.send(data)
    client.finish().ends(replies)


def line_endings(world):
    """lines end with CRLF or LF, the replies with CRLF; the same for every chunking."""
    server = world.start("line_echo", "tcp:0")
    for data, replies in (
        (b"one\ntwo\r\n", b"one\r\ntwo\r\n"),
        (b"\n\r\n\n", b"\r\n\r\n\r\n"),
        (b"a\rb\r\r\n", b"a\rb\r\r\n"),
        (b"\xff\0\x80\n", b"\xff\0\x80\r\n"),
    ):
        converse(world, server, data, replies)
        converse(world, server, data, replies, byte_by_byte=True)
    server.terminate()


def line_tails(world):
    """an unterminated tail is a line, and of `abc\\r` it is `abc`."""
    server = world.start("line_echo", "tcp:0")
    for data, replies in (
        (b"", b""),
        (b"abc", b"abc\r\n"),
        (b"abc\r", b"abc\r\n"),
        (b"one\nabc\r", b"one\r\nabc\r\n"),
        (b"abc\r\r", b"abc\r\r\n"),
        (b"abc\r\n", b"abc\r\n"),
    ):
        converse(world, server, data, replies)
        converse(world, server, data, replies, byte_by_byte=True)
    server.terminate()


def line_limit(world):
    """16,384 bytes pass; a longer line ends the connection, after the replies owed to the lines before it."""
    server = world.start("line_echo", "tcp:0")
    longest = b"x" * LIMIT
    for ending in (b"\r\n", b"\n", b"\r", b""):
        converse(world, server, longest + ending, longest + b"\r\n")
    for longer in (longest + b"x", longest + b"x\r\n", longest + b"x\n", longest + b"xx\nmore\n", longest * 20):
        client = world.connect(server.address)
        # No FIN of ours: it is the line that ends the connection.
        client.send(b"one\r\ntwo\n" + longer).ends(b"one\r\ntwo\r\n")
    # A whole line of the limit after one another, in one piece.
    converse(world, server, (longest + b"\n") * 50, (longest + b"\r\n") * 50)
    server.terminate()


def line_many(world):
    """many lines in one piece, and a client that does not read them for long."""
    server = world.start("line_echo", "tcp:0")
    lines = [b"line %d" % n for n in range(200_000)]
    code, out, _ = world.command("nc", "-N", *map(str, endpoint_of(server.address)), data=b"\n".join(lines))
    equal(code, 0, "exit code of nc")
    holds(out == b"".join(line + b"\r\n" for line in lines), "other lines came back")
    server.terminate()


# --- chat ---


def join(world, server, name, here=(), address=None, **options):
    """Enters the room: a client that has heard who is there."""
    client = world.connect(address or server.address, name, **options)
    client.hear(QUESTION).say(name)
    return client.hear("* here: " + (", ".join(here) or "nobody"))


def owe(talker, size):
    """Has the others be sent at least `size` bytes, and returns when the server has done so."""
    line = b"%0255d\r\n" % 0
    talker.send(line * (size // len(line) + 1))
    talker.say("/who")
    holds(talker.line().startswith("* here: "), "no answer to /who")


def chat_names(world):
    """names: 1 to 32 characters, no white space or control, no leading slash; asked again until one is good."""
    server = world.start("chat", "tcp:0")
    alice = world.connect(server.address, "alice").hear(QUESTION)
    bad = ["", " ", "/alice", "al ice", " alice", "alice ", "al\tice", "al\x07ice", "al\x7fice", "al\x85ice", "al\u00a0ice",
           "al\u3000ice", "al\u2028ice", "x" * 33, "é" * 33]
    for name in bad:
        alice.say(name).hear("Please choose another name.", QUESTION)
    alice.send(b"al\xffice\r\n").hear("Please choose another name.", QUESTION)
    alice.say("alice").hear("* here: nobody")
    others = ["é" * 32, "😀" * 32, "x" * 32, "-", "a/b", "Alice", "nobody"]
    for n, name in enumerate(others):
        join(world, server, name, sorted(["alice", *others[:n]], key=str.encode))
        alice.hear(f"* {name} joined")
    server.terminate()


def chat_taken(world):
    """a name is taken while its owner is there, compared exactly, and free afterwards."""
    server = world.start("chat", "tcp:0")
    alice = join(world, server, "alice")
    other = world.connect(server.address, "other").hear(QUESTION)
    other.say("alice").hear("That name is taken.", QUESTION)
    # Two lines in one piece: the second name is tried at once.
    other.say("alice", "ALICE").hear("That name is taken.", QUESTION, "* here: alice")
    alice.hear("* ALICE joined").say("/quit").ends()
    other.hear("* alice left")
    join(world, server, "alice", ["ALICE"])
    other.hear("* alice joined")
    server.terminate()


def chat_taken_at_once(world):
    """of many who ask for one name at the same moment one gets it."""
    server = world.start("chat", "tcp:0")
    clients = [world.connect(server.address, f"client {n}").hear(QUESTION) for n in range(20)]
    for client in clients:
        client.say("alice")
    answers = [client.line() for client in clients]
    equal(sorted(set(answers)), ["* here: nobody", "That name is taken."], "the answers")
    equal(answers.count("* here: nobody"), 1, "how many are alice")
    server.terminate()


def chat_nameless(world):
    """who has not given a name hears nothing, and nobody is told of him, neither coming nor going."""
    server = world.start("chat", "tcp:0")
    alice, bob = join(world, server, "alice"), join(world, server, "bob", ["alice"])
    alice.hear("* bob joined")
    nameless = world.connect(server.address, "nameless").hear(QUESTION)
    goes = world.connect(server.address, "goes").hear(QUESTION)
    alice.say("hi", "/me waves", "/who").hear("* here: bob")
    bob.hear("alice: hi", "* alice waves")
    goes.finish().ends()
    bob.say("/quit").ends()
    # Neither hi nor a word of bob's leaving.
    alice.hear("* bob left")
    nameless.say("carol").hear("* here: alice")
    alice.hear("* carol joined")
    server.terminate()


def chat_presence(world):
    """the newcomer hears who is here, sorted by bytes; the others hear that he joined."""
    server = world.start("chat", "tcp:0")
    there, names = [], ["bob", "alice", "émile", "Zed", "zoe", "B0b"]
    for name in names:
        here = sorted((client.name for client in there), key=str.encode)
        newcomer = join(world, server, name, here)
        for client in there:
            client.hear(f"* {name} joined")
        there.append(newcomer)
    there[0].say("/who").hear("* here: B0b, Zed, alice, zoe, émile")
    server.terminate()


def chat_talk(world):
    """what one says arrives at all others, not at oneself; an empty line is ignored; TAB and UTF-8 pass."""
    server = world.start("chat", "tcp:0")
    alice, bob = join(world, server, "alice"), join(world, server, "bob", ["alice"])
    carol = join(world, server, "carol", ["alice", "bob"])
    alice.hear("* bob joined", "* carol joined")
    bob.hear("* carol joined")
    alice.say("hi", "", "tab\there", " /who", "grüße 😀", "  ").send("by LF\nsplit").send(" line\r\n")
    said = ["alice: hi", "alice: tab\there", "alice:  /who", "alice: grüße 😀", "alice:   ", "alice: by LF", "alice: split line"]
    bob.hear(*said)
    carol.hear(*said)
    # The next thing that alice hears is what she asks for now: nothing of her own came back.
    alice.say("/who").hear("* here: bob, carol")
    longest = "x" * LIMIT
    alice.say(longest)
    bob.hear("alice: " + longest)
    server.terminate()


def chat_commands(world):
    """/who, /me, /msg, and those there are not."""
    server = world.start("chat", "tcp:0")
    alice = join(world, server, "alice")
    alice.say("/who").hear("* here: nobody")
    bob, carol = join(world, server, "bob", ["alice"]), join(world, server, "carol", ["alice", "bob"])
    alice.hear("* bob joined", "* carol joined").say("/who").hear("* here: bob, carol")
    bob.hear("* carol joined")
    alice.say("/me waves")
    bob.hear("* alice waves")
    carol.hear("* alice waves")
    alice.say("/msg bob hi", "/msg bob how are you?")
    bob.hear("[alice] hi", "[alice] how are you?")
    for line, reply in (
        ("/msg dave hi", "* no such user: dave"),
        ("/msg Bob hi", "* no such user: Bob"),
        ("/msg bob", "* usage: /msg NAME TEXT"),
        ("/msg bob ", "* usage: /msg NAME TEXT"),
        ("/msg", "* usage: /msg NAME TEXT"),
        ("/msg alice it is I", "[alice] it is I"),
        ("/me", "* usage: /me TEXT"),
        ("/dance", "* no such command: /dance"),
        ("/dance a lot", "* no such command: /dance"),
        ("/WHO", "* no such command: /WHO"),
        ("/whom", "* no such command: /whom"),
        ("/", "* no such command: /"),
        ("//", "* no such command: //"),
    ):
        alice.say(line).hear(reply)
    # Of all that the others heard nothing, and carol nothing of what was told to bob alone.
    alice.say("end")
    bob.hear("alice: end")
    carol.hear("alice: end")
    server.terminate()


def chat_refused_lines(world):
    """a line that is not UTF-8 or holds a control character is dropped and told; one stays connected."""
    server = world.start("chat", "tcp:0")
    alice, bob = join(world, server, "alice"), join(world, server, "bob", ["alice"])
    alice.hear("* bob joined")
    for line in (b"\xff", b"a\xc3", b"\xed\xa0\x80", b"bell\x07", b"nul\0", b"\x1b[2J", b"del\x7f", "c1 \x85".encode(), b"c\rr", b"/me \x08"):
        alice.send(line + b"\r\n").hear("* line refused")
    alice.say("still there")
    bob.hear("alice: still there")
    server.terminate()


def chat_long_line(world):
    """a line over 16,384 bytes ends the connection, and the others hear it."""
    server = world.start("chat", "tcp:0")
    alice = join(world, server, "alice")
    for line in ("x" * (LIMIT + 1), "x" * (LIMIT + 1) + "\r\n"):
        bob = join(world, server, "bob", ["alice"])
        bob.say("before").send(line).ends()
        alice.hear("* bob joined", "bob: before", "* bob left")
    server.terminate()


def chat_leaving(world):
    """leaving by /quit, FIN, half a close or RST: the others hear it once."""
    server = world.start("chat", "tcp:0")
    alice = join(world, server, "alice")
    for leave in (
        lambda bob: bob.say("/quit").ends(),
        lambda bob: bob.say("/quit now", "not heard").ends(),
        lambda bob: bob.finish().ends(),
        lambda bob: bob.send("/quit").finish().ends(),
        lambda bob: bob.close(),
        lambda bob: bob.breaks(),
    ):
        bob = join(world, server, "bob", ["alice"])
        alice.hear("* bob joined")
        leave(bob)
        alice.hear("* bob left").say("/who").hear("* here: nobody")
    # The last words before an end count, the tail too.
    bob = join(world, server, "bob", ["alice"])
    bob.send("one\ntwo").finish().ends()
    alice.hear("* bob joined", "bob: one", "bob: two", "* bob left")
    server.terminate()


def chat_shared_room(world):
    """several endpoints lead to one room."""
    endpoints = ["tcp:0", "tcp:0"] + (["tcp6:0"] if has_ipv6() else [])
    server = world.start("chat", *endpoints, expect=len(endpoints))
    members = []
    for n, address in enumerate(server.addresses):
        name = f"member{n}"
        members.append(join(world, server, name, [member.name for member in members], address=address))
        for other in members[:-1]:
            other.hear(f"* {name} joined")
    members[0].say("hi")
    for other in members[1:]:
        other.hear("member0: hi")
    taken = world.connect(server.addresses[-1], "other").hear(QUESTION)
    taken.say("member0").hear("That name is taken.", QUESTION)
    server.terminate()


def chat_too_slow(world):
    """a member who never reads, while others talk at full speed, is let go at the limit; they are served, memory is flat."""
    server = world.start("chat", "tcp:0")
    bob = join(world, server, "bob")
    carol = join(world, server, "carol", ["bob"])
    bob.hear("* carol joined")
    alice = join(world, server, "alice", ["bob", "carol"], small=True)
    for member in (bob, carol):
        member.hear("* alice joined")
    before = server.peak_memory()
    line = b"x" * 254 + b"\r\n"
    wanted, rounds, left_after, heard = 32 * MIB, 0, None, {bob: [], carol: []}
    said_to_alice = 0
    while said_to_alice < wanted:
        rounds += 1
        mark = b"round %d" % rounds
        for member in (bob, carol):
            member.socket.sendall(line * 256 + mark + b"\r\n")
        # Each reads what the other said, and so neither of them is slow.
        for member, other in ((bob, carol), (carol, bob)):
            got = member.until(other.name.encode() + b": " + mark + b"\r\n")
            news = [part for part in got.split(b"\r\n") if part.startswith(b"*")]
            heard[member] += news
            count = got.count(b": " + line)
            equal(count, 256, f"lines that {member.name} heard in round {rounds}")
        said_to_alice += 2 * 256 * (len(line) + 6)
        if left_after is None and heard[bob]:
            left_after = said_to_alice
    for member in (bob, carol):
        equal(heard[member], [b"* alice left (too slow)"], f"the news that {member.name} heard")
    # What the kernels took for her is not ours to say, but it is little for such a socket.
    holds(MIB < left_after < 3 * MIB, f"let go after {left_after} bytes")
    growth = server.peak_memory() - before
    holds(growth < 6 * MIB, f"the server's memory grew by {growth} bytes, {said_to_alice} were said")
    # She is told by her socket, and may come back.
    try:
        while alice.socket.recv(MIB):
            pass
    except ConnectionResetError:
        pass
    join(world, server, "alice", ["bob", "carol"])
    server.terminate()


def chat_slow_but_within(world):
    """a member who is behind by less than the limit stays, and gets all of it."""
    server = world.start("chat", "tcp:0")
    alice, bob = join(world, server, "alice"), join(world, server, "bob", ["alice"], small=True)
    alice.hear("* bob joined")
    owe(alice, 768 * 1024)
    alice.say("end")
    bob.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, MIB)
    got = bob.until(b"alice: end\r\n")
    equal(got.count(b"\r\n"), 768 * 1024 // 257 + 2, "lines that bob heard")
    bob.say("here")
    alice.hear("bob: here")
    server.terminate()


def chat_stops(world):
    """on SIGTERM members get what they are owed, then FIN; nobody is said to have left."""
    server = world.start("chat", "tcp:0")
    alice, bob = join(world, server, "alice"), join(world, server, "bob", ["alice"], small=True)
    carol = join(world, server, "carol", ["alice", "bob"])
    nameless = world.connect(server.address, "nameless").hear(QUESTION)
    alice.hear("* bob joined", "* carol joined")
    owe(alice, 512 * 1024)
    server.signal(signal.SIGTERM)
    alice.ends()
    nameless.ends()
    bob.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, MIB)
    for member, news in ((bob, [b"* carol joined"]), (carol, [])):
        lines = member.rest().split(b"\r\n")
        equal(lines.pop(), b"", f"an unfinished line for {member.name}")
        equal([line for line in lines if line.startswith(b"*")], news, f"the news for {member.name}")
        equal(len(lines) - len(news), 512 * 1024 // 257 + 1, f"lines that {member.name} was owed")
        member.close()
    equal(server.wait(), (0, b""), "exit code and stdout")


def chat_dump(world):
    """SIGUSR1 writes how things stand to stderr, and the server goes on."""
    server = world.start("chat", "tcp:0")
    alice = join(world, server, "alice")
    server.signal(signal.SIGUSR1)
    deadline = time.monotonic() + PATIENCE
    while "counters:" not in server.stderr() and time.monotonic() < deadline:
        time.sleep(0.01)
    bob = join(world, server, "bob", ["alice"])
    alice.hear("* bob joined")
    server.terminate()
    dump = [line for line in server.stderr().splitlines() if "ropewalk::dump" in line]
    holds("1 connection" in dump[0], f"the dump begins with {dump[0]!r}")
    ports = [member.socket.getsockname()[1] for member in (alice, bob)]
    equal([sum(f":{port}" in line for line in dump) for port in ports], [1, 0], "lines of each client in the dump")
    holds("accepted=1" in dump[-1], f"the dump ends with {dump[-1]!r}")


def chat_by_curl(world):
    """curl telnet://: a conversation."""
    server = world.start("chat", "tcp:0")
    alice = join(world, server, "alice")
    curl = world.start_tool("curl", "-sN", f"telnet://{server.address}")
    equal(curl.line(), QUESTION + "\r", "the question")
    curl.say(b"bob\n")
    equal(curl.line(), "* here: alice\r", "the presence")
    alice.hear("* bob joined").say("hi", "/who").hear("* here: bob")
    # Between what we type curl does not look at its socket; an empty line is nothing to the room.
    curl.say(b"\n")
    equal(curl.line(), "alice: hi\r", "what alice says")
    curl.say(b"/quit\n")
    alice.hear("* bob left")
    equal(curl.wait(), 0, "exit code of curl")
    server.terminate()


def chat_by_netcat(world):
    """nc: a conversation piped in."""
    server = world.start("chat", "tcp:0")
    code, out, _ = world.command("nc", *map(str, endpoint_of(server.address)), data=b"alice\n/who\n/quit\n")
    equal(code, 0, "exit code of nc")
    equal(out, b"What is your name?\r\n* here: nobody\r\n* here: nobody\r\n", "what nc prints")
    server.terminate()


# --- bench_server ---


def bench(world, mode):
    return world.start("bench_server", "--mode", mode, "--port", "0")


def bench_echo(world):
    """--mode echo: bytes back."""
    server = bench(world, "echo")
    data = bytes(range(256)) * 1000
    world.connect(server.address).send(data).finish().ends(data)
    server.terminate()


def bench_lines(world):
    """--mode lines: CRLF alone ends a line, the tail is dropped, 16,384 bytes pass."""
    server = bench(world, "lines")
    longest = b"x" * LIMIT
    for data, replies in (
        (b"one\r\ntwo\r\n", b"one\r\ntwo\r\n"),
        (b"one\ntwo\rthree\r\n", b"one\ntwo\rthree\r\n"),
        (b"one\r\ntail", b"one\r\n"),
        (b"one\r\ntail\r", b"one\r\n"),
        (b"one\n", b""),
        (longest + b"\r\n", longest + b"\r\n"),
        (b"\r\n\r\n", b"\r\n\r\n"),
    ):
        converse(world, server, data, replies)
    world.connect(server.address).send(b"one\r\n" + longest + b"x").ends(b"one\r\n")
    server.terminate()


def bench_chat(world):
    """--mode chat: a bare room: each CRLF line to every other connection from its accept until its close."""
    server = bench(world, "chat")
    alice = world.connect(server.address, "alice")
    bob = world.connect(server.address, "bob")
    # They were accepted in this order, so who hears the last of them is there, and so are all before.
    carol = world.connect(server.address, "carol")
    carol.send(b"I am here\r\n")
    bob.hear("I am here")
    alice.hear("I am here")
    late = world.connect(server.address, "late")
    late.send(b"so am I\r\n")
    for member in (alice, bob, carol):
        member.hear("so am I")
    alice.send(b"hi\r\n\r\nL\nF\r\ntail")
    for member in (bob, carol, late):
        # Late has not heard what was said before, and alice does not hear herself.
        equal(member.exactly(11), b"hi\r\n\r\nL\nF\r\n", f"what {member.name} hears")
    bob.send(b"to all\r\n")
    for member in (alice, carol, late):
        member.hear("to all")
    alice.finish().ends()
    bob.send(b"end\r\n")
    for member in (carol, late):
        member.hear("end")
    bob.breaks()
    late.breaks()
    carol.send(b"alone\r\n").finish().ends()
    server.terminate()


# --- what the checks need of the machine ---


def has_ipv6():
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
        return True
    except OSError:
        return False


def services():
    """TCP services that may be listened on without privileges."""
    try:
        with open("/etc/services", encoding="utf-8") as table:
            rows = [line.split("#")[0].split() for line in table]
    except OSError:
        return
    for row in rows:
        if len(row) >= 2 and row[1].endswith("/tcp") and int(row[1][:-4]) > 1024 and row[0].isalpha():
            yield row[0], int(row[1][:-4])


def closed_pipe():
    """A descriptor to write to that nobody reads any more."""
    reading, writing = os.pipe()
    os.close(reading)
    return writing


ALL = {
    "all": [helps, bad_arguments, port_in_use, default_endpoint, many_endpoints, ipv6, service_names, signals, logs,
            closed_stdout, broken_stderr, second_signal],
    "echo": [echo_bytes, echo_of_all_at_once, echo_under_pressure, echo_large_tail, echo_broken_clients, echo_many, echo_by_netcat,
             syscalls.two_for_a_message],
    "line_echo": [line_endings, line_tails, line_limit, line_many],
    "chat": [chat_names, chat_taken, chat_taken_at_once, chat_nameless, chat_presence, chat_talk, chat_commands,
             chat_refused_lines, chat_long_line, chat_leaving, chat_shared_room, chat_too_slow, chat_slow_but_within,
             chat_stops, chat_dump, chat_by_curl, chat_by_netcat],
    "bench_server": [bench_echo, bench_lines, bench_chat],
    "fetch": calling.FETCH,
    "forward": calling.FORWARD,
    "ticker": ticking.TICKER,
    "resolve": resolving.RESOLVE,
    "socket_tutorial": tutorial.TUTORIAL,
    "finger": tutorial.FINGER,
    "framed_echo": framings.FRAMED,
    "udp_echo": datagrams.UDP_ECHO,
    "recording": recording.RECORDING,
    "unix": endpoints.UNIX,
    "inherited": endpoints.INHERITED,
}


def main():
    if len(sys.argv) < 2:
        sys.exit("usage: drive.py DIRECTORY_OF_EXAMPLES [CHECK]...")
    for tool in ("nc", "curl", "strace"):
        if shutil.which(tool) is None:
            sys.exit(f"drive.py needs {tool}")
    checks = Checks(sys.argv[1])
    for subject, all_of_it in ALL.items():
        for check in all_of_it:
            if not sys.argv[2:] or check.__name__ in sys.argv[2:]:
                checks.run(subject, check)
    sys.exit(checks.summary())


if __name__ == "__main__":
    main()
