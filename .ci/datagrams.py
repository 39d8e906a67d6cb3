"""Drives the example for datagrams: udp_echo."""

import socket
import tempfile

from driving import PATIENCE, UNHURRIED, Failed, endpoint_of, equal, holds

LONGEST = 65_507


class Asker:
    """A socket that sends to a server, and hears whoever answers."""

    def __init__(self, world, address, name="asker", bind=None):
        self.world, self.name, self.to = world, name, endpoint_of(address)
        self.socket = socket.socket(socket.AF_INET6 if ":" in self.to[0] else socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.settimeout(PATIENCE)
        if bind:
            self.socket.bind(bind)
        world.clients.append(self)

    def send(self, data):
        self.world.transcript.note(self.name, b"> " + data)
        self.socket.sendto(data, self.to)
        return self

    def hear(self, expected):
        try:
            data, sender = self.socket.recvfrom(1 << 17)
        except TimeoutError:
            raise Failed(f"{self.name}: nothing comes in place of {expected[:80]!r}") from None
        self.world.transcript.note(self.name, b"< " + data)
        equal((data, sender[:2]), (expected, self.to), f"what {self.name} hears, and from whom")
        return self

    def has_heard_nothing(self):
        self.socket.setblocking(False)
        try:
            raise Failed(f"{self.name} hears {self.socket.recv(1 << 17)!r}")
        except BlockingIOError:
            self.socket.settimeout(PATIENCE)

    def close(self):
        self.socket.close()


def start(world, *arguments, **options):
    return world.start("udp_echo", *arguments, env=UNHURRIED, **options)


def there_and_back(world):
    """each datagram comes back to whom it came from: short ones, empty ones, the longest there is, of both versions."""
    server = start(world, "udp:0", "udp6:0", expect=2)
    for address in server.addresses:
        one, other = Asker(world, address, "one"), Asker(world, address, "other")
        for data in (b"hello", b"", b"\0\xff", b"x" * 9000, bytes(range(251)) * 261, b"end"):
            data = data[:LONGEST]
            one.send(data)
            other.send(data + b"!" if len(data) < LONGEST else data)
            one.hear(data)
            other.hear(data + b"!" if len(data) < LONGEST else data)
    server.terminate()


def many_askers(world):
    """two hundred askers get what each of them asked."""
    server = start(world, "udp:0")
    askers = [Asker(world, server.address, f"asker{n}") for n in range(200)]
    for turn in range(5):
        for n, asker in enumerate(askers):
            asker.send(b"%d in turn %d" % (n, turn))
        for n, asker in enumerate(askers):
            asker.hear(b"%d in turn %d" % (n, turn))
    server.terminate()


def nobody_left(world):
    """an asker that is gone when its answer comes harms nobody."""
    server = start(world, "udp:0")
    for _ in range(100):
        gone = Asker(world, server.address, "gone")
        gone.send(b"goodbye").close()
    Asker(world, server.address).send(b"still there?").hear(b"still there?")
    server.terminate()
    equal(server.stderr(), "", "stderr")


def a_flood(world):
    """after a flood faster than anybody reads the server answers as before."""
    server = start(world, "udp:0")
    flood = Asker(world, server.address, "flood")
    for _ in range(20_000):
        flood.socket.sendto(b"drop " * 40, flood.to)
    # What the system dropped of it is lost, and so may be a question behind it.
    asker = Asker(world, server.address)
    asker.socket.settimeout(PATIENCE / 60)
    for _ in range(60):
        asker.send(b"and now?")
        try:
            asker.hear(b"and now?")
            break
        except Failed:
            continue
    else:
        raise Failed("the server does not answer any more")
    server.terminate()


def no_endless_talk(world):
    """another such service is not answered, for it would answer the answer."""
    server = start(world, "udp:0")
    port = endpoint_of(server.address)[1]
    service = Asker(world, server.address, "service", bind=("127.0.0.2", port))
    asker = Asker(world, server.address)
    service.send(b"echo")
    asker.send(b"hello").hear(b"hello")
    service.has_heard_nothing()
    server.terminate()


def no_room(world):
    """an answer that the system has no room for is sent later; one that it refuses costs nobody else's."""
    def traced(log, *options):
        wrapper = ("strace", "-D", "-f", "-qq", "-o", log.name, "-e", "trace=sendto", *options, "--")
        server = start(world, "udp:0", wrapper=wrapper)
        return server, Asker(world, server.address).send(b"0").hear(b"0")

    with tempfile.NamedTemporaryFile() as log:
        server, _ = traced(log)
        server.terminate()
        # A program sends more than its answers, to itself when it begins.
        calls = [line for line in log.read().decode().splitlines() if "sendto(" in line]
        second = 2 + next(n for n, line in enumerate(calls) if '"0"' in line)
    for error, is_lost in (("EAGAIN", False), ("ENOBUFS", True), ("EPERM", True), ("EINTR", False)):
        with tempfile.NamedTemporaryFile() as log:
            server, asker = traced(log, "-e", f"inject=sendto:error={error}:when={second}")
            asker.send(b"1")
            # There was room all the time, so the system does not say that there is again; what comes says so too.
            asker.socket.settimeout(PATIENCE / 60)
            for _ in range(60):
                asker.send(b"2")
                try:
                    asker.hear(b"2" if is_lost else b"1")
                    break
                except Failed as nothing:
                    if "nothing comes" not in str(nothing):
                        raise
            else:
                raise Failed(f"no answer after {error}")
            server.terminate()
            warnings = server.stderr().count("is not sent")
            equal(warnings, int(is_lost), f"warnings after {error}: {server.stderr()!r}")


def bad_endpoints(world):
    """--help, and what is no endpoint of datagrams: one line on stderr, exit code 2; an address that is taken: 1."""
    code, out, err = world.command(world.program("udp_echo"), "--help")
    equal((code, err), (0, ""), "exit code and stderr")
    holds(out.startswith(b"Usage: udp_echo "), "no usage")
    for endpoint, where in (("udp:", "at byte 4"), ("udp:70000", "at byte 4"), ("tcp:8007", "udp"), ("nonsense", "at byte 0"),
                            ("udp:0:colour=red", "at byte 6"), ("udp:example.com:53", "at byte 4"), ("udp:no-such-service", "at byte 4"),
                            ("--port", '"--port"')):
        code, out, err = world.command(world.program("udp_echo"), endpoint)
        equal((code, out), (2, b""), f"exit code and stdout of {endpoint}")
        holds(err.count("\n") == 1 and "expected" in err and where in err, f"not what was expected and where ({where}): {err!r}")
    server = start(world, "udp:0")
    port = endpoint_of(server.address)[1]
    code, out, err = world.command(world.program("udp_echo"), "udp:0", f"udp:{port}")
    equal((code, out), (1, b""), "exit code and stdout for an address that is taken")
    holds(err.count("\n") == 1 and str(port) in err, f"stderr: {err!r}")
    server.terminate()


def by_netcat(world):
    """nc -u, somebody else's client, hears what it said."""
    server = start(world, "udp:0")
    host, port = endpoint_of(server.address)
    tool = world.start_tool("nc", "-u", host, str(port))
    tool.say(b"hello\n")
    equal(tool.line(), "hello", "what nc hears")
    tool.end()
    server.terminate()


UDP_ECHO = [there_and_back, many_askers, nobody_left, a_flood, no_endless_talk, no_room, bad_endpoints, by_netcat]
