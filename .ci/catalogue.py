"""Compares tests/contract/rules/*.txt with the tests there are, and with the catalogue of failures if that is at hand.

A line of a rules file is `key | rule | tests` or `key | rule | not here: reason`. A test of the contract suite is named
`module::function`, without its worlds; one elsewhere `target:path`, where target is `lib` or a file of tests/.

The specification itself, a sentence a line, is `cargo test --test contract -- --list`.
"""

import pathlib
import re
import subprocess
import sys

RULES = pathlib.Path("tests/contract/rules")
CATALOGUE = pathlib.Path("../shared/reference/failures.md")
# No fewer than these are in it; if fewer are found its form has changed, or the reading of it is wrong.
SCENARIOS = 136
GROUPS = set("ARWCHTXPUNDLFMS")


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


def scenarios():
    """The keys of the catalogue's section 2: rows of tables `| A1 | ..`, and running text `N1 .. · N2 ..`, bold or not."""
    section = re.search(r"^## 2\..*?(?=^## |\Z)", CATALOGUE.read_text(), re.M | re.S)
    if not section:
        return []
    rows = re.findall(r"^\|\s*\**([A-Z]\d+)\**\s*\|", section[0], re.M)
    text = [line for line in section[0].splitlines() if not line.startswith("|")]
    items = re.findall(r"(?:^|·)[ \t]*\**([A-Z]\d+)\**[ \t]", "\n".join(text), re.M)
    return rows + items


def missing(rules):
    """What the catalogue has and no rules file."""
    keys = scenarios()
    wrong = [f"{key} of the catalogue is in no file of {RULES}" for key in keys if key not in rules]
    wrong += [f"{key} stands twice in the catalogue" for key in sorted(set(keys)) if keys.count(key) > 1]
    if len(keys) < SCENARIOS or {key[0] for key in keys} < GROUPS:
        wrong.append(f"only {len(keys)} scenarios were found in {CATALOGUE}: has its form changed?")
    return wrong


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
        wrong += missing(rules)
    for line in wrong:
        print(line)
    bodies = {re.sub(r"::(on_real_sockets|in_simulation|under_a_layer|on_real_unix_sockets|over_unix_in_simulation)$", "", test) for test in found["contract"]}
    print(f"{len(rules)} rules, {tested} kept by tests, {len(rules) - tested} with a reason; {len(bodies)} behaviours in the "
          f"contract, {len(bodies - used)} of them beyond these rules; {len(wrong)} mistakes")
    sys.exit(1 if wrong else 0)


main()
