"""Drives the examples that tutorials end with: socket_tutorial, and finger."""

import socket

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


TUTORIAL = [asks_twice, in_small_pieces, tells_failures_apart, second_connection_fails]
