"""Runs a command where a DNS server of our own answers: in a network and with a resolv.conf that nobody else sees.

    unshare --mount --net python with_names.py COMMAND ARGUMENT...

Its output and its exit code are the command's. In an argument, {tcp} is the port of a server at happy.example whose address of
IPv6 takes no calls, and which says `hello` at its address of IPv4.
"""

import ctypes
import faulthandler
import fcntl
import os
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
import traceback

from dnslib import AAAA, PTR, QTYPE, RCODE, RR, A
from dnslib.server import BaseResolver, DNSServer

from driving import PATIENCE

# Later than any quick answer, and well within the resolver's patience.
SLOW = 1.0
RESOLV_CONF = "nameserver 127.0.0.1\noptions timeout:5 attempts:1\n"
NSSWITCH = "hosts: files dns\nservices: files\n"
HOSTS = "127.0.0.1 localhost\n"

V4, V6 = A("192.0.2.1"), AAAA("2001:db8::1")
ZONE = {
    "both.example.": [V4, V6],
    "four.example.": [V4],
    "six.example.": [V6],
    "slow.example.": [V4],
    "many.example.": [A(f"192.0.2.{n}") for n in range(1, 61)],
    "happy.example.": [A("127.0.0.1"), AAAA("::1")],
    # It exists, and has no address.
    "empty.example.": [],
    "xn--bcher-kva.example.": [A("192.0.2.7")],
    "1.2.0.192.in-addr.arpa.": [PTR("both.example.")],
    "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa.": [PTR("six.example.")],
}
CODES = {
    "broken.example.": RCODE.SERVFAIL,
    "odd.example.": RCODE.FORMERR,
    "3.2.0.192.in-addr.arpa.": RCODE.SERVFAIL,
}
SILENT = "silent.example."


class Zone(BaseResolver):
    def resolve(self, request, handler):
        name = str(request.q.qname).lower()
        reply = request.reply()
        if name == SILENT:
            threading.Event().wait()
        if name.startswith("slow."):
            time.sleep(SLOW)
        if name not in ZONE:
            reply.header.rcode = CODES.get(name, RCODE.NXDOMAIN)
        for data in ZONE.get(name, []):
            if QTYPE[request.q.qtype] == type(data).__name__:
                reply.add_answer(RR(request.q.qname, request.q.qtype, rdata=data, ttl=1))
        return reply


class Quiet:
    """A logger that says nothing: what the command says is what counts."""

    def __getattr__(self, name):
        return lambda *_: None


def bring_loopback_up():
    request = struct.pack("16sh14x", b"lo", 1)  # IFF_UP
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, 0x8914, request)  # SIOCSIFFLAGS


def cover(path, text, directory):
    """Has a file read otherwise, for us and our children."""
    if not os.path.exists(path):
        raise OSError(f"there is no {path}")
    other = os.path.join(directory, os.path.basename(path))
    with open(other, "w", encoding="ascii") as file:
        file.write(text)
    os.chmod(other, 0o644)
    libc = ctypes.CDLL(None, use_errno=True)
    bind = 0x1000  # MS_BIND
    if libc.mount(other.encode(), os.path.realpath(path).encode(), None, bind, None) != 0:
        raise OSError(ctypes.get_errno(), f"can't cover {path}")


def serve_hello():
    """A port whose IPv6 does not answer, for its backlog is full, and whose IPv4 says hello. What must stay open comes too."""
    silent = socket.create_server(("::1", 0), family=socket.AF_INET6, backlog=0)
    port = silent.getsockname()[1]
    callers = []
    for _ in range(4):
        caller = socket.socket(socket.AF_INET6)
        caller.setblocking(False)
        caller.connect_ex(("::1", port))
        callers.append(caller)
    friendly = socket.create_server(("127.0.0.1", port))

    def greet():
        while True:
            connection, _ = friendly.accept()
            connection.makefile("rb").readline()
            connection.sendall(b"hello\r\n")
            connection.close()

    threading.Thread(target=greet, daemon=True).start()
    return port, [silent, *callers]


def main():
    bring_loopback_up()
    with tempfile.TemporaryDirectory() as directory:
        cover("/etc/resolv.conf", RESOLV_CONF, directory)
        cover("/etc/nsswitch.conf", NSSWITCH, directory)
        cover("/etc/hosts", HOSTS, directory)
        for tcp in (False, True):
            DNSServer(Zone(), address="127.0.0.1", port=53, tcp=tcp, logger=Quiet()).start_thread()
        port, _held = serve_hello()
        command = [word.replace("{tcp}", str(port)) for word in sys.argv[1:]]
        code = subprocess.run(command, check=False, timeout=PATIENCE - 20).returncode
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    # Whoever waits for us does not see where we stand.
    faulthandler.dump_traceback_later(PATIENCE - 10, exit=True)
    try:
        ending = main()
    except BaseException:  # Whatever it is, it is told, and the threads that serve don't hold us.
        traceback.print_exc()
        ending = 125
    sys.stderr.flush()
    os._exit(ending)
