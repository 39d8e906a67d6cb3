"""Exchanges frames between Twisted and ropewalk, in each framing that Twisted has, with streams that are cut at random.

    python .ci/twisted_peers.py FRAMED_ECHO TWISTED_PEER SEED

A line for each exchange; exit code 1 where one fails. It ends only processes that it started.
"""

import os
import random
import subprocess
import sys

from twisted.internet import defer, endpoints, error, protocol, reactor, task
from twisted.protocols import basic, policies

PATIENCE = 120
FRAMES = 60


class Recut(policies.ProtocolWrapper):
    """Between a protocol and its transport: what is written leaves in random pieces, a turn for each, and what is received comes
    in random pieces."""

    def __init__(self, factory, wrapped):
        policies.ProtocolWrapper.__init__(self, factory, wrapped)
        self.waiting, self.drains, self.ends = b"", False, False

    def piece(self, data):
        return self.factory.chance.randrange(1, 2 + 2 ** self.factory.chance.randrange(14)) if data else 0

    def write(self, data):
        self.waiting += data
        if not self.drains:
            self.drain()

    def writeSequence(self, parts):
        self.write(b"".join(parts))

    def drain(self):
        size = self.piece(self.waiting)
        self.transport.write(self.waiting[:size])
        self.waiting = self.waiting[size:]
        self.drains = bool(self.waiting)
        if self.drains:
            reactor.callLater(0, self.drain)
        elif self.ends:
            policies.ProtocolWrapper.loseConnection(self)

    def loseConnection(self):
        self.ends = True
        if not self.drains:
            policies.ProtocolWrapper.loseConnection(self)

    def dataReceived(self, data):
        while data and self.wrappedProtocol:
            size = self.piece(data)
            policies.ProtocolWrapper.dataReceived(self, data[:size])
            data = data[size:]


class Recutting(policies.WrappingFactory):
    protocol = Recut

    def __init__(self, wrapped, chance):
        policies.WrappingFactory.__init__(self, wrapped)
        self.chance = chance


class Framing:
    """One of Twisted's, with its names for things."""

    def __init__(self, name, base, limit, send="sendString", received="stringReceived", exceeded="lengthLimitExceeded"):
        self.name, self.base, self.limit = name, base, limit
        self.send, self.received, self.exceeded = send, received, exceeded

    def protocol(self, received, lost=None):
        """A protocol that calls `received(self, frame)` for each frame."""
        members = {self.received: received, "sends": getattr(self.base, self.send)}
        if lost:
            members["connectionLost"] = lost
        return type("Peer", (self.base,), members)

    def frame(self, chance):
        """Of any length, the shortest and the longest ones often."""
        kind = chance.randrange(8)
        length = (self.limit if kind == 0 else self.limit - 1 if kind == 1 else chance.randrange(3) if kind == 2
                  else chance.randrange(self.limit) if kind == 3 else chance.randrange(200))
        frame = chance.randbytes(length)
        return frame.replace(b"\r", b" ").replace(b"\n", b" ") if self.name == "lines" else frame


FRAMINGS = [
    Framing("int8", basic.Int8StringReceiver, 255),
    Framing("int16", basic.Int16StringReceiver, 65_535),
    Framing("int32", basic.Int32StringReceiver, 99_999),
    Framing("netstring", basic.NetstringReceiver, 99_999),
    Framing("lines", basic.LineReceiver, 16_384, send="sendLine", received="lineReceived"),
]


class Failed(Exception):
    """The two do not agree."""


