"""Drives framed_echo: each framing's limit, one byte more, what is bad, what is half, and what --max makes of it."""

import struct

from driving import Failed, equal, holds


def netstring(frame):
    return b"%d:%s," % (len(frame), frame)


def line(frame):
    return frame + b"\r\n"


def prefixed(form):
    return lambda frame: struct.pack(form, len(frame)) + frame


# Each framing: how a frame is written, its limit, the most that can be said, and what tells that a frame is one too long.
FRAMINGS = {
    "int8": (prefixed(">B"), 255, 255, 1),
    "int16": (prefixed(">H"), 65_535, 65_535, 2),
    "int32": (prefixed(">I"), 99_999, None, 4),
    "netstring": (netstring, 99_999, None, 6),
    "lines": (line, 16_384, None, None),
}


def start(world, framing, *arguments):
    return world.start("framed_echo", "tcp:0", "--framing", framing, *arguments)


def converses(world, server, data, replies, byte_by_byte=False):
    """Sends bytes and FIN; the replies have to be these."""
    client = world.connect(server.address)
    for n in range(len(data)) if byte_by_byte else [None]:
        client.socket.sendall(data if n is None else data[n : n + 1])
    client.finish().ends(replies)


def is_refused(world, server, data, replies):
    """After these bytes, and without a FIN of ours: the replies, then the end."""
    client = world.connect(server.address)
    client.send(data).ends(replies)


def framed_frames(world):
    """frames come back in their framing, empty ones and such that hold delimiters too; the same a byte at a time."""
    frames = [b"hello", b"", b"\0\xff,:;", b"x" * 200, b"1:a,"]
    for framing, (encode, *_) in FRAMINGS.items():
        server = start(world, framing)
        data = b"".join(map(encode, frames))
        converses(world, server, data, data)
        converses(world, server, data, data, byte_by_byte=True)
        converses(world, server, b"", b"")
        server.terminate()


def framed_limits(world):
    """just the limit passes; one byte more is refused before it comes, and the frames before it are answered."""
    for framing, (encode, limit, most, told_by) in FRAMINGS.items():
        server = start(world, framing)
        longest = encode(b"x" * limit)
        good = encode(b"good")
        converses(world, server, longest + good, longest + good)
        if framing == "lines":
            is_refused(world, server, good + b"x" * (limit + 1), good)
        elif limit != most:
            is_refused(world, server, good + encode(b"x" * (limit + 1))[:told_by], good)
        server.terminate()


def framed_max(world):
    """--max is the limit, and is capped by what the length can say."""
    for framing, (encode, _, most, told_by) in FRAMINGS.items():
        server = start(world, framing, "--max", "5")
        good = encode(b"12345")
        converses(world, server, good, good)
        told = None if framing == "lines" else 1 if framing == "netstring" else told_by
        is_refused(world, server, good + encode(b"123456")[:told], good)
        server.terminate()
        server = start(world, framing, "--max", "200000")
        longest = encode(b"x" * (most or 200_000))
        converses(world, server, longest, longest)
        server.terminate()


def framed_netstrings(world):
    """a bad netstring: the good ones before it are answered, then FIN; what follows it is not heard."""
    server = start(world, "netstring")
    good = b"5:hello,0:,"
    bad = [b"01:a,", b"00:,", b"+1:a,", b"-1:a,", b" 1:a,", b"1 :a,", b"1\n:a,", b"1:a;", b"1:ab", b":,", b"a", b",", b"0:x",
           b"100000", b"999999999999999999999999999"]
    for wrong in bad:
        is_refused(world, server, good + wrong, good)
        # What has come by then and is not heard must not destroy the replies.
        is_refused(world, server, good + wrong + b"1:b," * 1000, good)
    # A sixth digit is one too many.
    client = world.connect(server.address)
    client.send(good + b"99999")
    equal(client.exactly(len(good)), good, "the replies to what is good")
    client.send(b"9").ends()
    server.terminate()


def framed_halves(world):
    """half a frame at the end is dropped; of lines it is answered."""
    for framing, (encode, *_) in FRAMINGS.items():
        server = start(world, framing)
        good, half = encode(b"good"), encode(b"half")
        for size in range(1, len(half)):
            tail = b"half"[:size] + b"\r\n" if framing == "lines" else b""
            converses(world, server, good + half[:size], good + tail)
        server.terminate()


def framed_arguments(world):
    """a framing or a limit that is none: one line on stderr, exit code 2."""
    for arguments, words in (
        ([], "--framing"),
        (["--framing"], "int8|int16|int32|netstring|lines"),
        (["--framing", "int64"], '"int64"'),
        (["--framing", "int8", "--max"], "--max"),
        (["--framing", "int8", "--max", "-1"], '"-1"'),
        (["--framing", "int8", "--max", "many"], '"many"'),
        (["--framing", "int8", "--fast"], '"--fast"'),
        (["--framing", "int8", "tcp:"], "at byte 4"),
    ):
        code, out, err = world.command(world.program("framed_echo"), *arguments)
        equal((code, out, err.count("\n")), (2, b"", 1), f"exit code, stdout and lines on stderr of {arguments}")
        holds("expected" in err and words in err, f"not what was expected ({words}): {err!r}")
    code, out, _ = world.command(world.program("framed_echo"), "--help")
    holds(code == 0 and out.startswith(b"Usage: framed_echo "), "no usage")


def framed_many_endpoints(world):
    """several endpoints at once, each with the framing."""
    server = world.start("framed_echo", "tcp:0", "tcp:0:interface=*", "--framing", "int16", expect=2)
    for address in server.addresses:
        world.connect(address).send(b"\0\x02hi").finish().ends(b"\0\x02hi")
    server.terminate()


def framed_large(world):
    """a length of four gigabytes costs nothing, however often it is announced."""
    server = start(world, "int32", "--max", str(2**32))
    before = server.peak_memory()
    for _ in range(100):
        client = world.connect(server.address)
        client.send(b"\xff\xff\xff\xff" + b"x" * 1000)
    steady = world.connect(server.address, "steady")
    equal(steady.send(b"\0\0\0\x02hi").exactly(6), b"\0\0\0\x02hi", "the echo")
    growth = server.peak_memory() - before
    if growth > 32 << 20:
        raise Failed(f"the server's memory grew by {growth} bytes")
    for client in world.clients:
        client.close()
    server.terminate()


FRAMED = [framed_frames, framed_limits, framed_max, framed_netstrings, framed_halves, framed_arguments, framed_many_endpoints,
          framed_large]
