"""What a check needs to drive a server from outside: the process, its clients, and a transcript of what both said.

Nothing here sleeps to wait for something to happen: it waits on sockets and pipes, and PATIENCE is only how long until a
thing that does not happen counts as a failure.
"""

import os
import select
import signal
import socket
import subprocess
import tempfile
import time

PATIENCE = 60.0
# A machine that stalls is no fault of the program, and its warning of a slow turn no surprise where each line is counted.
UNHURRIED = {"RUST_LOG": "warn,ropewalk::slow=off"}
MIB = 1 << 20


class Failed(Exception):
    """A server did not do what its contract says."""


class Transcript:
    """What was done and seen in one check, to be shown if it fails."""

    def __init__(self):
        self.lines = []

    def note(self, who, what):
        if isinstance(what, bytes):
            size = f" ({len(what)} bytes)" if len(what) > 120 else ""
            what = repr(what[:120])[1:] + size
        self.lines.append(f"    {who:<10} {what}")

    def __str__(self):
        return "\n".join(self.lines[-60:])


class Server:
    """A running example, and the addresses it says that it listens on."""

    def __init__(self, world, program, *arguments, expect=1, env=None, wrapper=(), stdout=subprocess.PIPE, stderr=None,
                 pass_fds=()):
        self.world = world
        self.name = os.path.basename(program)
        self.stderr_file = tempfile.TemporaryFile()
        command = [*wrapper, program, *arguments]
        world.transcript.note(self.name, "$ " + " ".join(command[len(wrapper):]))
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=self.stderr_file if stderr is None else stderr,
            env={**world.env, **(env or {})},
            pass_fds=pass_fds,
        )
        world.servers.append(self)
        self.said = b""
        self.addresses = []
        for _ in range(expect):
            line = self.stdout_line()
            if not line.startswith("listening on "):
                raise Failed(f"expected 'listening on ADDRESS' on stdout, got {line!r}")
            self.addresses.append(line.removeprefix("listening on "))

    @property
    def address(self):
        return self.addresses[0]

    def stdout_line(self):
        while b"\n" not in self.said:
            if not select.select([self.process.stdout], [], [], PATIENCE)[0]:
                raise Failed("nothing on stdout")
            data = os.read(self.process.stdout.fileno(), 65536)
            if not data:
                raise Failed(f"stdout ended; stderr: {self.stderr()!r}")
            self.said += data
        line, self.said = self.said.split(b"\n", 1)
        self.world.transcript.note(self.name, line)
        return line.decode()

    def stderr(self):
        self.stderr_file.seek(0)
        return self.stderr_file.read().decode(errors="replace")

    def signal(self, number):
        self.world.transcript.note(self.name, signal.Signals(number).name)
        self.process.send_signal(number)

    def wait(self):
        """Its exit code, and the rest of its stdout."""
        try:
            code = self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            raise Failed("the server does not end") from None
        rest = self.process.stdout.read() if self.process.stdout else b""
        self.world.transcript.note(self.name, f"exit code {code}")
        return code, self.said + rest

    def terminate(self):
        """An orderly end by SIGTERM; nothing more was said on stdout."""
        self.signal(signal.SIGTERM)
        code, rest = self.wait()
        equal(code, 0, "exit code after SIGTERM")
        equal(rest, b"", "the rest of stdout")

    def peak_memory(self):
        """The most memory that was ever resident, in bytes."""
        with open(f"/proc/{self.process.pid}/status", encoding="ascii") as status:
            for line in status:
                if line.startswith("VmHWM:"):
                    return int(line.split()[1]) * 1024
        raise Failed("no VmHWM")

    def end(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        if self.process.stdout:
            self.process.stdout.close()
        self.stderr_file.close()


def endpoint_of(address):
    """`127.0.0.1:8007` or `[::1]:8007`, as a socket takes it."""
    host, _, port = address.rpartition(":")
    return host.strip("[]").replace("0.0.0.0", "127.0.0.1"), int(port)


def socket_for(address):
    """A socket of the family of an address, and the address as it takes it."""
    if address.startswith("unix:"):
        path = address.removeprefix("unix:")
        return socket.socket(socket.AF_UNIX), "\0" + path[1:] if path.startswith("@") else path
    host, port = endpoint_of(address)
    return socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET), (host, port)


