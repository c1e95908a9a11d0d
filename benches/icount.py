"""Instructions per operation of every micro workload, counted by valgrind.

Instructions repeat from run to run where times do not, so this is the measure that may fail a
build: `--check` compares with `icount.csv` and refuses more than 5 % above it; `--write` renews the
file. A workload runs twice, N and 2 N times, and the difference counts, so starting does not.
"""

import argparse
import csv
import re
import shutil
import subprocess
import sys
from pathlib import Path

from harness import machine

BASELINE = Path(__file__).with_name("icount.csv")
PROGRAM = machine.ROOT / "target" / "release" / "icount"
GROWTH_MAX = 1.05
OPERATIONS = 1000


def main():
    options = read_options()
    for tool, package in (("cargo", "https://rustup.rs"), ("valgrind", "apt-get install valgrind")):
        if shutil.which(tool) is None:
            raise SystemExit(f"missing: {tool}: {package}")
    build = ["cargo", "build", "--release", "-q", "-p", "spikard-bench", "--bin", "icount"]
    subprocess.run(build, cwd=machine.ROOT, check=True)
    listed = subprocess.run([PROGRAM, "--list"], capture_output=True, text=True, check=True)
    names = [name for name in listed.stdout.split() if options.filter in name]
    before = read_baseline()
    counts, worse = {}, []
    for name in names:
        counts[name] = instructions(name)
        growth = counts[name] / before[name] if name in before else None
        if growth is None or growth > GROWTH_MAX:
            worse.append(name)
        text = "new" if growth is None else f"{100 * (growth - 1):+.1f} %"
        print(f"{name:<24}{counts[name]:>9} instructions  {text}", flush=True)
    if options.write:
        write_baseline(before | counts)
    worse += [] if options.filter else [name for name in before if name not in counts]
    if options.check and worse:
        print(f"over {GROWTH_MAX:.2f} x, new or gone: {', '.join(worse)}", file=sys.stderr)
        return 1
    return 0


def read_options():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("filter", nargs="?", default="", help="cases whose name contains this")
    parser.add_argument("--check", action="store_true", help="fail on regressions")
    parser.add_argument("--write", action="store_true", help="write icount.csv")
    return parser.parse_args()


def instructions(name):
    """Return the instructions of one operation."""
    few, many = count(name, OPERATIONS), count(name, 2 * OPERATIONS)
    return round((many - few) / OPERATIONS)


def count(name, operations):
    """Return the instructions of a whole run."""
    command = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null"]
    done = subprocess.run(
        [*command, PROGRAM, name, str(operations)], capture_output=True, text=True, check=True
    )
    return int(re.search(r"Collected : (\d+)", done.stderr)[1])


def read_baseline():
    if not BASELINE.exists():
        return {}
    with BASELINE.open(newline="") as file:
        return {row["case"]: int(row["instructions"]) for row in csv.DictReader(file)}


def write_baseline(counts):
    with BASELINE.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["case", "instructions"])
        writer.writerows(counts.items())


if __name__ == "__main__":
    sys.exit(main())
