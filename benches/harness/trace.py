"""System calls of a process tree, counted by strace."""

import re
import signal
import subprocess
import tempfile
import time
from contextlib import contextmanager

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


@contextmanager
def counting(server):
    """Count what `server` calls inside the block; the counts are there after it."""
    counts = Counts()
    with tempfile.NamedTemporaryFile() as report, tempfile.TemporaryFile() as said:
        pids = [word for pid in server.pids() for word in ("-p", str(pid))]
        command = ["strace", "-c", "-f", "-qq", "-o", report.name, *pids]
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
