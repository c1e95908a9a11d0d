"""A server as a tree of processes: started on one CPU, looked at through /proc, and ended.

Everything counts the whole tree: a supervised server is a parent and its workers.
"""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

TICK_US = 1_000_000 // os.sysconf("SC_CLK_TCK")
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
NICENESS = -10
START_S_MAX = 15
"""A server that does not answer after this long has failed."""


class Server:
    """A running server. Leaving the `with` block ends it and all its processes."""

    def __init__(self, name, command, *, environment=None, cpu=0, port=None):
        """Start `command`, with PORT in its environment and in place of `{port}`, on one CPU."""
        self.name = name
        self.port = port or free_port()
        # Lives as long as the server does.
        self.log = tempfile.TemporaryFile()  # noqa: SIM115
        command = [str(word).replace("{port}", str(self.port)) for word in command]
        self.process = subprocess.Popen(
            command,
            env={**os.environ, **(environment or {}), "PORT": str(self.port)},
            stdin=subprocess.DEVNULL,
            stdout=self.log,
            stderr=self.log,
            start_new_session=True,
            preexec_fn=lambda: settle(cpu),
        )
        self._wait_until_it_answers()

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        self.stop()
        if kind is not None and issubclass(kind, ConnectionError):
            print(f"{self.name} said:\n{self.output()}", file=sys.stderr)

    def _wait_until_it_answers(self):
        """Wait for a reply: a parent listens before its first worker is ready."""
        deadline = time.monotonic() + START_S_MAX
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                with socket.create_connection(("127.0.0.1", self.port), START_S_MAX) as client:
                    client.sendall(b"GET /hello HTTP/1.1\r\nHost: a\r\n\r\n")
                    if client.recv(65536):
                        return
            except OSError:
                time.sleep(0.05)
        self.stop()
        raise RuntimeError(f"{self.name} does not answer:\n{self.output()}")

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

    def waited_s(self):
        """Return for how long its main threads were ready so far and had no CPU."""
        return sum(_waited_ns(pid) for pid in self.pids()) / 1e9

    def switches(self):
        """Return how often its threads have waited or been interrupted so far."""
        return sum(_switches(pid) for pid in self.pids())


def settle(cpu):
    """Bind this session to one CPU, and put it before whatever else the machine does, if allowed.

    Otherwise a build beside it would count as the server's own delays. Where the kernel groups
    sessions, the group's weight decides, and that of a process only within it.
    """
    os.sched_setaffinity(0, {cpu % (os.cpu_count() or 1)})
    with suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, 0, NICENESS)
        Path("/proc/self/autogroup").write_text(str(NICENESS))


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


def _waited_ns(pid):
    try:
        return int(Path(f"/proc/{pid}/schedstat").read_text().split()[1])
    except (OSError, IndexError):
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
