#!/usr/bin/env python3
"""Runs every suite of the project in order and ends with one line that counts them all.

The last line is `N passed, N failed, N skipped`; the exit code is 1 when anything failed or a
suite died. A suite that cannot run here is skipped with its reason, and with SPIKARD_REQUIRE=all
a skip is a failure. Knows nothing of what the suites test; each is a command and a way to count.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TextIO

from session import Session

ROOT = Path(__file__).resolve().parent.parent

# Longest a suite may take, in seconds: a cold release build on two cores fits.
SUITE_SECONDS_MAX = 2700.0


@dataclass(frozen=True)
class Suite:
    """One command, and what it needs to run."""

    name: str
    group: str
    command: tuple[str, ...]
    # How its tests are counted: "one" by exit code, the others by their summaries; "pytest" also
    # of fixture runners that print the same.
    count: str = "one"
    # Programs that must be on PATH, and paths that must exist.
    programs: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    # A command that says on stderr why the suite cannot run here, if it cannot.
    probe: tuple[str, ...] = ()
    # The language whose fixtures it runs, and whose count it therefore prints.
    fixtures: str = ""


@dataclass
class Result:
    """What became of a suite."""

    name: str
    passed: int = 0
    failed: int = 0
    skipped: int = 0
    # Of those skipped: what ran, and failed as it is known to, with a reason.
    excused: int = 0
    # Processes that outlived the suite.
    left: int = 0
    seconds: float = 0.0
    # Failed tests by name, and skips with their reasons.
    failures: list[str] = field(default_factory=list)
    skips: list[str] = field(default_factory=list)


VENV = ".venv/bin/"
NODE = "bindings/node/node_modules/.bin/"
PYTHON_SOURCES = ("bindings/python", "scripts")
# What uses the package, as type checkers see it.
SAMPLE_APP = "bindings/python/tests/typing/sample_app.py"

# Tested by suites of their own: the C ABI, and the hosts that need their language to link.
EXCLUDED = tuple(f"--exclude=spikard-{name}" for name in ("ffi", "python", "node", "ruby"))

RUBY = ("scripts/ruby.sh",)
GEM = "bindings/ruby/"
# Ruby's bundled gem, whose program is on no PATH.
RBS = 'load File.join(Gem::Specification.find_by_name("rbs").gem_dir, "exe/rbs")'


def refusal(probe: tuple[str, ...]) -> str:
    """Why a probe says that something cannot run here, or nothing."""
    if not probe:
        return ""
    asked = subprocess.run(probe, cwd=ROOT, capture_output=True, text=True, check=False)
    return (asked.stderr.strip() or f"{probe[0]} failed") if asked.returncode else ""


# What cannot be compiled here is not looked at; its own suites say why.
UNSEEN = ("--exclude=spikard-ruby",) if refusal(RUBY) or refusal(("scripts/libclang.sh",)) else ()

SUITES = (
    Suite("runner", "lint", (sys.executable, "scripts/check_runner.py")),
    Suite("fmt", "lint", ("cargo", "fmt", "--all", "--check"), programs=("cargo",)),
    Suite(
        "clippy",
        "lint",
        ("cargo", "clippy", "--workspace", *UNSEEN, "--all-targets", "--", "-D", "warnings"),
        programs=("cargo", "cc"),
    ),
    Suite("layers", "lint", ("cargo", "xtask", "layers"), programs=("cargo", "cc")),
    Suite("tidy", "lint", ("cargo", "xtask", "tidy"), programs=("cargo", "cc")),
    Suite(
        "generate",
        "lint",
        ("cargo", "xtask", "generate", "--check"),
        programs=("cargo", "cc"),
    ),
    Suite(
        "rust",
        "rust",
        ("cargo", "test", "--workspace", "--no-fail-fast", *EXCLUDED),
        count="cargo",
        programs=("cargo", "cc"),
        fixtures="rust",
    ),
    Suite(
        "sabotage",
        "rust",
        ("cargo", "xtask", "sabotage"),
        programs=("cargo", "cc"),
    ),
    Suite(
        "c-abi",
        "rust",
        ("cargo", "test", "--package", "spikard-ffi", "--no-fail-fast"),
        count="cargo",
        programs=("cargo", "cc"),
        paths=("ffi/Cargo.toml",),
    ),
    Suite(
        "py-build",
        "python",
        ("scripts/build_python.sh",),
        programs=("cargo", "cc"),
        paths=("bindings/python/Cargo.toml",),
    ),
    Suite("ruff", "python", (VENV + "ruff", "check", *PYTHON_SOURCES), paths=(VENV + "ruff",)),
    Suite(
        "ruff-fmt",
        "python",
        (VENV + "ruff", "format", "--check", *PYTHON_SOURCES),
        paths=(VENV + "ruff",),
    ),
    Suite(
        "mypy",
        "python",
        (VENV + "mypy", "--strict", "bindings/python/python/spikard", "scripts", SAMPLE_APP),
        paths=(VENV + "mypy",),
    ),
    Suite(
        "pyright",
        "python",
        (VENV + "pyright", "--pythonpath", VENV + "python", SAMPLE_APP),
        paths=(VENV + "pyright",),
    ),
    Suite(
        "pytest",
        "python",
        (VENV + "python", "-m", "pytest", "-rfEs", "--color=no", "bindings/python/tests"),
        count="pytest",
        paths=(VENV + "pytest", "bindings/python/tests"),
        fixtures="python",
    ),
    Suite(
        "rb-build",
        "ruby",
        ("scripts/build_ruby.sh",),
        programs=("cargo", "cc"),
        paths=("bindings/ruby/Cargo.toml",),
        probe=RUBY,
    ),
    Suite(
        "rbs",
        "ruby",
        ("ruby", "-e", RBS, "--", "-I", GEM + "sig", "validate", "--silent"),
        paths=(GEM + "sig",),
        probe=RUBY,
    ),
    Suite(
        "minitest",
        "ruby",
        ("ruby", GEM + "test/all.rb"),
        count="minitest",
        paths=(GEM + "lib/spikard/native.so",),
        probe=RUBY,
    ),
    Suite(
        "rb-fixtures",
        "ruby",
        ("ruby", "-I", GEM + "lib", GEM + "test/fixtures/main.rb"),
        count="pytest",
        paths=(GEM + "lib/spikard/native.so",),
        probe=RUBY,
        fixtures="ruby",
    ),
    Suite(
        "node-build",
        "node",
        ("scripts/build_node.sh",),
        programs=("cargo", "cc", "node", "npm"),
    ),
    Suite(
        "prettier",
        "node",
        ("npm", "run", "--silent", "--prefix", "bindings/node", "format"),
        programs=("npm",),
        paths=(NODE + "prettier",),
    ),
    Suite(
        "tsc",
        "node",
        (NODE + "tsc", "--project", "bindings/node/tests/types"),
        paths=(NODE + "tsc", "node_modules/@spikard/node"),
    ),
    Suite(
        "node",
        "node",
        ("sh", "-c", "exec node --test --test-reporter=spec bindings/node/tests/*.test.mjs"),
        count="node",
        programs=("node",),
        paths=("bindings/node/spikard.node",),
    ),
    Suite(
        "js-fixtures",
        "node",
        ("node", "bindings/node/tests/fixtures/main.mjs"),
        count="pytest",
        programs=("node",),
        paths=("bindings/node/spikard.node",),
        fixtures="node",
    ),
)

CARGO_RESULT = re.compile(r"test result: \w+\. (\d+) passed; (\d+) failed; (\d+) ignored")
CARGO_TEST = re.compile(r"test (\S+)(?: - .*)? \.\.\. (FAILED|ignored.*)$")
PYTEST_RESULT = re.compile(r"=* ?((?:\d+ [a-z]+(?:, )?)+) in [\d.]+s")
PYTEST_LINE = re.compile(r"(FAILED|ERROR|SKIPPED) (.+)$")
# The sign before it is a letter to Python.
NODE_RESULT = re.compile(r"(?:\S )?(pass|fail|cancelled|skipped|todo) (\d+)$")
NODE_LINE = re.compile(r"\s*(?:✖|﹣) (.+?)(?: \([\d.]+ms\))?(?: # (.+))?$")
MINITEST_RESULT = re.compile(
    r"(\d+) runs, \d+ assertions, (\d+) failures, (\d+) errors, (\d+) skips"
)
MINITEST_LINE = re.compile(r"(\w+#test_\w+)( \[[^\]]+\])?:$")
FIXTURES = re.compile(r"FIXTURES (\S+) (\d+)$")


class Console:
    """Prints lines, coloured when a person watches."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream
        self.coloured = stream.isatty() and "NO_COLOR" not in os.environ

    def line(self, text: str, colour: str = "") -> None:
        """Print one line at once."""
        if colour and self.coloured:
            text = f"\x1b[{colour}m{text}\x1b[0m"
        print(text, file=self.stream, flush=True)


