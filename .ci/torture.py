#!/usr/bin/env python3
"""Fails each system call of the examples in turn, by strace, and looks whether they keep their contract.

    python3 .ci/torture.py target/release/examples [--only TEXT] [--budget SECONDS] [--seed NUMBER]

A run without a failure counts the calls. Then each of them fails once with each error that it may have. Every time: at
most one client is lost, and has heard nothing wrong before; the others are served, and so is one that comes later; no
descriptor is left open, the server sleeps when there is nothing to do, says nothing of a panic, and ends in order by
SIGTERM. It ends only processes that it started.
"""

import argparse
import collections
import concurrent.futures
import os
import random
import re
import subprocess
import sys
import tempfile
import threading
import time

import driving
import players
from driving import Failed, World, equal, holds

CALL = re.compile(r"^(?:\d+ +)?(\w+)\(")
# What each call may be told. An error that comes instead of the call is sound where the call has no effect to be missed.
ERRORS = {
    "accept4": "EMFILE ENFILE ENOBUFS ENOMEM ECONNABORTED EPERM EINTR EPROTO".split(),
    "recvfrom": "ECONNRESET ETIMEDOUT ENOBUFS EINTR EAGAIN".split(),
    "sendto": "ECONNRESET EPIPE ENOBUFS EINTR EAGAIN".split(),
    "sendmsg": "ECONNRESET EPIPE ENOBUFS EINTR EAGAIN".split(),
    "epoll_wait": ["EINTR"],
    "epoll_pwait": ["EINTR"],
    "epoll_ctl": ["ENOMEM", "ENOSPC"],
    "shutdown": ["ENOTCONN", "ENOBUFS"],
    "close": ["EINTR", "EIO"],
    "setsockopt": ["ENOBUFS", "EINVAL"],
    "getsockopt": ["ENOBUFS"],
    "getsockname": ["ENOBUFS"],
    "getpeername": ["ENOTCONN", "ENOBUFS"],
    "socket": ["EMFILE", "ENFILE", "ENOBUFS"],
    "connect": ["ENETUNREACH", "ECONNREFUSED", "EADDRNOTAVAIL", "ETIMEDOUT", "EPERM"],
}
# Results that the call did not have: bytes that were not sent, or not received. What is said is then wrong, but to whom
# that is done alone; nothing else may follow from it.
RESULTS = {"recvfrom": [0, 1], "sendto": [0, 1], "sendmsg": [0, 1]}
# Of all cases, so large a share may be left out because time did not suffice.
MOST_LEFT_OUT = 0.1
# These last for a while, or for ever: then nobody new comes in, but those who are in are served.
WANTS = ["EMFILE", "ENFILE", "ENOBUFS", "ENOMEM"]
PATIENCE = driving.PATIENCE = 10.0


class Case:
    """One failure of one call of one program."""

    def __init__(self, program, call, when, fault):
        self.program, self.call, self.when, self.fault = program, call, when, fault

    def __str__(self):
        return f"{self.program}: {self.call} no. {self.when}: {self.fault}"

    def tracer(self, log):
        inject = f"inject={self.call}:{self.fault}:when={self.when}"
        return tracer(log, "-e", f"trace={self.call}", "-e", inject)

    @property
    def keeps_words(self):
        """Whether who is hit can tell. A close that fails was not made, so its peer may hear of no end."""
        return not self.fault.startswith("retval") and self.call != "close"

    @property
    def turns_away(self):
        """Whether whoever calls just then is turned away, with the descriptor that is held in reserve for that."""
        return self.call == "accept4" and self.fault in ("error=EMFILE", "error=ENFILE")

    @property
    def spared(self):
        """Descriptors that may stay: of a close that was not made, of an end that was made to be not there yet."""
        return 1 if self.call == "close" or self.fault == "error=EAGAIN" or self.call == "recvfrom" and not self.keeps_words else 0

    @property
    def most_lost(self):
        return len(players.NAMES) if self.turns_away or self.fault.startswith("retval") else 1

    @property
    def is_for_ever(self):
        return str(self.when).endswith("+")


def tracer(log, *options):
    # With -D the tracer stands aside, and the process we start is the program itself.
    return ("strace", "-D", "-f", "-qq", "-s", "16", "-o", log, *options, "--")