class Client:
    """A scripted telnet."""

    def __init__(self, world, address, name="client", small=False):
        self.world, self.name = world, name
        self.socket, target = socket_for(address)
        if small:
            # Its kernel takes little, and so the server's takes little for it: what it does not read waits in the server.
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, 536)
        self.socket.settimeout(PATIENCE)
        self.socket.connect(target)
        if self.socket.family != socket.AF_UNIX:
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        world.clients.append(self)
        self.received = b""
        world.transcript.note(name, f"connects to {address}")

    def note(self, what):
        self.world.transcript.note(self.name, what)

    def send(self, data):
        data = data if isinstance(data, bytes) else data.encode()
        self.note(b"> " + data)
        self.socket.sendall(data)
        return self

    def say(self, *lines):
        return self.send("".join(line + "\r\n" for line in lines))

    def read_more(self):
        """More bytes, or `False` at the end."""
        try:
            data = self.socket.recv(MIB)
        except TimeoutError:
            raise Failed(f"{self.name}: nothing comes; unread: {self.received[-200:]!r}") from None
        self.received += data
        return bool(data)

    def line(self):
        """The next line, without its CRLF."""
        while b"\n" not in self.received:
            if not self.read_more():
                raise Failed(f"{self.name}: the end, and not a line, after {self.received[-200:]!r}")
        line, self.received = self.received.split(b"\n", 1)
        self.note(b"< " + line)
        if not line.endswith(b"\r"):
            raise Failed(f"{self.name}: a line without CR: {line!r}")
        return line[:-1].decode()

    def hear(self, *lines):
        for expected in lines:
            equal(self.line(), expected, f"what {self.name} hears")
        return self

    def exactly(self, size):
        """The next `size` bytes."""
        parts, have = [self.received], len(self.received)
        while have < size:
            self.received = b""
            if not self.read_more():
                raise Failed(f"{self.name}: the end after {have} of {size} bytes")
            parts.append(self.received)
            have += len(self.received)
        data = b"".join(parts)
        data, self.received = data[:size], data[size:]
        self.note(b"< " + data)
        return data

    def until(self, mark):
        """All up to and with a line, as bytes: the quick way through many lines."""
        parts, tail = [self.received], self.received
        while mark not in tail:
            self.received = b""
            if not self.read_more():
                raise Failed(f"{self.name}: the end before {mark!r}")
            parts.append(self.received)
            tail = (tail[-len(mark):] + self.received)
        data = b"".join(parts)
        end = data.index(mark) + len(mark)
        data, self.received = data[:end], data[end:]
        self.note(f"< {len(data)} bytes up to {mark!r}")
        return data

    def finish(self):
        """FIN: nothing more is sent."""
        self.note("FIN")
        self.socket.shutdown(socket.SHUT_WR)
        return self

    def rest(self):
        """All up to the server's FIN."""
        parts = [self.received]
        self.received = b""
        while self.read_more():
            parts.append(self.received)
            self.received = b""
        data = b"".join(parts)
        self.note(b"< " + data)
        self.note("< FIN")
        return data

    def ends(self, rest=b""):
        equal(self.rest(), rest, f"what {self.name} hears up to the end")
        self.close()

    def breaks(self):
        """RST."""
        self.note("RST")
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.socket.close()

    def close(self):
        self.socket.close()


class Tool:
    """A client program of somebody else's, talked to through its stdin and stdout."""

    def __init__(self, world, command):
        self.world, self.name = world, command[0]
        world.transcript.note(self.name, "$ " + " ".join(command))
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=world.env)
        self.said = b""

    def say(self, data):
        self.world.transcript.note(self.name, b"> " + data)
        self.process.stdin.write(data)
        self.process.stdin.flush()

    def line(self):
        while b"\n" not in self.said:
            if not select.select([self.process.stdout], [], [], PATIENCE)[0]:
                raise Failed(f"{self.name} prints nothing")
            data = os.read(self.process.stdout.fileno(), 65536)
            if not data:
                raise Failed(f"{self.name} ended")
            self.said += data
        line, self.said = self.said.split(b"\n", 1)
        self.world.transcript.note(self.name, line)
        return line.decode()

    def wait(self):
        self.process.stdin.close()
        return self.process.wait(PATIENCE)

    def stderr(self):
        return ""

    def end(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()


class World:
    """What one check has started; all of it ends with the check."""

    def __init__(self, binaries):
        self.binaries = binaries
        self.transcript = Transcript()
        self.servers, self.clients = [], []
        self.env = {key: value for key, value in os.environ.items() if key != "RUST_LOG"}

    def program(self, name):
        return os.path.join(self.binaries, name)

    def start(self, name, *arguments, **options):
        return Server(self, self.program(name), *arguments, **options)

    def connect(self, address, name="client", **options):
        return Client(self, address, name, **options)

    def command(self, *command, data=b""):
        """Runs a command with something to read: its exit code, stdout and stderr."""
        self.transcript.note("shell", "$ " + " ".join(repr(part)[1:-1] if isinstance(part, str) else repr(part) for part in command))
        done = subprocess.run(command, input=data, capture_output=True, timeout=PATIENCE, env={**self.env, **UNHURRIED}, check=False)
        self.transcript.note("shell", f"exit code {done.returncode}, stdout {done.stdout[:200]!r}, stderr {done.stderr[:300]!r}")
        return done.returncode, done.stdout, done.stderr.decode(errors="replace")

    def start_tool(self, *command):
        tool = Tool(self, command)
        self.servers.append(tool)
        return tool

    def end(self):
        for client in self.clients:
            client.close()
        for server in self.servers:
            server.end()


def equal(got, expected, what):
    if got != expected:
        show = lambda value: repr(value) if len(repr(value)) < 400 else repr(value)[:400] + f"... ({len(value)})"
        raise Failed(f"{what}: expected {show(expected)}, got {show(got)}")


def holds(truth, what):
    if not truth:
        raise Failed(what)


class Checks:
    """Runs checks, one line each, and counts."""

    def __init__(self, binaries):
        self.binaries = binaries
        self.passed, self.failed = 0, 0

    def run(self, subject, check):
        world = World(self.binaries)
        name = f"{subject}: {check.__doc__.strip().rstrip('.')}"
        begun = time.monotonic()
        try:
            skipped = check(world)
        except (Failed, OSError, subprocess.SubprocessError, ValueError) as error:
            self.failed += 1
            print(f"FAILED  {name}\n  {type(error).__name__}: {error}\n{world.transcript}", flush=True)
            for server in world.servers:
                print(f"  stderr of {server.name}: {server.stderr()[-1000:]!r}", flush=True)
        else:
            if skipped:
                print(f"skipped {name}: {skipped}", flush=True)
            else:
                self.passed += 1
                print(f"ok      {name} ({time.monotonic() - begun:.1f} s)", flush=True)
        finally:
            world.end()

    def summary(self):
        if self.failed:
            print(f"{self.failed} checks failed, {self.passed} passed")
            return 1
        print(f"{self.passed} checks passed")
        return 0
