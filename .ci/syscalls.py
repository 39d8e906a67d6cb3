"""How many system calls an echoed message costs, counted by strace."""

import re
import tempfile

from driving import UNHURRIED, equal, holds

CONNECTIONS = 50
ROUNDS = 200
CALL = re.compile(r"^(?:\d+ +)?(?:<\.\.\. )?(\w+)(?:\(| resumed>)")


def two_for_a_message(world):
    """a message costs two system calls: one recv and one send, no recv in vain, and a share in an epoll_wait."""
    with tempfile.NamedTemporaryFile() as trace:
        # With -D the tracer stands aside, and the process we start is the server itself.
        tracer = ("strace", "-D", "-f", "-qq", "-s", "8", "-o", trace.name, "--")
        server = world.start("echo", "tcp:0", wrapper=tracer, env=UNHURRIED)
        clients = [world.connect(server.address) for _ in range(CONNECTIONS)]
        play(clients, b"warm", 1)
        play(clients, b"ping", ROUNDS)
        play(clients, b"cool", 1)
        for client in clients:
            client.close()
        server.terminate()
        trace.seek(0)
        lines = trace.read().decode().splitlines()
    marked = [place for place, line in enumerate(lines) if '"ping' in line]
    count(lines[marked[0] : marked[-1] + 1], CONNECTIONS * ROUNDS, world)


def play(clients, word, rounds):
    """Each client sends a message, and when all have theirs back, again."""
    message = word * 16
    for _ in range(rounds):
        for client in clients:
            client.socket.sendall(message)
        for client in clients:
            equal(client.socket.recv(4096), message, "the echo")


def count(lines, messages, world):
    calls, in_vain = {}, 0
    for line in lines:
        call = CALL.match(line)
        if call and "<unfinished" not in line:
            calls[call[1]] = calls.get(call[1], 0) + 1
            in_vain += call[1].startswith(("recv", "read")) and "EAGAIN" in line
    world.transcript.note("strace", f"{messages} messages: {calls}, {in_vain} receives in vain")
    received = sum(number for call, number in calls.items() if call.startswith(("recv", "read")))
    sent = sum(number for call, number in calls.items() if call.startswith(("send", "write")))
    waited = sum(number for call, number in calls.items() if call.startswith("epoll_") and "wait" in call)
    others = sum(calls.values()) - received - sent - waited
    equal(sent, messages, "sends")
    equal(received - in_vain, messages, "receives that brought something")
    holds(in_vain < messages / 100, f"{in_vain} receives in vain, of {messages}")
    holds(waited <= messages, f"{waited} waits for {messages} messages")
    holds(others < messages / 100, f"{others} other calls for {messages} messages: {calls}")