class Server:
    """A server under torture, as a player needs it."""

    def __init__(self, world, program, wrapper):
        self.running = world.start(program, "tcp:0", wrapper=wrapper, env={"RUST_BACKTRACE": "0"})
        self.pid = self.running.process.pid
        self.descriptors = self.count_descriptors()

    @property
    def address(self):
        return self.running.address

    def count_descriptors(self):
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def cpu_seconds(self):
        with open(f"/proc/{self.pid}/schedstat", encoding="ascii") as file:
            return int(file.read().split()[0]) / 1e9

    def has_let_go(self, spared):
        """All descriptors of connections are closed again, by and by."""
        end = time.monotonic() + PATIENCE
        while self.count_descriptors() > self.descriptors + spared:
            holds(time.monotonic() < end, f"{self.count_descriptors()} descriptors, {self.descriptors} in the beginning")
            time.sleep(0.005)

    def sleeps(self):
        """With nothing to do it takes no time of the processor; a turn now and then is a timer's."""
        begun, moment = self.cpu_seconds(), 0.1
        time.sleep(moment)
        spent = self.cpu_seconds() - begun
        holds(spent < moment / 4, f"{spent:.3f} s of the processor in {moment} s of nothing to do")


def count_calls(binaries, program):
    """How often each call is made before the program serves, and then."""
    world = World(binaries)
    try:
        with tempfile.NamedTemporaryFile("r") as log:
            server = Server(world, program, tracer(log.name))
            played = players.PLAYERS[program](server)
            played.ends()
            equal(played.lost, [], "clients lost without a failure")
            server.has_let_go(0)
            server.running.terminate()
            # What follows the signal is the signal's own pipe.
            lines = log.read().split("--- SIGTERM")[0].splitlines()
    finally:
        world.end()
    started = next(index for index, line in enumerate(lines) if "listening on" in line)
    named = lambda part: collections.Counter(call[1] for line in part if (call := CALL.match(line)))
    return named(lines[:started]), named(lines[started:])


def cases_of(binaries, program):
    before, during = count_calls(binaries, program)
    for call in sorted(during):
        first, last = before[call] + 1, before[call] + during[call]
        for when in range(first, last + 1):
            for error in ERRORS.get(call, ()):
                yield Case(program, call, when, f"error={error}")
            for result in RESULTS.get(call, ()):
                yield Case(program, call, when, f"retval={result}")
    for error in WANTS:
        first = before["accept4"] + 1
        yield Case(program, "accept4", f"{first + 2}..{first + 6}", f"error={error}")
        yield Case(program, "accept4", f"{first + 8}+", f"error={error}")


def torture_server(binaries, case):
    """Plays one case. Whether the failure came to pass, and how many clients it cost."""
    with tempfile.NamedTemporaryFile("r") as log:
        world = World(binaries)
        try:
            played = play_server(world, case, log.name)
        except Failed:
            world.end()
            # There were fewer calls this time, and what was hit is the pipe that the signal comes through: no socket.
            before, _, after = log.read().partition("--- SIGTERM")
            if "INJECTED" in after and "INJECTED" not in before:
                return False, 0
            raise
        finally:
            world.end()
        return "INJECTED" in log.read(), len(played.lost)


def play_server(world, case, log):
    server = Server(world, case.program, case.tracer(log))
    sees_ends = case.fault != "error=EAGAIN"
    played = players.PLAYERS[case.program](server, case.keeps_words, sees_ends, case.is_for_ever)
    if case.is_for_ever:
        server.sleeps()
    played.ends()
    server.has_let_go(case.spared)
    server.sleeps()
    server.running.terminate()
    said = server.running.stderr()
    holds("panicked" not in said, f"a panic: {said[-500:]}")
    holds(len(played.lost) <= case.most_lost, f"too many clients were lost: {played.lost}")
    return played


