"""The facts without which a number says nothing: machine, kernel, versions, commit."""

import datetime
import os
import platform
import resource
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
"""The root of the checkout."""

OUT = ROOT / "benches" / "out"
"""Where pictures, tables and the compiled floor go; git ignores it."""


def facts():
    """Return what stands beside every number."""
    return {
        "date": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        "machine": f"{_cpu()}, {os.cpu_count()} CPUs, {_memory_gib()} GiB",
        "kernel": platform.release(),
        "python": platform.python_version(),
        "rust": _first_line("rustc", "--version"),
        "wrk": _first_line("wrk", "--version"),
        "commit": _first_line("git", "rev-parse", "--short", "HEAD"),
        "changed": bool(_first_line("git", "status", "--porcelain", "--untracked-files=no")),
    }


def describe(facts):
    """Return the facts as one line."""
    changed = " with changes" if facts["changed"] else ""
    return (
        f"{facts['machine']}; Linux {facts['kernel']}; Python {facts['python']}; {facts['rust']}; "
        f"commit {facts['commit']}{changed}; {facts['date']}"
    )


def raise_descriptor_limit(wanted):
    """Let this process and its children open `wanted` files. Ends the program if it may not."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft >= wanted:
        return
    if hard != resource.RLIM_INFINITY and hard < wanted:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, wanted))
            return
        except (ValueError, OSError):
            raise SystemExit(
                f"{wanted} open files are needed and this user may have {hard}: raise the hard "
                "limit (`ulimit -Hn`, limits.conf), or ask for fewer connections"
            ) from None
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _cpu():
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _memory_gib():
    return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30)


def _first_line(*command):
    try:
        done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    except OSError:
        return ""
    # wrk prints its version and fails.
    return (done.stdout.strip().splitlines() or [""])[0].split("[")[0].strip()
