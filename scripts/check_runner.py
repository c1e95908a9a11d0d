"""The test runner counts honestly: every way a suite can end is planted here once.

Run by the runner itself, as one of its suites, with the standard library only.
"""

from __future__ import annotations

import importlib.util
import io
import os
import sys
import unittest
from pathlib import Path
from types import ModuleType
from unittest import mock

import session


def load_runner() -> ModuleType:
    """Load scripts/test.py, whose name is also a module of the standard library."""
    path = Path(__file__).with_name("test.py")
    spec = importlib.util.spec_from_file_location("runner", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["runner"] = module
    spec.loader.exec_module(module)
    return module


runner = load_runner()


class RunnerTest(unittest.TestCase):
    """One suite per test, faked by a small command."""

    def setUp(self) -> None:
        """Start with nothing run."""
        self.shown = io.StringIO()
        self.run_ = runner.Run(runner.Console(self.shown))

    def suite(self, script: str, count: str = "one", **more: object) -> tuple[int, ...]:
        """Run a suite that prints and exits as `script` says, and return its counts."""
        command = (sys.executable, "-c", script)
        self.run_.suite(runner.Suite("fake", "rust", command, count, **more))
        result = self.run_.results[-1]
        return (result.passed, result.failed, result.skipped)

    def test_counts_a_command_by_its_exit_code(self) -> None:
        """One command is one test."""
        self.assertEqual(self.suite("print('hello')"), (1, 0, 0))
        self.assertEqual(self.suite("raise SystemExit(3)"), (0, 1, 0))
        self.assertIn("     fake | hello\n", self.shown.getvalue())

    def test_counts_cargo(self) -> None:
        """Several binaries, a failure, an ignored test with its reason."""
        script = (
            "print('test a::b ... FAILED')\n"
            "print('test a::c ... ignored, needs a ring')\n"
            "print('test result: FAILED. 4 passed; 1 failed; 1 ignored; 0 measured')\n"
            "print('test result: ok. 7 passed; 0 failed; 0 ignored; 0 measured')\n"
            "raise SystemExit(101)"
        )
        self.assertEqual(self.suite(script, "cargo"), (11, 1, 1))
        self.assertEqual(self.run_.results[-1].failures, ["a::b"])
        self.assertEqual(self.run_.results[-1].skips, ["a::c: ignored, needs a ring"])

    def test_counts_pytest(self) -> None:
        """Errors are failures; what was expected to fail did not pass."""
        line = "==== 1 failed, 9 passed, 2 skipped, 1 xfailed, 1 error in 0.31s ===="
        script = f"print('FAILED t.py::x - no')\nprint({line!r})\nraise SystemExit(1)"
        self.assertEqual(self.suite(script, "pytest"), (9, 2, 3))
        self.assertEqual(self.suite("print('2 passed in 0.1s')", "pytest"), (2, 0, 0))
        self.assertEqual(self.suite("print('2 passed in 75.1s (0:01:15)')", "pytest"), (2, 0, 0))

    def test_a_suite_that_dies_or_runs_nothing_has_failed(self) -> None:
        """A crash after good lines is not success, and silence is not success."""
        line = "print('test result: ok. 4 passed; 0 failed; 0 ignored', flush=True)\n"
        self.assertEqual(self.suite(line + "import os; os.abort()", "cargo"), (4, 1, 0))
        self.assertEqual(self.suite("pass", "cargo"), (0, 1, 0))

    def test_a_suite_that_cannot_run_is_a_counted_skip(self) -> None:
        """The reason is printed."""
        self.assertEqual(self.suite("", programs=("no-such-program",)), (0, 0, 1))
        self.assertEqual(self.suite("", paths=("no/such/path",)), (0, 0, 1))
        self.assertIn("skipped: no/such/path does not exist", self.shown.getvalue())

    def test_required_skips_are_failures(self) -> None:
        """SPIKARD_REQUIRE=all; but what failed as it is known to did run."""
        self.suite("", paths=("no/such/path",))
        runner.recap(self.run_.console, self.run_.results, require_all=True)
        self.suite("print('7 passed, 2 skipped, 3 xfailed in 0.1s')", "pytest")
        runner.recap(self.run_.console, self.run_.results[1:], require_all=True)
        self.assertEqual(runner.summary(self.run_.results), "7 passed, 3 failed, 3 skipped")

    def test_fixture_counts_must_be_equal(self) -> None:
        """Every language runs every fixture."""
        self.suite("print('FIXTURES rust 12')\nprint('FIXTURES python 12')")
        self.run_.compare_fixtures()
        self.assertEqual(self.run_.results[-1].passed, 1)
        self.suite("print('FIXTURES ruby 11')")
        self.run_.compare_fixtures()
        self.assertEqual(self.run_.results[-1].failed, 1)

    def test_a_language_that_prints_no_count_is_noticed(self) -> None:
        """Equal counts of the others do not excuse it."""
        self.suite("print('FIXTURES rust 12')", fixtures="rust")
        self.suite("pass", fixtures="node")
        self.run_.compare_fixtures()
        self.assertEqual(self.run_.results[-1].failures, ["unequal counts: node [0], rust [12]"])

    def test_a_suite_without_end_is_stopped(self) -> None:
        """What it started goes with it."""
        script = "import subprocess\nsubprocess.run(['sleep', '60'])"
        with mock.patch.object(runner, "SUITE_SECONDS_MAX", 1.0):
            self.assertEqual(self.suite(script), (0, 1, 0))

    def test_a_process_left_running_is_ended_and_is_a_failure(self) -> None:
        """Even in a process group of its own, with the pipe still open."""
        script = (
            "import os, subprocess, time\n"
            "child = subprocess.Popen(['sleep', '61'], preexec_fn=os.setpgrp)\n"
            "print('child', child.pid)"
        )
        with mock.patch.object(session, "GRACE_SECONDS", 0.2):
            self.assertEqual(self.suite(script), (1, 1, 0))
        self.assertEqual(self.run_.results[-1].failures, ["left a process running: sleep 61"])

    def test_every_suite_runs_from_the_root(self) -> None:
        """Commands name paths from there."""
        script = f"import os; raise SystemExit(os.getcwd() != {os.fspath(runner.ROOT)!r})"
        self.assertEqual(self.suite(script), (1, 0, 0))


if __name__ == "__main__":
    unittest.main()
