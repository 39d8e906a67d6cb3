"""Drives the examples that tutorials end with: socket_tutorial, and finger."""

import socket
import tempfile

from calling import Target, answers, reset
from driving import MIB, equal, holds


def tutorial(world, *arguments):
    return world.command(world.program("socket_tutorial"), *arguments)


def asks_twice(world):
    """socket_tutorial prints the answer by recv and again by readlines, and nothing else, over two connections."""
    selectors = []

    def act(connection):
        with connection, connection.makefile("rb") as lines:
            selectors.append(lines.readline())
            connection.sendall(answer)

    for answer in (b"one\r\n\0two\n\n" + b"x" * MIB + b"\r\nthe tail", b"a line\n", b""):
        target = Target(act)
        host, port = target.address.split(":")
        code, out, err = tutorial(world, host, port, "/a file.txt")
        equal((code, err, len(out)), (0, "", 2 * len(answer)), "code, stderr, and bytes on stdout")
        holds(out == answer * 2, "other bytes than were sent")
        equal(selectors, [b"/a file.txt\r\n"] * 2, "what the server heard")
        selectors.clear()
        target.close()


def in_small_pieces(world):
    """an answer that comes byte by byte, and a server by name, are the same."""
    def act(connection):
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with connection, connection.makefile("rb") as lines:
            for byte in b"you said " + lines.readline():
                connection.send(bytes([byte]))

    target = Target(act)
    port = target.address.split(":")[1]
    equal(tutorial(world, "localhost", port, "hello"), (0, b"you said hello\r\n" * 2, ""), "code, stdout and stderr")
    target.close()


def tells_failures_apart(world):
    """exit codes: bad arguments 2, unknown host or service 3, refused 4, timed out 5, reset midway 6; one line on stderr."""
    kept, nobody = [], socket.socket()
    silent = Target(kept.append)
    nobody.bind(("127.0.0.1", 0))
    refused = str(nobody.getsockname()[1])

    def breaks(connection):
        connection.recv(MIB)
        connection.sendall(b"half")
        reset(connection)

    broken = Target(breaks)
    here = "127.0.0.1"
    for arguments, code in [
            ([], 2), ([here, refused], 2), ([here, refused, "x", "y"], 2), ([here, "65536", "x"], 2), ([here, refused, "x", "--wrong"], 2),
            ([here, refused, "x", "--timeout"], 2), ([here, refused, "x", "--timeout", "0"], 2),
            (["no-such-host.invalid", "70", "x"], 3), ([here, "no-such-service", "x"], 3), ([here, refused, "x"], 4),
            ([here, silent.address.split(":")[1], "x", "--timeout", "0.2"], 5), ([here, broken.address.split(":")[1], "x"], 6)]:
        got, _, err = tutorial(world, *arguments)
        equal((got, err.count("\n")), (code, 1), f"exit code and lines on stderr of {arguments}")
    code, out, _ = tutorial(world, "--help")
    holds(code == 0 and out.startswith(b"Usage: socket_tutorial "), "no usage")
    for closing in (silent, broken, nobody):
        closing.close()


def second_connection_fails(world):
    """a server that breaks off the second time is an error, after the answer that came the first time."""
    calls = []

    def act(connection):
        calls.append(connection)
        if len(calls) == 1:
            return answers(b"you said ")(connection)
        connection.recv(MIB)
        reset(connection)

    target = Target(act)
    host, port = target.address.split(":")
    code, out, err = tutorial(world, host, port, "hello")
    equal((code, out, err.count("\n")), (6, b"you said hello\r\n", 1), "code, stdout, and lines on stderr")
    target.close()


USERS = b"alice:x:1000:1000:Alice Example,room 7:/:/bin/sh\nnobody\nbob:x:1001:1001::/:/bin/sh\n"


def fingers(world, *options):
    """A finger with a table of users of its own."""
    users = tempfile.NamedTemporaryFile()
    users.write(USERS)
    users.flush()
    server = world.start("finger", "tcp:0", "--users", users.name, *options, expect=1 + options.count("--set"))
    # The file is there for as long as the server is.
    server.users = users
    return server