def fetch_cases(binaries):
    with players.Answerer() as answerer, tempfile.NamedTemporaryFile("r") as log:
        code, out, err = run_fetch(binaries, answerer, tracer(log.name))
        equal((code, out), (0, players.ANSWER), f"fetch, {err}")
        lines = log.read().splitlines()
    # The loader's calls are not the program's.
    begin = next(index for index, line in enumerate(lines) if "epoll_create1(" in line)
    named = lambda part: collections.Counter(call[1] for line in part if (call := CALL.match(line)))
    before, during = named(lines[:begin]), named(lines[begin:])
    for call in sorted(during):
        for when in range(before[call] + 1, before[call] + during[call] + 1):
            for error in ERRORS.get(call, ()):
                yield Case("fetch", call, when, f"error={error}")
            for result in RESULTS.get(call, ()):
                yield Case("fetch", call, when, f"retval={result}")


def run_fetch(binaries, answerer, wrapper):
    command = [*wrapper, os.path.join(binaries, "fetch"), f"tcp:127.0.0.1:{answerer.port}", "what", "--timeout", "0.5"]
    env = {**os.environ, "RUST_BACKTRACE": "0"}
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=PATIENCE, env=env, check=False)
    return done.returncode, done.stdout, done.stderr.decode(errors="replace")


def torture_fetch(binaries, case):
    """A client has all, or says why not and exits with a code of its own."""
    with players.Answerer() as answerer, tempfile.NamedTemporaryFile("r") as log:
        code, out, err = run_fetch(binaries, answerer, case.tracer(log.name))
        injected = "INJECTED" in log.read()
    holds("panicked" not in err, f"a panic: {err[-500:]}")
    holds(code in (0, 1, 3, 4, 5, 6), f"exit code {code}: {err[-500:]}")
    if case.keeps_words:
        holds(players.ANSWER.startswith(out), f"printed {out[:100]!r}")
        holds(code != 0 or out == players.ANSWER, f"exit code 0 with {len(out)} of {len(players.ANSWER)} bytes")
    holds(code == 0 or err.strip(), f"exit code {code} without a word")
    return injected, int(code != 0)


class Tally:
    """What came of all the cases."""

    def __init__(self):
        self.lock = threading.Lock()
        self.cases, self.injected, self.lost, self.failed = 0, 0, 0, []

    def add(self, case, outcome):
        with self.lock:
            self.cases += 1
            if isinstance(outcome, Exception):
                self.failed.append(case)
                print(f"FAILED  {case}\n  {type(outcome).__name__}: {outcome}", flush=True)
            else:
                self.injected += outcome[0]
                self.lost += outcome[1]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("binaries")
    parser.add_argument("--only", default="", help="only cases whose name has this in it")
    parser.add_argument("--budget", type=float, default=240, help="seconds, after which the rest is left out")
    parser.add_argument("--seed", type=int, default=random.randrange(2**32), help="of the order in which they are played")
    options = parser.parse_args()
    begun = time.monotonic()
    cases = [*cases_of(options.binaries, "echo"), *cases_of(options.binaries, "chat"), *fetch_cases(options.binaries)]
    cases = [case for case in cases if options.only in str(case)]
    # If time does not suffice, it is not always the same ones that are left out.
    random.Random(options.seed).shuffle(cases)
    print(f"torture: {len(cases)} cases, in the order of --seed {options.seed}", flush=True)
    tally, left_out = Tally(), 0

    def play(case):
        if time.monotonic() - begun > options.budget:
            return False
        torture = torture_fetch if case.program == "fetch" else torture_server
        try:
            outcome = torture(options.binaries, case)
        except (Failed, OSError, subprocess.SubprocessError, ValueError) as error:
            outcome = error
        tally.add(case, outcome)
        return True

    with concurrent.futures.ThreadPoolExecutor(4 * (os.cpu_count() or 1)) as pool:
        left_out = sum(not played for played in pool.map(play, cases))
    print(
        f"torture: {tally.cases} failures of system calls played, {tally.injected} came to pass, {tally.lost} cost a client "
        f"its connection, {len(tally.failed)} broke the contract; {left_out} left out; {time.monotonic() - begun:.0f} s"
    )
    if left_out > MOST_LEFT_OUT * len(cases):
        sys.exit(f"more than {MOST_LEFT_OUT:.0%} of the cases were left out: that shows too little")
    sys.exit(1 if tally.failed or tally.injected == 0 else 0)


if __name__ == "__main__":
    main()
