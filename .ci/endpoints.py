"""Drives the examples over Unix sockets and on sockets that they inherit: whose a socket file is, when it comes and goes, and
what a parent passes."""

import os
import re
import shutil
import socket
import stat
import tempfile
import threading

from driving import PATIENCE, UNHURRIED, equal, holds

SERVERS = ("echo", "line_echo", "chat")
QUESTION = "What is your name?"


class Path:
    """The path of a socket file, gone with its directory when the check is over."""

    def __init__(self, name="chat"):
        self.directory = tempfile.TemporaryDirectory()
        self.path = os.path.join(self.directory.name, name)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.directory.cleanup()

    @property
    def endpoint(self):
        return "unix:" + self.path

    def leave_dead_socket(self):
        with socket.socket(socket.AF_UNIX) as dead:
            dead.bind(self.path)

    def is_socket(self):
        return stat.S_ISSOCK(os.stat(self.path).st_mode)


def listener(family=socket.AF_INET, address=("127.0.0.1", 0)):
    made = socket.socket(family)
    made.bind(address)
    made.listen()
    return made


def shown(made):
    """As a server is to say it."""
    name = made.getsockname()
    return "unix:" + name if made.family == socket.AF_UNIX else f"{name[0]}:{name[1]}"


def talks(world, name, address):
    """Some words with a server of this name."""
    client = world.connect(address)
    if name == "chat":
        client.hear(QUESTION).say("alice").hear("* here: nobody")
    else:
        client.say("hello").hear("hello")
    client.close()


def refuses(world, *command, words=()):
    """It ends with exit code 1 and one line on stderr, and never said that it listens."""
    code, out, err = world.command(*command)
    equal((code, out, err.count("\n")), (1, b"", 1), f"exit code, stdout and lines of stderr ({err!r})")
    holds("panicked" not in err and all(word in err for word in words), f"stderr: {err!r}")


# --- socket files ---


def comes_and_goes(world):
    """unix:/path: a socket file, named in the line, and removed at the stop; the same contract over it."""
    for name in SERVERS:
        with Path() as path:
            server = world.start(name, path.endpoint)
            equal(server.address, path.endpoint, "the address")
            holds(path.is_socket(), "no socket file")
            talks(world, name, server.address)
            server.terminate()
            holds(not os.path.exists(path.path), "the file is left")


def stale(world):
    """a dead socket's file is replaced, and removed at the stop."""
    with Path() as path:
        path.leave_dead_socket()
        server = world.start("chat", path.endpoint)
        talks(world, "chat", server.address)
        server.terminate()
        holds(not os.path.exists(path.path), "the file is left")
        # As the power going leaves it.
        server = world.start("chat", path.endpoint)
        server.process.kill()
        server.process.wait()
        holds(path.is_socket(), "there is nothing to replace")
        server = world.start("chat", path.endpoint)
        talks(world, "chat", server.address)
        server.terminate()


def live(world):
    """a live one is left alone: exit code 1, and the first server goes on; so is one whose backlog is full."""
    with Path() as path:
        server = world.start("chat", path.endpoint)
        refuses(world, world.program("chat"), path.endpoint, words=[path.endpoint])
        refuses(world, world.program("chat"), "tcp:0", path.endpoint, words=[path.endpoint])
        talks(world, "chat", server.address)
        server.terminate()
        with listener(socket.AF_UNIX, path.path) as full:
            full.listen(0)
            with socket.socket(socket.AF_UNIX) as waiting:
                waiting.connect(path.path)
                refuses(world, world.program("chat"), path.endpoint, words=[path.endpoint])
        holds(path.is_socket(), "the file is gone")


