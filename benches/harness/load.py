"""One run of wrk against one server, as numbers."""

import re
import subprocess
from dataclasses import dataclass

from harness.process import settle

UNITS_US = {"us": 1, "ms": 1_000, "s": 1_000_000, "m": 60_000_000}


@dataclass
class Sample:
    """What one run came to. Times are microseconds."""

    requests: int
    per_second: float
    p50_us: float
    p99_us: float
    errors: int
    user_us: float
    system_us: float
    rss_bytes: int

    @property
    def cpu_us(self):
        """CPU time of the server's whole process tree per request."""
        return self.user_us + self.system_us


def measure(server, path, *, connections, seconds, cpu=1, script=None):
    """Load `server` for some seconds from another CPU."""
    before = server.cpu_us()
    options = {"connections": connections, "seconds": seconds, "cpu": cpu, "script": script}
    text = run_wrk(server.port, path, **options)
    after = server.cpu_us()
    requests = int(_find(r"(\d+) requests in", text))
    each = max(requests, 1)
    return Sample(
        requests=requests,
        per_second=float(_find(r"Requests/sec:\s+([\d.]+)", text)),
        p50_us=_time(_find(r"(?m)^\s+50%\s+(\S+)", text)),
        p99_us=_time(_find(r"(?m)^\s+99%\s+(\S+)", text)),
        errors=_errors(text),
        user_us=(after[0] - before[0]) / each,
        system_us=(after[1] - before[1]) / each,
        rss_bytes=server.rss_bytes(),
    )


def run_wrk(port, path, *, connections, seconds, cpu=1, script=None):
    """Run wrk on one CPU and return what it prints."""
    url = f"http://127.0.0.1:{port}{path}"
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency"]
    command += ["-s", script, url] if script else [url]
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=False,
        start_new_session=True,
        preexec_fn=lambda: settle(cpu),
    )
    if done.returncode != 0:
        raise RuntimeError(f"wrk failed: {done.stdout}{done.stderr}")
    return done.stdout


def _find(pattern, text):
    found = re.search(pattern, text)
    if found is None:
        raise RuntimeError(f"wrk did not print {pattern}:\n{text}")
    return found[1]


def _time(text):
    number, unit = re.fullmatch(r"([\d.]+)(us|ms|s|m)", text).groups()
    return float(number) * UNITS_US[unit]


def _errors(text):
    """Replies that are no success, and sockets that failed."""
    bad = re.search(r"Non-2xx or 3xx responses: (\d+)", text)
    sockets = re.search(
        r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", text
    )
    return sum(int(number) for found in (bad, sockets) if found for number in found.groups())
