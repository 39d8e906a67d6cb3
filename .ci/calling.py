"""Drives the examples that call somebody else: fetch, and forward."""

import socket
import threading

from driving import MIB, PATIENCE, Failed, equal, holds


class Target:
    """A server of the test's own, which accepts on loopback and does with each connection what it is told."""

    def __init__(self, act):
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=200)
        self.address = "127.0.0.1:%d" % self.listener.getsockname()[1]
        self.act = act
        self.closing = False
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self):
        while True:
            connection, _ = self.listener.accept()
            if self.closing:
                return connection.close()
            connection.settimeout(PATIENCE)
            threading.Thread(target=self.act, args=(connection,), daemon=True).start()

    def close(self):
        """Closes the listener once nobody waits at it: the next one may get its descriptor, and then the wrong thread would accept."""
        self.closing = True
        socket.create_connection(self.listener.getsockname(), PATIENCE).close()
        self.thread.join()
        self.listener.close()


def reset(connection):
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    connection.close()


def answers(text):
    """An answer for each selector, then the end."""
    def act(connection):
        with connection, connection.makefile("rb") as lines:
            connection.sendall(text + lines.readline())
    return act


def fetch(world, *arguments):
    return world.command(world.program("fetch"), *arguments)


def fetch_prints(world):
    """fetch prints all bytes to the end; with --lines each line with its number, the tail included."""
    target = Target(answers(b"one\r\n\0two\n\n" + b"x" * MIB + b"\r\n"))
    everything = b"one\r\n\0two\n\n" + b"x" * MIB + b"\r\nselector\r\n"
    equal(fetch(world, f"tcp:{target.address}", "selector"), (0, everything, ""), "code, stdout and stderr")
    target.close()
    target = Target(answers(b"one\r\ntwo\n\nthe tail "))
    code, out, err = fetch(world, f"tcp:{target.address}", "is here", "--lines")
    equal((code, out, err), (0, b"1 one\n2 two\n3 \n4 the tail is here\n", ""), "code, stdout and stderr")
    target.close()


def fetch_fails(world):
    """fetch tells apart: bad arguments 2, unknown names 3, refused 4, timed out 5, reset midway 6; one line on stderr."""
    silent = Target(lambda connection: kept.append(connection))
    kept, nobody = [], socket.socket()
    nobody.bind(("127.0.0.1", 0))
    refused = "127.0.0.1:%d" % nobody.getsockname()[1]

    def breaks(connection):
        connection.recv(MIB)
        connection.sendall(b"half")
        reset(connection)

    broken = Target(breaks)
    for arguments, code in [
            (["tcp:127.0.0.1", "x"], 2), (["nonsense", "x"], 2), (["tcp:127.0.0.1:80"], 2), ([f"tcp:{refused}", "x", "--timeout"], 2),
            ([f"tcp:{refused}", "x", "--timeout", "-1"], 2), ([f"tcp:{refused}", "x", "--wrong"], 2),
            (["tcp:no-such-host.invalid:80", "x"], 3), (["tcp:127.0.0.1:no-such-service", "x"], 3),
            ([f"tcp:{refused}", "x"], 4), ([f"tcp:{silent.address}", "x", "--timeout", "0.2"], 5), ([f"tcp:{broken.address}", "x"], 6)]:
        got, _, err = fetch(world, *arguments)
        equal((got, err.count("\n")), (code, 1), f"exit code and lines on stderr of {arguments}")
    code, out, _ = fetch(world, "--help")
    holds(code == 0 and out.startswith(b"Usage: fetch "), "no usage")
    silent.close()
    broken.close()
    nobody.close()


def echoes(connection):
    with connection:
        while data := connection.recv(MIB):
            connection.sendall(data)


def forwarded(world, act):
    target = Target(act)
    return world.start("forward", "tcp:0", f"tcp:{target.address}"), target


def forward_half_closes(world):
    """forward passes bytes and ends on, each direction for itself."""
    def act(connection):
        with connection:
            question = b""
            while data := connection.recv(MIB):
                question += data
            connection.sendall(b"you said " + question)

    server, target = forwarded(world, act)
    world.connect(server.address).send(b"hello").finish().ends(b"you said hello")
    host, port = server.address.split(":")
    code, out, _ = world.command("nc", "-N", host, port, data=b"by netcat")
    equal((code, out), (0, b"you said by netcat"), "exit code and output of nc")
    target.close()
    server.terminate()


def forward_many(world):
    """forward carries 100 transfers of 10 MB each way at once, in bounded memory."""
    server, target = forwarded(world, echoes)
    wrong = []

    def transfer(number):
        data = bytes([number]) * (10 * 1000 * 1000)
        host, port = server.address.split(":")
        with socket.create_connection((host, int(port)), PATIENCE) as client:
            def send():
                client.sendall(data)
                client.shutdown(socket.SHUT_WR)
            sender = threading.Thread(target=send, daemon=True)
            sender.start()
            size = 0
            while part := client.recv(MIB):
                if part.strip(bytes([number])):
                    wrong.append(f"{number}: somebody else's bytes")
                size += len(part)
            if size != len(data):
                wrong.append(f"{number}: {size} bytes")

    threads = [threading.Thread(target=transfer, args=(number,), daemon=True) for number in range(100)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    equal(wrong, [], "what went wrong")
    # Each of 200 outputs holds at most its high mark and one read.
    peak = server.peak_memory()
    holds(peak < 100 * MIB, f"{peak // MIB} MiB")
    target.close()
    server.terminate()


def forward_unreachable(world):
    """a client is closed at once if the target can't be reached, and the next one is tried anew."""
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        server = world.start("forward", "tcp:0", "tcp:127.0.0.1:%d" % nobody.getsockname()[1])
        for _ in range(3):
            world.connect(server.address).ends()
        server.terminate()


def forward_deaths(world):
    """a reset is passed on, both ways; who never reads holds little, and holds nobody else up."""
    heard = threading.Event()

    def act(connection):
        try:
            if connection.recv(5) == b"break":
                return reset(connection)
            while data := connection.recv(MIB):
                connection.sendall(data)
        except ConnectionResetError:
            heard.set()

    server, target = forwarded(world, act)
    steady = world.connect(server.address, "steady")
    equal(steady.send(b"steady").exactly(1), b"y", "the echo")
    client = world.connect(server.address)
    client.send(b"break")
    try:
        client.rest()
        raise Failed("an end in order, where the target broke the connection")
    except ConnectionResetError:
        pass
    client = world.connect(server.address)
    equal(client.send(b"12345678").exactly(3), b"678", "the echo")
    client.breaks()
    holds(heard.wait(PATIENCE), "the target hears of no reset")
    greedy = world.connect(server.address, "greedy", small=True)
    greedy.socket.settimeout(1)
    try:
        greedy.send(b"z" * 64 * MIB)
        raise Failed("64 MiB were taken from one who does not read")
    except TimeoutError:
        pass
    equal(steady.send(b"still").exactly(5), b"still", "the echo")
    peak = server.peak_memory()
    holds(peak < 30 * MIB, f"{peak // MIB} MiB")
    target.close()
    server.signal(15)
    server.end()


FETCH = [fetch_prints, fetch_fails]
FORWARD = [forward_half_closes, forward_many, forward_unreachable, forward_deaths]
