"""Drives the example that stays connected: ticker."""

import re
import signal
import socket

from driving import PATIENCE, UNHURRIED, equal, holds


def listener(port=0):
    """A server's socket, at a port that was in use just before too."""
    listening = socket.create_server(("127.0.0.1", port), backlog=5)
    listening.settimeout(PATIENCE)
    return listening


def accepted(listening):
    connection, _ = listening.accept()
    connection.settimeout(PATIENCE)
    return connection, connection.makefile("rb")


def address_of(listening):
    return "127.0.0.1:%d" % listening.getsockname()[1]


def start(world, address):
    return world.start("ticker", f"tcp:{address}", expect=0, env=UNHURRIED)


def tick(lines):
    line = lines.readline()
    found = re.fullmatch(rb"tick (\d+)\n", line)
    holds(found, f"no tick: {line!r}")
    return int(found[1])


def ticks_from(lines, first, count):
    equal([tick(lines) for _ in range(count)], list(range(first, first + count)), "the ticks")
    return first + count


def retry(ticker):
    """The seconds of the next line, as printed."""
    line = ticker.stdout_line()
    found = re.fullmatch(r"retry in (\d+\.\d) s", line)
    holds(found, f"expected 'retry in N s', got {line!r}")
    seconds = float(found[1])
    holds(seconds <= 10.0, f"retry in {seconds} s")
    return seconds


def begins(ticker, word):
    line = ticker.stdout_line()
    holds(re.fullmatch(word + " .+", line), f"expected '{word} REASON', got {line!r}")


def ends(ticker, rest):
    """SIGTERM ends it in order."""
    ticker.signal(signal.SIGTERM)
    code, said = ticker.wait()
    equal(code, 0, "exit code after SIGTERM")
    holds(re.fullmatch(rest, said), f"the rest of stdout: {said!r}")


def ticker_counts_on(world):
    """ticker counts on from one connection to the next, and says how each one goes."""
    listening = listener()
    ticker = start(world, address_of(listening))
    begun = 0
    for way in ("closes", "resets", "half-closes"):
        connection, lines = accepted(listening)
        equal(ticker.stdout_line(), f"connected {address_of(listening)}", "the next line")
        first = tick(lines)
        holds(first >= begun, f"tick {first} after {begun}")
        begun = ticks_from(lines, first + 1, 5)
        if way == "resets":
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        if way == "half-closes":
            connection.shutdown(socket.SHUT_WR)
            while line := lines.readline():
                begun = int(line.split()[1]) + 1
        lines.close()
        connection.close()
        begins(ticker, "lost")
        first_wait = retry(ticker)
        holds(first_wait <= 1.0, f"the first retry in {first_wait} s")
    connection, lines = accepted(listening)
    equal(ticker.stdout_line(), f"connected {address_of(listening)}", "the next line")
    # What came to its end in order had all that was counted.
    equal(tick(lines), begun, "the next tick")
    ticker.signal(signal.SIGTERM)
    code, said = ticker.wait()
    equal(code, 0, "exit code after SIGTERM")
    holds(re.fullmatch(rb"lost .+\n", said), f"the rest of stdout: {said!r}")
    last = [line for line in lines]
    holds(all(re.fullmatch(rb"tick \d+\n", line) for line in last), f"the last lines: {last!r}")
    connection.close()
    listening.close()


def ticker_waits_longer(world):
    """ticker calls again while nobody listens, and longer waits follow; then it finds the server that has begun again."""
    listening = listener()
    address = address_of(listening)
    port = listening.getsockname()[1]
    listening.close()
    ticker = start(world, address)
    waits = []
    for _ in range(4):
        begins(ticker, "failed")
        waits.append(retry(ticker))
    # Half of each is left to chance: from 1 s by one and a half.
    for number, wait in enumerate(waits):
        longest = 1.5 ** number
        holds(longest / 2 - 0.06 <= wait <= longest + 0.06, f"wait {number + 1} is {wait} s")
    listening = listener(port)
    connection, lines = accepted(listening)
    equal(ticker.stdout_line(), f"connected {address}", "the next line")
    ticks_from(lines, 0, 3)
    lines.close()
    connection.close()
    listening.close()
    begins(ticker, "lost")
    wait = retry(ticker)
    holds(wait <= 1.0, f"after a connection, retry in {wait} s")
    begins(ticker, "failed")
    retry(ticker)
    ends(ticker, rb"(failed .+\nretry in .+\n)*")


def ticker_refuses(world):
    """ticker refuses bad arguments with exit code 2 and one line on stderr."""
    for arguments in ([], ["nonsense"], ["tcp:127.0.0.1"], ["tcp:127.0.0.1:80", "more"]):
        code, out, err = world.command(world.program("ticker"), *arguments)
        equal((code, out, err.count("\n")), (2, b"", 1), f"exit code, stdout, lines on stderr of {arguments}")
    code, out, _ = world.command(world.program("ticker"), "--help")
    holds(code == 0 and out.startswith(b"Usage: ticker "), "no usage")


TICKER = [ticker_counts_on, ticker_waits_longer, ticker_refuses]