@defer.inlineCallbacks
def as_client(framing, program, chance):
    """Twisted sends frames to framed_echo, and has to get the same ones."""
    server = subprocess.Popen([program, "tcp:0", "--framing", framing.name], stdout=subprocess.PIPE, stdin=subprocess.DEVNULL)
    try:
        port = int(server.stdout.readline().rsplit(b":", 1)[1])
        frames = [framing.frame(chance) for _ in range(FRAMES)]
        got, done = [], defer.Deferred()

        def received(self, frame):
            got.append(frame)
            if len(got) == len(frames):
                self.transport.loseConnection()

        def lost(self, reason):
            done.callback(reason.value)

        factory = Recutting(protocol.Factory.forProtocol(framing.protocol(received, lost)), chance)
        peer = yield endpoints.TCP4ClientEndpoint(reactor, "127.0.0.1", port).connect(factory)
        for frame in frames:
            peer.wrappedProtocol.sends(frame)
        reason = yield done.addTimeout(PATIENCE, reactor)
        if not isinstance(reason, error.ConnectionDone) or got != frames:
            raise Failed(f"{len(got)} of {len(frames)} frames came back, then {reason}")
        yield too_long(framing, port, chance)
        return f"{len(frames)} frames, {sum(map(len, frames))} bytes"
    finally:
        server.terminate()
        server.wait(PATIENCE)
        server.stdout.close()


@defer.inlineCallbacks
def too_long(framing, port, chance):
    """After a frame that can be said, and is longer than allowed, the one before it is answered, then comes the end."""
    if framing.limit in (255, 65_535):
        return
    got, done = [], defer.Deferred()
    factory = protocol.Factory.forProtocol(framing.protocol(
        lambda self, frame: got.append(frame), lambda self, reason: done.callback(reason.value)))
    peer = yield endpoints.TCP4ClientEndpoint(reactor, "127.0.0.1", port).connect(Recutting(factory, chance))
    peer.wrappedProtocol.MAX_LENGTH = 10 ** 6
    peer.wrappedProtocol.sends(b"good")
    peer.wrappedProtocol.sends(b"x" * (framing.limit + 1))
    reason = yield done.addTimeout(PATIENCE, reactor)
    if got != [b"good"] or not isinstance(reason, error.ConnectionDone):
        raise Failed(f"one byte too long: {got}, then {reason}")


@defer.inlineCallbacks
def as_server(framing, program, chance):
    """Twisted sends back the frames of a client of ropewalk."""
    factory = Recutting(protocol.Factory.forProtocol(framing.protocol(lambda self, frame: self.sends(frame))), chance)
    port = yield endpoints.TCP4ServerEndpoint(reactor, 0, interface="127.0.0.1").listen(factory)
    try:
        endpoint = f"tcp:127.0.0.1:{port.getHost().port}"
        seed = str(chance.randrange(2 ** 32))
        out, err, code = yield output_of([program, endpoint, framing.name, seed, str(FRAMES)])
        if code != 0:
            raise Failed(f"exit code {code}: {err.decode(errors='replace').strip()}")
        return out.decode().strip()
    finally:
        yield port.stopListening()


def output_of(command):
    """A command's output and exit code, while the reactor serves."""
    done, said = defer.Deferred(), {1: b"", 2: b""}

    class Command(protocol.ProcessProtocol):
        def childDataReceived(self, descriptor, data):
            said[descriptor] += data

        def processEnded(self, reason):
            done.callback((said[1], said[2], reason.value.exitCode))

    process = reactor.spawnProcess(Command(), command[0], command, env=os.environ)

    def give_up(failure):
        if process.pid:
            process.signalProcess("KILL")
        return failure

    return done.addTimeout(PATIENCE, reactor).addErrback(give_up)


@defer.inlineCallbacks
def main(_reactor, echo, client, seed):
    print(f"seed {seed}", flush=True)
    wrong = 0
    for framing in FRAMINGS:
        for who, exchange, program in (("client", as_client, echo), ("server", as_server, client)):
            chance = random.Random(f"{seed} {framing.name} {who}")
            try:
                what = yield exchange(framing, program, chance)
                print(f"ok      Twisted as {who}, {framing.name}: {what}", flush=True)
            except (Failed, defer.TimeoutError, OSError, ValueError) as why:
                wrong += 1
                print(f"FAILED  Twisted as {who}, {framing.name}: {why or type(why).__name__}", flush=True)
    if wrong:
        raise SystemExit(1)


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit("usage: twisted_peers.py FRAMED_ECHO TWISTED_PEER SEED")
    task.react(main, sys.argv[1:])
