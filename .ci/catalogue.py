"""Compares tests/contract/rules/*.txt with the tests there are, and with the catalogue of failures if that is at hand.

A line of a rules file is `key | rule | tests` or `key | rule | not here: reason`. A test of the contract suite is named
`module::function`, without its worlds; one elsewhere `target:path`, where target is `lib` or a file of tests/.
"""

import pathlib
import re
import subprocess
import sys

GROUPS = "ARWCHTMSX"
RULES = pathlib.Path("tests/contract/rules")
CATALOGUE = pathlib.Path("../shared/reference/failures.md")


def tests_there_are():
    """Every test as `target:path`."""
    listing = subprocess.run(
        ["cargo", "test", "--quiet", "--no-run", "--message-format=short"], capture_output=True, text=True)
    if listing.returncode != 0:
        sys.exit(listing.stderr)
    found = {}
    targets = {path.stem: ["--test", path.stem] for path in pathlib.Path("tests").glob("*.rs")}
    targets |= {path.parent.name: ["--test", path.parent.name] for path in pathlib.Path("tests").glob("*/main.rs")}
    targets["lib"] = ["--lib"]
    for target, select in targets.items():
        output = subprocess.run(
            ["cargo", "test", "--quiet", *select, "--", "--list"], capture_output=True, text=True, check=True).stdout
        found[target] = set(re.findall(r"^(.+): test$", output, re.M))
    return found


def is_there(name, found):
    """Whether the test exists; of the contract suite, in at least one world."""
    target, separator, path = name.partition(":")
    if separator and not path.startswith(":"):
        return path in found.get(target, ())
    return any(test == name or test.startswith(name + "::") for test in found["contract"])


def main():
    found = tests_there_are()
    wrong, rules, tested, used = [], {}, 0, set()
    for file in sorted(RULES.glob("*.txt")):
        for number, line in enumerate(file.read_text().splitlines(), 1):
            if not line.strip() or line.startswith("#"):
                continue
            where = f"{file}:{number}"
            parts = [part.strip() for part in line.split(" | ")]
            if len(parts) != 3 or not all(parts):
                wrong.append(f"{where}: expected `key | rule | tests`")
                continue
            key, _, tests = parts
            if key in rules:
                wrong.append(f"{where}: {key} stands at {rules[key]} already")
            rules[key] = where
            if tests.startswith("not here:"):
                if len(tests) < 30:
                    wrong.append(f"{where}: {key} has no reason")
                continue
            tested += 1
            for test in re.split(r",\s*", tests):
                used.add(test)
                if not is_there(test, found):
                    wrong.append(f"{where}: {key}: there is no test {test}")
    if CATALOGUE.exists():
        rows = re.findall(rf"^\| ([{GROUPS}]\d+) \|", CATALOGUE.read_text(), re.M)
        wrong += [f"{key} of the catalogue is in no file of {RULES}" for key in rows if key not in rules]
        if len(rows) < 70:
            wrong.append(f"{CATALOGUE} has only {len(rows)} rows of these groups: has its form changed?")
    for line in wrong:
        print(line)
    print(f"{len(rules)} rules, {tested} kept by tests, {len(rules) - tested} with a reason; {len(wrong)} mistakes")
    sys.exit(1 if wrong else 0)


main()
