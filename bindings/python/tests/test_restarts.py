"""Servers that are restarted: under load, with broken code, and with a terminal that closes."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from test_fixtures import ENGINES
from test_run import PROGRAM, running

SCRIPT = Path(__file__).resolve().parents[3] / "scripts" / "restarts.py"


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("workers", [1, 2])
def test_eight_restarts_under_load_lose_nothing(engine: str, workers: int) -> None:
    """The short form of `./taskw restarts`."""
    command = [sys.executable, SCRIPT, "--restarts", "8", "--crashes", "3"]
    command += ["--workers", str(workers), "--engine", engine]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    print(done.stdout)
    assert done.returncode == 0, done.stdout + done.stderr


def test_restart_runs_new_code_and_a_broken_one_leaves_the_old(tmp_path: Path) -> None:
    with running(tmp_path, "app.run(port=0)") as program:
        old = program.get("/pid").json()
        source = tmp_path / "program.py"
        good = source.read_text()
        source.write_text("raise LookupError('no more')\n" + good)
        program.process.send_signal(signal.SIGHUP)
        program.wait_for(r"LookupError: no more")
        line = program.wait_for(r"worker 0 is not restarted: .*")[0]
        assert f"exited with code 1 before it was ready; pid {old} goes on serving" in line
        assert program.pids(4) == {old}

        source.write_text(good.replace("return os.getpid()", "return -os.getpid()"))
        program.process.send_signal(signal.SIGHUP)
        program.wait_for(r"restarted 1 worker")
        # The old process may take a moment to hear that it is old.
        deadline = time.monotonic() + 20
        while program.get("/pid").json() > 0:
            assert time.monotonic() < deadline
        program.process.terminate()
        assert program.end() == 0


def test_stops_when_its_terminal_is_closed(tmp_path: Path) -> None:
    path = tmp_path / "program.py"
    path.write_text(f"{PROGRAM}\napp.run(port=0)\n")
    pid, terminal = pty.fork()
    if pid == 0:
        # Whoever runs the tests under nohup ignores it, and so would all of its children.
        signal.signal(signal.SIGHUP, signal.SIG_DFL)
        os.execv(sys.executable, [sys.executable, str(path)])
    said = b""
    while b"listening on" not in said:
        said += os.read(terminal, 4096)
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    assert children
    os.close(terminal)
    deadline = time.monotonic() + 20
    while (ended := os.waitpid(pid, os.WNOHANG))[0] == 0:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert not any(Path(f"/proc/{child}").exists() for child in children)
    assert os.waitstatus_to_exitcode(ended[1]) in (0, 1)
