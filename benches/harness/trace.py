"""System calls of a process tree, counted by strace."""

import re
import signal
import subprocess
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

ATTACH_S_MAX = 5


class Counts(dict):
    """How often each system call was made."""

    @property
    def total(self):
        """All of them."""
        return sum(self.values())

    def __str__(self):
        named = ", ".join(f"{name} {count}" for name, count in sorted(self.items()))
        return f"{self.total} ({named})" if named else "0"


WATCHING = "spikard-watchdog"[:15]
"""The kernel's name of the thread that looks at a busy worker ten times a second."""


@contextmanager
def counting(server, *, serving_only=False):
    """Count what `server` calls inside the block; the counts are there after it.

    With `serving_only`, without the threads whose calls go by the second, not by the request: a
    traced server is so slow that a second has few requests.
    """
    counts = Counts()
    with tempfile.NamedTemporaryFile() as report, tempfile.TemporaryFile() as said:
        threads = _threads(server) if serving_only else server.pids()
        follow = () if serving_only else ("-f",)
        words = [word for each in threads for word in ("-p", str(each))]
        command = ["strace", "-c", *follow, "-qq", "-o", report.name, *words]
        try:
            strace = subprocess.Popen(command, stderr=said)
        except FileNotFoundError:
            raise SystemExit("missing: strace: apt-get install strace (Debian)") from None
        try:
            _wait_until_attached(strace, server.pids(), said)
            yield counts
        finally:
            strace.send_signal(signal.SIGINT)
            strace.wait()
        with open(report.name) as lines:
            counts.update(_read(lines))


def _threads(server):
    """Return the threads of a server but those that watch."""
    tasks = [task for pid in server.pids() for task in Path(f"/proc/{pid}/task").iterdir()]
    return [task.name for task in tasks if (task / "comm").read_text().strip() != WATCHING]


def _wait_until_attached(strace, pids, said):
    deadline = time.monotonic() + ATTACH_S_MAX
    while time.monotonic() < deadline:
        if strace.poll() is not None:
            said.seek(0)
            raise SystemExit(f"strace may not watch: {said.read().decode().strip()}")
        if all(_is_traced(pid) for pid in pids):
            time.sleep(0.3)
            return
        time.sleep(0.02)
    raise SystemExit("strace did not attach")


def _is_traced(pid):
    with open(f"/proc/{pid}/status") as status:
        return "TracerPid:\t0\n" not in status.read()


def _read(lines):
    """Yield name and count of the rows of `strace -c`: %, seconds, usecs/call, calls, ..., name."""
    for line in lines:
        words = line.split()
        if len(words) >= 5 and re.fullmatch(r"[\d.]+", words[0]) and words[-1] != "total":
            yield words[-1], int(words[3])
