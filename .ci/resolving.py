"""Drives the example resolve: with what any machine knows, by drive.py, and against a DNS server of our own, whose answers are slow,
fail, have one family only or no address at all, by itself:

    python resolving.py DIRECTORY_OF_EXAMPLES
"""

import os
import socket
import subprocess
import sys

from driving import Checks, equal, holds


def known_names(world):
    """resolve prints what the machine knows of localhost as Python does, an address as it is, and ports by number and by name."""
    resolve = world.program("resolve")
    found = socket.getaddrinfo("localhost", None, type=socket.SOCK_STREAM)
    local = list(dict.fromkeys(address[0] for *_, address in found))
    with_port = [f"[{address}]:80" if ":" in address else f"{address}:80" for address in local]
    for words, lines in [
        (["localhost"], local),
        (["localhost", "http"], with_port),
        (["localhost", "80"], with_port),
        (["127.0.0.1"], ["127.0.0.1"]),
        (["127.0.0.1", "http"], ["127.0.0.1:80"]),
        (["::1"], ["::1"]),
        (["[::1]", "443"], ["[::1]:443"]),
        (["fe80::1%1", "80"], ["[fe80::1%1]:80"]),
        (["--reverse", "127.0.0.1"], [socket.gethostbyaddr("127.0.0.1")[0]]),
    ]:
        code, out, err = world.command(resolve, *words)
        equal((code, out.decode().splitlines(), err), (0, lines, ""), f"what comes of {words}")


def bad_names(world):
    """resolve tells what can't be a name, or a service, with exit code 3, and bad arguments with 2, each in one line."""
    resolve = world.program("resolve")
    for words, code, said in [
        (["no..name"], 3, "gaierror: not a name: there is nothing between two dots"),
        (["a" * 64 + ".example"], 3, "and 63 are the most between two dots"),
        (["localhost", "no-such-service"], 3, "gaierror: service not known"),
        (["localhost", "70000"], 3, "gaierror: service not known"),
        ([], 2, "expected NAME"),
        (["a", "b", "c"], 2, "expected NAME"),
        (["--wrong"], 2, "in place of \"--wrong\""),
        (["--reverse"], 2, "expected"),
        (["--reverse", "localhost"], 2, "expected an address"),
    ]:
        got, out, err = world.command(resolve, *words)
        equal((got, out, err.count("\n")), (code, b"", 1), f"exit code, stdout and lines on stderr of {words}")
        holds(said in err, f"stderr of {words}: {err!r}")
    code, out, err = world.command(resolve, "--help")
    holds((code, err) == (0, "") and out.startswith(b"Usage: resolve "), "no usage")


RESOLVE = [known_names, bad_names]

TEMPORARY = "gaierror: the resolver can't tell now\n"


def place():
    """The command that runs another one where our DNS server answers."""
    unshare = ["unshare", "--mount", "--net"] + ([] if os.geteuid() == 0 else ["--map-root-user"])
    inside = os.path.join(os.path.dirname(os.path.abspath(__file__)), "with_names.py")
    return [*unshare, sys.executable, inside]


def asks(world, *words, prints=(), code=0, says=""):
    """Asks, and compares lines in the order that the resolver puts addresses in, or not if they are a set."""
    got, out, err = world.command(*place(), world.program("resolve"), *words)
    lines = out.decode().splitlines()
    if isinstance(prints, set):
        equal(len(lines), len(prints), "how many lines")
        lines = set(lines)
    equal((got, lines, err), (code, prints if isinstance(prints, set) else list(prints), says), f"what comes of {words}")


def addresses(world):
    """the addresses of a name, of both families or of one, with a service's port where there is one, each once."""
    asks(world, "both.example", prints={"192.0.2.1", "2001:db8::1"})
    asks(world, "Both.Example.", "http", prints={"192.0.2.1:80", "[2001:db8::1]:80"})
    asks(world, "four.example", prints=["192.0.2.1"])
    asks(world, "six.example", prints=["2001:db8::1"])
    asks(world, "six.example", "8080", prints=["[2001:db8::1]:8080"])
    asks(world, "localhost", prints=["127.0.0.1"])
    asks(world, "many.example", prints={f"192.0.2.{n}" for n in range(1, 61)})


def kinds(world):
    """no such name, a name without an address, a server that fails and one that does not answer are told apart; exit code 3."""
    for words, says in [
        (["nobody.example"], "gaierror: name not known\n"),
        (["nobody.example", "http"], "gaierror: name not known\n"),
        (["empty.example"], "gaierror: no address for this name\n"),
        (["broken.example"], TEMPORARY),
        (["silent.example"], TEMPORARY),
        (["both.example", "no-such-service"], "gaierror: service not known\n"),
    ]:
        asks(world, *words, code=3, says=says)
    code, out, err = world.command(*place(), world.program("resolve"), "odd.example")
    equal((code, out), (3, b""), "a failure that is none of these")
    holds(err.startswith("gaierror: ") and err != TEMPORARY, f"a failure that is none of these: {err!r}")


# The numbers of netdb.h.
PYTHONS = """
import socket, sys
try:
    socket.getaddrinfo(sys.argv[1], 80)
    print("found")
except socket.gaierror as error:
    print({-2: "name not known", -3: "the resolver can't tell now", -5: "no address for this name"}.get(error.errno, "failed"))
"""


def as_python(world):
    """each kind is the one that Python's socket module has for the same name."""
    for name in ("both.example", "six.example", "nobody.example", "empty.example", "broken.example", "odd.example"):
        _, expected, _ = world.command(*place(), sys.executable, "-c", PYTHONS, name)
        code, out, err = world.command(*place(), world.program("resolve"), name)
        known = ("name not known", "the resolver can't tell now", "no address for this name")
        said = err.removeprefix("gaierror: ").strip()
        kind = "found" if (code, err) == (0, "") and out else said if said in known else "failed"
        equal(kind, expected.decode().strip(), f"the kind of {name}")


def slow(world):
    """an answer that is slow is waited for."""
    asks(world, "slow.example", "http", prints=["192.0.2.1:80"])


def reverse(world):
    """the name of an address of either family, and herror where it has none or the server fails."""
    asks(world, "--reverse", "192.0.2.1", prints=["both.example"])
    asks(world, "--reverse", "2001:db8::1", prints=["six.example"])
    asks(world, "--reverse", "192.0.2.2", code=3, says="herror: name not known\n")
    asks(world, "--reverse", "192.0.2.3", code=3, says=TEMPORARY.replace("gaierror", "herror"))


def beyond_ascii(world):
    """letters beyond ASCII are put into those of DNS."""
    asks(world, "Bücher.example", prints=["192.0.2.7"])


def several(world):
    """an address that does not answer is passed by: the next one has what was asked for."""
    code, out, err = world.command(*place(), world.program("fetch"), "tcp:happy.example:{tcp}", "something")
    equal((code, out, err), (0, b"hello\r\n", ""), "what was fetched")


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    try:
        trial = subprocess.run([*place(), "true"], capture_output=True, text=True, check=False, timeout=60)
        refused = trial.stderr.strip() if trial.returncode != 0 else None
    except OSError as error:
        refused = str(error)
    if refused is not None:
        print("NOT TESTED: this machine allows no network and no mounts of our own, so no DNS server either.", file=sys.stderr)
        print(f"NOT TESTED: names against a DNS server. {refused}", file=sys.stderr)
        sys.exit(0)
    checks = Checks(sys.argv[1])
    for check in (addresses, kinds, as_python, slow, reverse, beyond_ascii, several):
        checks.run("resolve", check)
    sys.exit(checks.summary())


if __name__ == "__main__":
    main()
