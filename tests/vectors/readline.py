"""Records what Python's readline() makes of streams, for src/framing/lines/tests.rs.

Run it in this directory: python3 readline.py. It writes readline.txt, the same each time: a stream a line, as
    MODE STREAM LINE LINE ...
in hex, "-" being the empty stream. A line is as readline() returned it, with its end.
  lf    makefile("rb").readline()
  crlf  makefile("r", newline="\\r\\n", encoding="latin-1").readline()
"""

import random
import socket

MODES = {
    "lf": ("rb", {}),
    "crlf": ("r", {"newline": "\r\n", "encoding": "latin-1"}),
}

BY_HAND = [
    b"",
    b"\n", b"\r", b"\r\n", b"\n\r", b"\n\n\n", b"\r\r\r", b"\r\n\r\n\r\n", b"\r\r\n", b"\r\n\n", b"\n\r\n",
    b"a", b"a\n", b"a\r", b"a\r\n", b"a\nb", b"a\rb", b"a\r\nb", b"a\r\nb\r", b"a\r\nb\n", b"a\nb\r\n", b"a\r\r\nb",
    b"one\rtwo\rthree", b"one\rtwo\rthree\r", b"\rone\ntwo\r", b"ends with a lone CR\r",
    b"\0", b"\0\n\0\r\n\0", b"nul \0 inside\n", b"\xff", b"\xff\n\xff\r\n\xff", b"\xff\xfe\xfd\r\n", b"\x85\xa0\x1c\x1d\x0b\x0c\n",
    "z\u00fcrich \u2028 \u6771\u4eac\r\nnext".encode(),
    b"x" * 4096 + b"\r\n" + b"y" * 4095 + b"\r" + b"\nz",  # CRLF across the ends of buffers
    b"long " * 1700 + b"\r\nshort\nlast",
    b"\n" * 300, b"\r\n" * 300, b"\r" * 300,
]


def by_chance(dice):
    alphabet = dice.choice([b"a\r\n", b"ab\r\n", b"abc \r\n\r\n", bytes(range(256)), b"\0\xff\r\n", b"\r\n"])
    return bytes(dice.choices(alphabet, k=dice.choice([3, 8, 20, 60])))


def lines(mode, stream):
    how, options = MODES[mode]
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(stream)
        theirs.shutdown(socket.SHUT_WR)
        with ours.makefile(how, **options) as file:
            for line in iter(file.readline, file.read(0)):  # read(0) is this mode's empty string
                yield line if isinstance(line, bytes) else line.encode("latin-1")


def main():
    dice = random.Random(8007)
    streams = BY_HAND + [by_chance(dice) for _ in range(160)]
    with open("readline.txt", "w", newline="\n") as out:
        for mode in MODES:
            for stream in streams:
                found = list(lines(mode, stream))
                assert b"".join(found) == stream
                print(mode, stream.hex() or "-", *(line.hex() for line in found), file=out)


main()