class Run:
    """All suites of one invocation, and what their output said."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.results: list[Result] = []
        # Language -> the counts its fixture runners printed.
        self.fixtures: dict[str, list[int]] = {}
        # Languages whose suites ran, and must have printed a count.
        self.counting: set[str] = set()

    def suite(self, suite: Suite) -> None:
        """Run one suite, or note why it cannot run."""
        result = Result(suite.name)
        self.results.append(result)
        reason = lacking(suite)
        if reason:
            result.skipped = 1
            result.skips.append(f"{suite.name}: {reason}")
            self.console.line(f"{suite.name:>9} | skipped: {reason}", "33")
            return
        if suite.fixtures:
            self.counting.add(suite.fixtures)
        start = time.monotonic()
        code = self.execute(suite, result)
        result.seconds = round(time.monotonic() - start, 3)
        judge(suite, result, code)
        colour = "31" if result.failed else "32"
        self.console.line(f"{suite.name:>9} | {summary([result])}", colour)

    def execute(self, suite: Suite, result: Result) -> int:
        """Run the command, show and count its output, and return its exit code."""
        session = Session(suite.command, ROOT, SUITE_SECONDS_MAX)
        try:
            for text in session.lines():
                self.console.line(f"{suite.name:>9} | {text}")
                self.read(suite, result, text)
            code = session.wait()
        except KeyboardInterrupt:
            session.stop()
            raise
        if session.timed_out:
            result.failures.append(f"not done after {SUITE_SECONDS_MAX:.0f} s")
        for command in session.left:
            result.left += 1
            result.failures.append(f"left a process running: {command}")
        return code

    def read(self, suite: Suite, result: Result, text: str) -> None:
        """Count what one line of output says."""
        if found := FIXTURES.search(text):
            self.fixtures.setdefault(found[1], []).append(int(found[2]))
        elif suite.count == "cargo":
            read_cargo(result, text)
        elif suite.count == "pytest":
            read_pytest(result, text)
        elif suite.count == "node":
            read_node(result, text)
        elif suite.count == "minitest":
            read_minitest(result, text)

    def compare_fixtures(self) -> None:
        """Every language runs every fixture: the counts they printed are equal."""
        for name in self.counting:
            self.fixtures.setdefault(name, [0])
        if not self.fixtures:
            return
        counts = {count for printed in self.fixtures.values() for count in printed}
        result = Result("fixtures")
        self.results.append(result)
        shown = ", ".join(f"{name} {counts}" for name, counts in sorted(self.fixtures.items()))
        if len(counts) == 1:
            result.passed = 1
            self.console.line(f"{'fixtures':>9} | equal counts: {shown}", "32")
        else:
            result.failed = 1
            result.failures.append(f"unequal counts: {shown}")


def lacking(suite: Suite) -> str:
    """Why the suite cannot run here, or nothing."""
    for program in suite.programs:
        if shutil.which(program) is None:
            return f"{program} is not on PATH"
    for path in suite.paths:
        if not (ROOT / path).exists():
            return f"{path} does not exist"
    return refusal(suite.probe)


def read_cargo(result: Result, text: str) -> None:
    """One line of `cargo test`."""
    if found := CARGO_RESULT.match(text):
        result.passed += int(found[1])
        result.failed += int(found[2])
        result.skipped += int(found[3])
    elif found := CARGO_TEST.match(text):
        if found[2] == "FAILED":
            result.failures.append(found[1])
        else:
            result.skips.append(f"{found[1]}: {found[2]}")


def read_pytest(result: Result, text: str) -> None:
    """One line of pytest."""
    if found := PYTEST_RESULT.match(text):
        for part in found[1].split(", "):
            number, word = part.split(" ")
            if word in ("passed", "xpassed"):
                result.passed += int(number)
            elif word in ("failed", "error", "errors"):
                result.failed += int(number)
            elif word in ("skipped", "xfailed"):
                result.skipped += int(number)
                result.excused += int(number) if word == "xfailed" else 0
    elif found := PYTEST_LINE.match(text):
        (result.skips if found[1] == "SKIPPED" else result.failures).append(found[2])


def read_node(result: Result, text: str) -> None:
    """One line of node's own test runner."""
    if found := NODE_RESULT.match(text):
        number = int(found[2])
        if found[1] == "pass":
            result.passed += number
        elif found[1] in ("fail", "cancelled"):
            result.failed += number
        else:
            result.skipped += number
    elif found := NODE_LINE.match(text):
        (result.skips if found[2] else result.failures).append(found[1])