def no_socket(world):
    """what is no socket is left alone, a link to a dead one too: exit code 1."""
    with Path() as path:
        with open(path.path, "w", encoding="ascii") as file:
            file.write("precious")
        refuses(world, world.program("chat"), path.endpoint, words=[path.endpoint, "exists"])
        with open(path.path, encoding="ascii") as file:
            equal(file.read(), "precious", "the file")
        os.remove(path.path)
        path.leave_dead_socket()
        link = path.path + "-link"
        os.symlink(path.path, link)
        refuses(world, world.program("chat"), "unix:" + link, words=[link])
        holds(os.path.islink(link) and path.is_socket(), "something is gone")


def replaced_file(world):
    """a file that has taken the place of its own is not removed at the stop."""
    with Path() as path:
        first = world.start("echo", path.endpoint)
        os.remove(path.path)
        second = world.start("echo", path.endpoint)
        first.terminate()
        talks(world, "echo", second.address)
        second.terminate()
        holds(not os.path.exists(path.path), "the file is left")


def mode(world):
    """the file's mode is as asked for, and set between bind and listen."""
    for octal in ("600", "666"):
        with Path() as path:
            log = path.path + ".strace"
            # With -D the tracer stands aside, and the process we start is the server itself.
            wrapper = ("strace", "-D", "-f", "-o", log, "-e", "trace=bind,listen,chmod,fchmodat", "--")
            server = world.start("echo", f"{path.endpoint}:mode={octal}", wrapper=wrapper)
            equal(f"{os.stat(path.path).st_mode & 0o777:o}", octal, "the mode")
            talks(world, "echo", server.address)
            server.terminate()
            with open(log, encoding="utf-8") as lines:
                calls = re.findall(r"\b(bind|listen|chmod|fchmodat)\(", lines.read())
            equal([call.removeprefix("f").removesuffix("at") for call in calls], ["bind", "chmod", "listen"], "the calls")


def abstract(world):
    """unix:@name: no file, and the name is in use as long as the server lives."""
    name = f"unix:@ropewalk-drive-{os.getpid()}"
    for _ in range(2):
        server = world.start("line_echo", name)
        equal(server.address, name, "the address")
        talks(world, "line_echo", server.address)
        refuses(world, world.program("line_echo"), name, words=[name])
        server.terminate()


def one_room(world):
    """chat tcp:0 unix:/path: one room."""
    with Path() as path:
        server = world.start("chat", "tcp:0", path.endpoint, expect=2)
        equal(server.addresses[1], path.endpoint, "the second address")
        alice, bob = world.connect(server.addresses[0], "alice"), world.connect(server.addresses[1], "bob")
        alice.hear(QUESTION).say("alice").hear("* here: nobody")
        bob.hear(QUESTION).say("bob").hear("* here: alice")
        alice.hear("* bob joined").say("hello")
        bob.hear("alice: hello").say("/msg alice hi").say("/quit").ends()
        alice.hear("[bob] hi", "* bob left").close()
        server.terminate()