def finger_tells(world):
    """finger answers a name with what is known of it, then FIN, however the question is written."""
    server = fingers(world)
    alice = b"Login: alice  Name: Alice Example\r\n"
    for question, answer in [
            (b"alice\r\n", alice), (b"alice\n", alice), (b"/W alice\r\n", alice), (b"alice\r\nbob\r\n", alice),
            (b"bob\r\n", b"Login: bob  Name: \r\n"), (b"nobody\r\n", b"nobody: no such user\r\n"),
            (b"\x1b[2Jx\r\n", b"[2Jx: no such user\r\n"), (b"\r\n", b"Nobody says anything.\r\n"),
            (b"alice@127.0.0.1\r\n", b"Finger forwarding service denied.\r\n")]:
        world.connect(server.address).send(question).ends(answer)
    world.connect(server.address).send(b"alice\r\n").finish().ends(alice)
    world.connect(server.address).send(b"alice").finish().ends(alice)
    world.connect(server.address).finish().ends()
    world.connect(server.address).send(b"x" * 600).ends()
    host, port = server.address.split(":")
    code, out, _ = world.command("nc", "-N", host, port, data=b"alice\r\n")
    equal((code, out), (0, alice), "exit code and output of nc")
    server.users.write(b"carol:x:1002:1002:Carol:/:/bin/sh\n")
    server.users.flush()
    world.connect(server.address).send(b"carol\r\n").ends(b"Login: carol  Name: Carol\r\n")
    server.terminate()
    server = world.start("finger", "tcp:0", "--users", "no/such/file")
    world.connect(server.address).send(b"carol\r\n").ends(b"carol: no such user\r\n")
    server.terminate()


def finger_is_told(world):
    """what somebody sets on the second port is told on the first one, until he takes it back."""
    server = fingers(world, "--set", "tcp:0")
    asking, setting = server.addresses
    for name, doing in [(b"bob", b"building"), (b"alice", b"down\tthe hole"), (b"dave", b"not in the table")]:
        world.connect(setting).send(name + b"\r\n" + doing + b"\r\n").ends(b"Done.\r\n")
    world.connect(asking).send(b"alice\r\n").ends(b"Login: alice  Name: Alice Example\r\nalice: downthe hole\r\n")
    world.connect(asking).send(b"\r\n").ends(b"alice: downthe hole\r\nbob: building\r\ndave: not in the table\r\n")
    world.connect(setting).send(b"bob\r\n\r\n").ends(b"Done.\r\n")
    world.connect(asking).send(b"bob\r\n").ends(b"Login: bob  Name: \r\n")
    half = world.connect(setting).send(b"alice\r\n").finish()
    half.ends()
    server.terminate()


def finger_many(world):
    """300 who ask at once are all answered, and who goes away without an answer holds nobody up."""
    server = fingers(world)
    for _ in range(20):
        world.connect(server.address).send(b"alice\r\n").breaks()
    asking = [world.connect(server.address, f"client {n}") for n in range(300)]
    for client in asking:
        client.send(b"bob\r\n")
    for client in asking:
        client.ends(b"Login: bob  Name: \r\n")
    server.terminate()


def finger_arguments(world):
    """finger refuses bad arguments with exit code 2 and one line, a taken port with 1; without --users it is /etc/passwd."""
    for arguments in (["--set"], ["--users"], ["--set", "nonsense"], ["tcp:"], ["--wrong"]):
        code, _, err = world.command(world.program("finger"), *arguments)
        equal((code, err.count("\n")), (2, 1), f"exit code and lines on stderr of {arguments}")
    code, out, _ = world.command(world.program("finger"), "--help")
    holds(code == 0 and out.startswith(b"Usage: finger "), "no usage")
    server = world.start("finger", "tcp:0")
    code, _, err = world.command(world.program("finger"), f"tcp:{server.address.split(':')[1]}")
    equal((code, err.count("\n")), (1, 1), "exit code and lines on stderr where the port is taken")
    with open("/etc/passwd", encoding="utf-8") as table:
        name = table.readline().split(":")[0]
    world.connect(server.address).send(name).send("\r\n")
    client = world.clients[-1]
    holds(client.line().startswith(f"Login: {name}  Name: "), "an answer")
    client.ends()
    server.terminate()


TUTORIAL = [asks_twice, in_small_pieces, tells_failures_apart, second_connection_fails]
FINGER = [finger_tells, finger_is_told, finger_many, finger_arguments]