def read_minitest(result: Result, text: str) -> None:
    """One line of minitest."""
    if found := MINITEST_RESULT.match(text):
        runs, failures, errors, skips = map(int, found.groups())
        result.passed += runs - failures - errors - skips
        result.failed += failures + errors
        result.skipped += skips
    elif found := MINITEST_LINE.match(text):
        result.failures.append(found[1])


def judge(suite: Suite, result: Result, code: int) -> None:
    """Settle the counts with the exit code: a suite that died or ran nothing has failed."""
    if suite.count == "one":
        result.passed, result.failed = (1, 0) if code == 0 else (0, 1)
        if code != 0:
            result.failures.append(f"{' '.join(suite.command)} (exit code {code})")
    elif code != 0 and result.failed == 0:
        result.failed = 1
        result.failures.append(f"the suite died (exit code {code})")
    elif result.passed + result.failed + result.skipped == 0:
        result.failed = 1
        result.failures.append("the suite ran no test")
    result.failed += result.left


def summary(results: list[Result]) -> str:
    """The counts as one line."""
    counts = report(results)
    return f"{counts['passed']} passed, {counts['failed']} failed, {counts['skipped']} skipped"


def report(results: list[Result]) -> dict[str, object]:
    """The counts as one JSON document: in all, and per suite."""
    return {
        "passed": sum(result.passed for result in results),
        "failed": sum(result.failed for result in results),
        "skipped": sum(result.skipped for result in results),
        "suites": [asdict(result) for result in results],
    }


