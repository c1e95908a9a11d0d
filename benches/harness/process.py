"""A server as a tree of processes: started on one CPU, looked at through /proc, and ended.

Everything counts the whole tree: a supervised server is a parent and its workers.
"""

import os
import signal
import socket
import subprocess
import tempfile
import time
from contextlib import suppress
from pathlib import Path

TICK_US = 1_000_000 // os.sysconf("SC_CLK_TCK")
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
START_S_MAX = 15
"""A server that does not listen after this long has failed."""


class Server:
    """A running server. Leaving the `with` block ends it and all its processes."""

    def __init__(self, name, command, *, environment=None, cpu=0, port=None):
        """Start `command`, with PORT in its environment and in place of `{port}`, on one CPU."""
        self.name = name
        self.port = port or free_port()
        # Lives as long as the server does.
        self.log = tempfile.TemporaryFile()  # noqa: SIM115
        command = [str(word).replace("{port}", str(self.port)) for word in command]
        cpu %= os.cpu_count() or 1
        self.process = subprocess.Popen(
            command,
            env={**os.environ, **(environment or {}), "PORT": str(self.port)},
            stdin=subprocess.DEVNULL,
            stdout=self.log,
            stderr=self.log,
            start_new_session=True,
            preexec_fn=lambda: os.sched_setaffinity(0, {cpu}),
        )
        self._wait_until_it_listens()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def _wait_until_it_listens(self):
        deadline = time.monotonic() + START_S_MAX
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                time.sleep(0.05)
        self.stop()
        raise RuntimeError(f"{self.name} does not listen:\n{self.output()}")

    def output(self):
        """Return what it has printed."""
        self.log.seek(0)
        return self.log.read().decode(errors="replace")

    def engine(self):
        """Return the engine it says it runs on, or nothing."""
        text = self.output()
        return next((name for name in ("io_uring", "epoll") if name in text), "")

    def stop(self):
        """End it: first politely, then not."""
        for number, wait_s in ((signal.SIGTERM, 3), (signal.SIGKILL, 3)):
            if self.process.poll() is None:
                os.killpg(self.process.pid, number)
                try:
                    self.process.wait(wait_s)
                except subprocess.TimeoutExpired:
                    continue
        # Workers that outlive their parent are in its group.
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)

    def pids(self):
        """Return every process of the tree, the root first."""
        return tree(self.process.pid)

    def cpu_us(self):
        """Return (user, system) microseconds spent so far."""
        return cpu_us(self.pids())

    def rss_bytes(self):
        """Return the resident memory of all processes together."""
        return sum(_rss_bytes(pid) for pid in self.pids())

    def descriptors(self):
        """Return the number of open descriptors."""
        return sum(_entries(pid, "fd") for pid in self.pids())

    def threads(self):
        """Return the number of threads, the kernel's io_uring workers included."""
        return sum(_entries(pid, "task") for pid in self.pids())

    def switches(self):
        """Return how often its threads have waited or been interrupted so far."""
        return sum(_switches(pid) for pid in self.pids())


def free_port():
    """Return a port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def tree(root):
    """Return `root` and all its descendants."""
    children = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            fields = _stat(int(entry.name))
            if fields:
                children.setdefault(int(fields[1]), []).append(int(entry.name))
    found = [root]
    for pid in found:
        found.extend(children.get(pid, ()))
    return found


def cpu_us(pids):
    """Return (user, system) microseconds of these processes."""
    stats = [fields for fields in map(_stat, pids) if fields]
    user, system = (sum(int(fields[at]) for fields in stats) for at in (11, 12))
    return user * TICK_US, system * TICK_US


def _stat(pid):
    """Return the fields of /proc/PID/stat from the state on; none if it has ended."""
    try:
        # The name, in parentheses, may contain anything.
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def _rss_bytes(pid):
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE_BYTES
    except (OSError, IndexError):
        return 0


def _entries(pid, directory):
    try:
        return len(os.listdir(f"/proc/{pid}/{directory}"))
    except OSError:
        return 0


def _switches(pid):
    count = 0
    for task in Path(f"/proc/{pid}/task").glob("*"):
        try:
            lines = (task / "status").read_text().splitlines()
        except OSError:
            continue
        count += sum(int(line.split()[1]) for line in lines if "ctxt_switches" in line)
    return count
