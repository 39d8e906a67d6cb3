"""Clients that go on when one of them is lost, and know what each of them may hear. What is lost is told, not failed."""

import select
import socket
import struct
import threading
import time

from driving import Failed, endpoint_of, holds

# How long an answer may take before the peer is nudged: a call that was made to say "not now" is not repeated by itself.
NUDGE = 0.3
PATIENCE = 10.0
# How long to wait for what may not come, where a call was made to say that there is nothing.
SHORT = 3.0
# How often one that comes later may be turned away.
ATTEMPTS = 10
NAMES = ("alice", "bob", "carol", "dave", "erin")
# Several reads' worth, and less than a window: a nudge has to get through behind it.
LARGE = bytes(range(256)) * 160
ANSWER = b"".join(b"line %d\r\n" % number for number in range(3000))


class Gone(Exception):
    """The server ended a connection before it should."""


class NoEnd(Failed):
    """The server does not answer the end of a connection."""


class Player:
    """One client: what it sent, and what it has heard."""

    def __init__(self, server, name):
        self.name, self.heard = name, b""
        self.socket = socket.socket()
        self.socket.settimeout(PATIENCE)
        try:
            self.socket.connect(endpoint_of(server.address))
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except TimeoutError:
            raise Failed(f"{name} can't call") from None
        except OSError:
            # It was let go at once, as it will find out when it says something.
            pass

    def send(self, data):
        try:
            self.socket.sendall(data)
        except TimeoutError:
            raise Failed(f"{self.name} can't send") from None
        except OSError as error:
            raise Gone from error

    def hear_more(self, within):
        """Whether something came."""
        if not select.select([self.socket], [], [], within)[0]:
            return False
        try:
            data = self.socket.recv(1 << 16)
        except OSError as error:
            raise Gone from error
        if not data:
            raise Gone
        self.heard += data
        return True

    def hear(self, enough, nudge, within=PATIENCE):
        """Listens until it has heard enough, nudging the server now and then."""
        end = time.monotonic() + within
        while not enough():
            if not self.hear_more(NUDGE):
                holds(time.monotonic() < end, f"{self.name} waits in vain; it heard {self.heard[-80:]!r}")
                nudge()

    def end_sending(self):
        try:
            self.socket.shutdown(socket.SHUT_WR)
        except OSError as error:
            raise Gone from error

    def breaks(self):
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()


class Party:
    """All players of one case. A player that is lost is left alone from then on."""

    def __init__(self, server, words, sees_ends):
        self.server, self.words, self.sees_ends = server, words, sees_ends
        self.players, self.knockers, self.lost = [], [], []

    def comes(self, kind, name):
        player = kind(self.server, name)
        self.players.append(player)
        return player

    def plays(self, player, act, *arguments):
        """Has a player do something, unless it is lost."""
        if player.name in self.lost:
            return False
        try:
            act(*arguments)
            return True
        except Gone:
            self.lost.append(player.name)
        except Failed as failed:
            if not self.excuses(failed):
                raise
            self.lost.append(player.name)
        return False

    def excuses(self, failed):
        """Where what was said is not what was sent, to wait in vain is to be lost."""
        return not self.words or (isinstance(failed, NoEnd) and not self.sees_ends)

    def knock(self):
        """Some call who can't be let in."""
        self.knockers = [Player(self.server, f"knocker {number}") for number in range(4)]

    def comes_at_last(self, kind, act):
        """Whoever comes when it is over is served, if need be at the next attempt."""
        for attempt in range(ATTEMPTS):
            late = self.comes(kind, f"{NAMES[-1]}{attempt}")
            try:
                return act(late)
            except Gone:
                time.sleep(0.02)
            except Failed as failed:
                if not self.excuses(failed):
                    raise
            self.players.remove(late)
            late.socket.close()
        raise Failed("one that comes later is not served")

    def ends(self):
        for player in self.players + self.knockers:
            player.socket.close()


class Echoing(Player):
    """Says something, and has it back."""

    def __init__(self, server, name):
        super().__init__(server, name)
        self.said = b""

    def say(self, data):
        self.said += data
        self.send(data)

    def exchange(self, data):
        self.say(data)
        self.hear(lambda: len(self.heard) >= len(self.said), lambda: self.say(b"."))
        holds(self.heard == self.said, f"{self.name} heard something else than it said")

    def finish(self):
        """FIN is answered by FIN, after all that is owed."""
        end = time.monotonic() + SHORT
        try:
            self.end_sending()
            while time.monotonic() < end:
                self.hear_more(NUDGE)
        except Gone:
            holds(self.said.startswith(self.heard), f"{self.name} heard something else than it said")
            if self.heard != self.said:
                raise
            return
        raise NoEnd(f"{self.name}: no end comes")