def recap(console: Console, results: list[Result], require_all: bool) -> None:
    """Name what failed and what was skipped; with `require_all` a skip is a failure."""
    for result in results:
        for reason in result.skips:
            console.line(f"skipped: {reason}", "33")
        missing = result.skipped - result.excused
        if require_all and missing:
            result.failures.append(f"{missing} skipped, and SPIKARD_REQUIRE=all")
            result.failed += missing
            result.skipped = result.excused
        for name in result.failures:
            console.line(f"failed: {result.name}: {name}", "31")


def interrupt(number: int, _frame: object) -> None:
    """Treat an order to stop like Ctrl-C, so that the suite under way is ended too."""
    raise KeyboardInterrupt(number)


def main() -> int:
    """Run what was asked for."""
    signal.signal(signal.SIGTERM, interrupt)
    parser = argparse.ArgumentParser(description="Run every suite and count the tests.")
    groups = sorted({suite.group for suite in SUITES})
    parser.add_argument("--only", choices=groups, help="run one group of suites")
    parser.add_argument("--json", action="store_true", help="print the counts as JSON on stdout")
    options = parser.parse_args()
    console = Console(sys.stderr if options.json else sys.stdout)
    run = Run(console)
    try:
        for suite in SUITES:
            if options.only in (None, suite.group):
                run.suite(suite)
    except KeyboardInterrupt:
        console.line("interrupted", "31")
        return 130
    run.compare_fixtures()
    recap(console, run.results, os.environ.get("SPIKARD_REQUIRE") == "all")
    if options.json:
        print(json.dumps(report(run.results)))
    failed = any(result.failed for result in run.results)
    console.line(summary(run.results), "31" if failed else "32")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
