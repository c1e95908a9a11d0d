"""A command in a session of its own, ended in time, and nothing it started outlives it.

A test that leaves a server running would hold the pipe open for ever, load the machine under the
suites behind it, and nobody would know: such processes are ended and named. Knows nothing of tests.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

# How long what a command started may take to end after it, in seconds.
GRACE_SECONDS = 5.0


class Session:
    """One running command. Its output is read line by line through `lines`."""

    def __init__(self, command: tuple[str, ...], directory: Path, seconds_max: float) -> None:
        """Start `command`; after `seconds_max` it is ended with everything it started."""
        self.process = subprocess.Popen(
            command,
            cwd=directory,
            env=dict(os.environ, CARGO_TERM_COLOR="never", PYTHONUNBUFFERED="1"),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        )
        self.seconds_max = seconds_max
        # Command lines of what was still running after the command itself had ended.
        self.left: list[str] = []
        self.timed_out = False
        self.watcher = threading.Thread(target=self._watch, daemon=True)
        self.watcher.start()

    def lines(self) -> Iterator[str]:
        """Yield the output as it comes, standard output and error together."""
        assert self.process.stdout is not None
        with self.process.stdout as output:
            for line in output:
                yield line.rstrip()

    def wait(self) -> int:
        """Return the exit code, once nothing of the command is left."""
        self.watcher.join()
        return self.process.returncode

    def stop(self) -> None:
        """End everything in the session, whatever its process group."""
        for pid, _ in self._members():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def _watch(self) -> None:
        try:
            self.process.wait(self.seconds_max)
        except subprocess.TimeoutExpired:
            self.timed_out = True
            self.stop()
            self.process.kill()
            self.process.wait()
        deadline = time.monotonic() + GRACE_SECONDS
        while (members := self._members()) and time.monotonic() < deadline:
            time.sleep(0.05)
        self.left = [command for _, command in members]
        self.stop()

    def _members(self) -> list[tuple[int, str]]:
        """Living processes of the session: id and command line. Needs /proc."""
        found = []
        for entry in Path("/proc").glob("[0-9]*"):
            try:
                # pid (name) state parent group session ...; the name may hold anything.
                state, _, _, session = (entry / "stat").read_text().rpartition(")")[2].split()[:4]
                command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode().strip()
            except (OSError, ValueError):
                continue
            if session == str(self.process.pid) and state not in "ZX":
                found.append((int(entry.name), command))
        return found