def play_echo(server, words=True, sees_ends=True, knocks=False):
    party = Party(server, words, sees_ends)

    def comes(name):
        player = party.comes(Echoing, name)
        party.plays(player, player.exchange, b"ping from " + name.encode())
        return player

    alice, bob, carol, dave = (comes(name) for name in NAMES[:-1])
    party.plays(bob, bob.exchange, LARGE)
    party.plays(alice, alice.exchange, b"again")
    party.plays(alice, alice.say, b"and goodbye")
    party.plays(alice, alice.finish)
    carol.breaks()
    if knocks:
        party.knock()
    else:
        party.comes_at_last(Echoing, lambda late: late.exchange(b"hello"))
    party.plays(bob, bob.exchange, b"still here")
    party.plays(dave, dave.finish)
    return party


class Chatting(Player):
    """A member of a room."""

    def __init__(self, server, name):
        super().__init__(server, name)
        self.begin = 0

    def expect(self, line, within=PATIENCE):
        """A line comes, sooner or later; others may come before it."""
        wanted = line.encode() + b"\r\n"

        def enough():
            place = self.heard.find(wanted, self.begin)
            if place < 0:
                return False
            self.begin = place + len(wanted)
            return True

        # An empty line is ignored; but the server has to read it.
        self.hear(enough, lambda: self.send(b"\r\n"), within)

    def enter(self):
        self.expect("What is your name?")
        self.send(self.name.encode() + b"\r\n")
        self.expect_list()

    def expect_list(self):
        self.hear(lambda: b"* here:" in self.heard, lambda: self.send(b"\r\n"))

    def says(self, text):
        self.send(text.encode() + b"\r\n")
        # That it was read is known by the answer to what comes after it.
        begin = self.heard.count(b"* here:")
        self.send(b"/who\r\n")
        self.hear(lambda: self.heard.count(b"* here:") > begin, lambda: self.send(b"\r\n"))


def play_chat(server, words=True, sees_ends=True, knocks=False):
    party = Party(server, words, sees_ends)

    def comes(name):
        player = party.comes(Chatting, name)
        party.plays(player, player.enter)
        return player

    def says(speaker, text):
        if party.plays(speaker, speaker.says, text):
            for listener in party.players:
                if listener is not speaker:
                    party.plays(listener, listener.expect, f"{speaker.name}: {text}")

    alice, bob, carol, _ = (comes(name) for name in NAMES[:-1])
    says(alice, "hello")
    says(bob, "how are you")
    party.players.remove(carol)
    carol.breaks()
    if "carol" not in party.lost and not all(leaves(player, party) for player in (alice, bob)):
        # The server was made not to see it, and nothing tells it a second time.
        party.lost.append("carol")
    if knocks:
        party.knock()
    else:
        party.comes_at_last(Chatting, Chatting.enter)
    says(alice, "no")
    return party


def leaves(listener, party):
    """Whether it is told that carol left; who is lost need not be."""
    if listener.name in party.lost:
        return True
    try:
        listener.expect("* carol left", within=SHORT)
    except Gone:
        party.lost.append(listener.name)
    except Failed:
        return False
    return True


PLAYERS = {"echo": play_echo, "chat": play_chat}


class Answerer:
    """A server that answers a line, then ends."""

    def __enter__(self):
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.thread = threading.Thread(target=self.serve)
        self.thread.start()
        return self

    def __exit__(self, *_):
        # To shut a listener down ends its accept.
        self.socket.shutdown(socket.SHUT_RDWR)
        self.thread.join()
        self.socket.close()

    def serve(self):
        try:
            while True:
                client, _ = self.socket.accept()
                with client:
                    client.settimeout(PATIENCE)
                    self.answer(client)
        except OSError:
            return

    @staticmethod
    def answer(client):
        try:
            heard = b""
            while not heard.endswith(b"\n"):
                data = client.recv(1024)
                if not data:
                    return
                heard += data
            client.sendall(ANSWER)
            client.shutdown(socket.SHUT_WR)
            client.recv(1024)
        except OSError:
            return