def bulk(world):
    """30 MB over a Unix socket come back; FIN is answered by all that is owed."""
    with Path() as path:
        server = world.start("echo", path.endpoint)
        client = world.connect(server.address)
        data = b"".join(b"%015d\n" % n for n in range(30_000_000 // 16))
        client.send(data).finish().ends(data)
        server.terminate()


def netcat(world):
    """nc -U is a client as good as any."""
    with Path() as path:
        server = world.start("line_echo", path.endpoint)
        code, out, _ = world.command("nc", "-N", "-U", path.path, data=b"hello\nunfinished")
        equal((code, out), (0, b"hello\r\nunfinished\r\n"), "exit code and stdout")
        server.terminate()


# --- clients ---


def fetch(world):
    """fetch unix:/path prints all that comes; nobody there, or a dead file, is refused: exit code 4."""
    with Path() as path:
        command = (world.program("fetch"), path.endpoint, "hello")
        code, out, err = world.command(*command)
        equal((code, out), (4, b""), f"exit code and stdout ({err!r})")
        path.leave_dead_socket()
        code, out, err = world.command(*command)
        equal((code, out), (4, b""), f"exit code and stdout ({err!r})")
        holds(path.path in err, f"stderr: {err!r}")
        os.remove(path.path)
        with listener(socket.AF_UNIX, path.path) as server:
            server.settimeout(PATIENCE)

            def answer():
                connection, _ = server.accept()
                with connection:
                    connection.sendall(b"you said " + connection.recv(100))

            answering = threading.Thread(target=answer)
            answering.start()
            code, out, _ = world.command(*command)
            answering.join()
        equal((code, out), (0, b"you said hello\r\n"), "exit code and stdout")


def forward(world):
    """forward joins TCP with Unix sockets, either way round, with pressure and half-close."""
    data = os.urandom(3_000_000)
    with Path("target") as target, Path("entrance") as entrance:
        echo = world.start("echo", target.endpoint, "tcp:0", expect=2)
        inward = world.start("forward", "tcp:0", target.endpoint)
        outward = world.start("forward", entrance.endpoint, "tcp:" + echo.addresses[1])
        for server in (inward, outward):
            world.connect(server.address).send(data).finish().ends(data)
            server.terminate()
        echo.terminate()


# --- inherited sockets ---


def inherited(world, name, endpoint, *sockets, names=None, pid="$$", expect=1):
    """A server whose parent passes it sockets, from number 3 on, as systemd does."""
    moves = " ".join(f"{3 + place}<&{made.fileno()}" for place, made in enumerate(sockets))
    exports = f"export LISTEN_PID={pid} LISTEN_FDS={len(sockets)}"
    if names:
        exports += f" LISTEN_FDNAMES={names}"
    # A plain sh knows numbers of one digit only.
    wrapper = ("bash", "-c", f'{exports}; exec "$0" "$@" {moves}')
    return world.start(name, endpoint, wrapper=wrapper, pass_fds=[made.fileno() for made in sockets], expect=expect)


def far(made):
    """A socket under a number that is in nobody's way."""
    number = os.dup(made.fileno())
    while number < 20:
        number = os.dup(number)
    return socket.socket(fileno=number)


def by_number(world):
    """fd:N: a listening socket of TCP or Unix streams that was inherited; it stays its parent's, and so does its file."""
    with Path() as path:
        families = [listener(), listener(socket.AF_UNIX, path.path)]
        if socket.has_ipv6:
            families.append(listener(socket.AF_INET6, ("::1", 0)))
        for made in families:
            for _ in range(2):
                number = made.fileno()
                server = world.start("chat", f"fd:{number}", pass_fds=[number])
                address = f"[::1]:{made.getsockname()[1]}" if made.family == socket.AF_INET6 else shown(made)
                equal(server.address, address, "the address")
                talks(world, "chat", server.address)
                refuses(world, world.program("chat"), f"fd:{number}", words=["fd:", f"descriptor {number}"])
                server.terminate()
            made.close()
        holds(path.is_socket(), "the file is gone")


def by_systemds_variables(world):
    """systemd:index=N and systemd:name=NAME: what LISTEN_FDS and LISTEN_FDNAMES pass; several at once."""
    with Path() as path:
        tcp, unix = far(listener()), far(listener(socket.AF_UNIX, path.path))
        for endpoint, made in (("systemd:index=0", tcp), ("systemd:index=1", unix), ("systemd:name=web", tcp),
                               ("systemd:name=chat", unix)):
            server = inherited(world, "chat", endpoint, tcp, unix, names="web:chat")
            equal(server.address, shown(made), f"the address of {endpoint}")
            talks(world, "chat", server.address)
            server.terminate()
        tcp.close()
        unix.close()


def not_for_us(world):
    """variables that are for another process are ignored, with an error that says so; so is what was not passed."""
    made = far(listener())
    chat = world.program("chat")
    refuses(world, chat, "systemd:index=0", words=["LISTEN_PID"])
    for pid, names, endpoint, word in (
        ("1", "web", "systemd:index=0", "LISTEN_PID=1"),
        ("x", "web", "systemd:index=0", "LISTEN_PID=x"),
        ("$$", "web", "systemd:index=1", "1"),
        ("$$", "web", "systemd:name=chat", "LISTEN_FDNAMES=web"),
    ):
        server = inherited(world, "chat", endpoint, made, names=names, pid=pid, expect=0)
        equal(server.wait(), (1, b""), f"exit code and stdout of {endpoint}, LISTEN_PID={pid}")
        holds(server.stderr().count("\n") == 1 and word in server.stderr(), server.stderr())
    made.close()


def no_listener(world):
    """an inherited descriptor that is no listening stream socket: exit code 1, and why."""
    connected, other = socket.socketpair()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp, open(os.devnull, encoding="ascii") as file, connected, other:
        udp.bind(("127.0.0.1", 0))
        for made, why in ((udp, "no socket of TCP"), (file, "no socket"), (connected, "does not listen")):
            number = made.fileno()
            server = world.start("chat", f"fd:{number}", pass_fds=[number], expect=0)
            equal(server.wait(), (1, b""), "exit code and stdout")
            holds(f"descriptor {number}" in server.stderr() and why in server.stderr(), server.stderr())


def taken_twice(world):
    """each is taken once: chat fd:N fd:N ends with exit code 1."""
    with listener() as made:
        number = made.fileno()
        server = world.start("chat", f"fd:{number}", f"fd:{number}", pass_fds=[number], expect=0)
        equal(server.wait(), (1, b""), "exit code and stdout")
        holds("taken already" in server.stderr(), server.stderr())


def on_tape(world):
    """what happened on an inherited socket and on a Unix socket is recorded, and replayed without them."""
    with Path() as path, Path("tape") as tape, listener() as made:
        number = made.fileno()
        server = world.start("chat", f"fd:{number}", path.endpoint, "--record", tape.path, pass_fds=[number], expect=2)
        for address in server.addresses:
            client = world.connect(address)
            client.hear(QUESTION).say("alice").hear("* here: nobody").say("/quit").ends()
        server.terminate()
        code, out, err = world.command(world.program("chat"), "--replay", tape.path)
        holds((code, err) == (0, "") and out.endswith(b"identical\n"), f"{code}, {out!r}, {err!r}")


def socket_activate(world):
    """the real systemd-socket-activate starts chat on its socket, by index and by name."""
    program = shutil.which("systemd-socket-activate")
    if program is None:
        return "there is no systemd-socket-activate"
    for endpoint in ("systemd:index=0", "systemd:name=web"):
        with Path() as path:
            # It starts the program when somebody calls.
            wrapper = (program, "-l", path.path, "--fdname=web")
            server = world.start("chat", endpoint, wrapper=wrapper, expect=0, env=UNHURRIED)
            deadline = threading.Event()
            for _ in range(int(PATIENCE * 100)):
                if os.path.exists(path.path):
                    break
                deadline.wait(0.01)
            client = None
            for _ in range(int(PATIENCE * 100)):
                try:
                    client = world.connect(path.endpoint)
                    break
                except ConnectionRefusedError:
                    # It is bound, and not listened on yet.
                    deadline.wait(0.01)
            equal(server.stdout_line(), "listening on " + path.endpoint, "the line")
            client.hear(QUESTION).say("alice").hear("* here: nobody")
            talks_to_a_second_one(world, path.endpoint)
            client.hear("* bob joined").close()
            server.terminate()
    return None


def talks_to_a_second_one(world, address):
    bob = world.connect(address, "bob")
    bob.hear(QUESTION).say("bob").hear("* here: alice")


UNIX = [comes_and_goes, stale, live, no_socket, replaced_file, mode, abstract, one_room, bulk, netcat, fetch, forward]
INHERITED = [by_number, by_systemds_variables, not_for_us, no_listener, taken_twice, on_tape, socket_activate]
