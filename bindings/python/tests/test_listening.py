"""Where a server listens: a unix socket, a descriptor, a socket of systemd's making."""

from __future__ import annotations

import os
import re
import signal
import socket
import stat
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from spikard.testing.reply import Reply, read
from test_run import PROGRAM, SECONDS_MAX, Program, running

# Becomes the program, in a process whose number systemd would have put there.
ACTIVATED = """
import os, sys
os.dup2(int(sys.argv[1]), 3)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS=sys.argv[2], LISTEN_FDNAMES="web")
os.execv(sys.executable, [sys.executable, sys.argv[3]])
"""

ENVIRONMENT = """
@app.get("/environment")
def environment():
    kept = {"SPIKARD_REQUIRE"}  # what the whole test run is told, and no affair of servers
    return sorted(
        name
        for name in os.environ
        if name.startswith(("LISTEN_", "SPIKARD_")) and name not in kept
    )
"""


def get(path: Path | tuple[str, int], target: str) -> Reply:
    """Send a request to a unix socket or an address."""
    family = socket.AF_UNIX if isinstance(path, Path) else socket.AF_INET
    with socket.socket(family) as connection:
        connection.settimeout(SECONDS_MAX)
        connection.connect(str(path) if isinstance(path, Path) else path)
        connection.sendall(
            f"GET {target} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n".encode()
        )
        data = b""
        while piece := connection.recv(65_536):
            data += piece
    found = read(data, "GET", whole=True)
    assert found is not None
    return found[0]


@pytest.mark.parametrize("workers", [1, 2])
def test_serves_a_unix_socket_and_restarts_on_it(tmp_path: Path, workers: int) -> None:
    path = tmp_path / "socket"
    run = f"app.run({{'uds': {str(path)!r}, 'uds_permissions': 0o620, 'workers': {workers}}})"
    with running(tmp_path, run) as program:
        program.wait_for(rf"listening on unix:{path} \({workers} worker")
        assert stat.S_IMODE(path.stat().st_mode) == 0o620
        before = {get(path, "/pid").json() for _ in range(8)}
        assert program.process.pid not in before
        program.process.send_signal(signal.SIGHUP)
        program.wait_for("restarted ")
        # The old processes may take a moment to hear that they are old.
        deadline = time.monotonic() + SECONDS_MAX
        while before & {get(path, "/pid").json() for _ in range(8)}:
            assert time.monotonic() < deadline
        with running(tmp_path / "..", run) as second:
            assert second.end() == 2
            assert f"the unix socket {path} is in use" in second.log
        program.process.kill()
        program.end()
    assert path.exists()
    with running(tmp_path, run) as program:
        program.wait_for("listening on unix:")
        assert get(path, "/pid").status_code == 200
        program.process.terminate()
        assert program.end() == 0
    assert not path.exists()


def test_serves_a_unix_socket_without_a_parent(tmp_path: Path) -> None:
    path = tmp_path / "socket"
    with running(tmp_path, f"app.run({{'uds': {str(path)!r}}})", stdin=True) as program:
        program.wait_for(rf"listening on unix:{path}, ")
        assert get(path, "/pid").json() == program.process.pid
        program.interrupt()
        assert program.end() == 0


def test_serves_an_inherited_descriptor(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        (tmp_path / "program.py").write_text(
            f"{PROGRAM}\napp.run({{'fd': {listener.fileno()}, 'workers': 2}})\n"
        )
        log = tmp_path / "log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                [sys.executable, str(tmp_path / "program.py")],
                pass_fds=[listener.fileno()],
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        try:
            # The queue is there before the server is.
            pids = {get(("127.0.0.1", port), "/pid").json() for _ in range(20)}
            assert process.pid not in pids
            deadline = time.monotonic() + SECONDS_MAX
            while "listening on" not in log.read_text():
                assert time.monotonic() < deadline
                time.sleep(0.02)
            process.terminate()
            assert process.wait(SECONDS_MAX) == 0
            assert f"listening on http://127.0.0.1:{port} (2 workers" in log.read_text()
        finally:
            process.kill()
            process.wait(SECONDS_MAX)


def test_refuses_a_descriptor_that_does_not_listen(tmp_path: Path) -> None:
    with running(tmp_path, "app.run({'fd': 0})") as program:
        assert program.end() == 2
        assert "descriptor 0 cannot be served" in program.log


def activated(tmp_path: Path, listener: socket.socket, count: int) -> subprocess.Popen[bytes]:
    program = f"{textwrap.dedent(PROGRAM)}{ENVIRONMENT}\napp.run(port=1, workers=2)\n"
    (tmp_path / "program.py").write_text(program)
    number = listener.fileno()
    command = [sys.executable, "-c", ACTIVATED, str(number), str(count)]
    with (tmp_path / "log").open("wb") as output:
        return subprocess.Popen(
            [*command, str(tmp_path / "program.py")],
            pass_fds=[number],
            stdout=output,
            stderr=output,
            start_new_session=True,
        )


def test_serves_the_socket_that_systemd_passes(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = listener.getsockname()
        process = activated(tmp_path, listener, 1)
        try:
            before = {get(address, "/pid").json() for _ in range(20)}
            assert get(address, "/environment").json() == []
            os.kill(process.pid, signal.SIGHUP)
            deadline = time.monotonic() + SECONDS_MAX
            while before & {get(address, "/pid").json() for _ in range(8)}:
                assert time.monotonic() < deadline
            process.terminate()
            assert process.wait(SECONDS_MAX) == 0
        finally:
            process.kill()
            process.wait(SECONDS_MAX)


def test_refuses_several_sockets_of_systemd(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        process = activated(tmp_path, listener, 2)
        assert process.wait(SECONDS_MAX) == 2
        assert "passed 2 sockets (LISTEN_FDS)" in (tmp_path / "log").read_text()


def test_variables_of_another_process_are_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LISTEN_PID", "1")
    monkeypatch.setenv("LISTEN_FDS", "1")
    with running(tmp_path, "app.run(port=0)") as program:
        assert isinstance(program, Program)
        assert program.get("/pid").status_code == 200


@pytest.mark.parametrize("kind", ["path", "abstract"])
def test_a_service_manager_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    path = str(tmp_path / "notify")
    name = {"path": path, "abstract": f"\0spikard-{os.getpid()}"}[kind]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(name)
        manager.settimeout(SECONDS_MAX)
        monkeypatch.setenv("NOTIFY_SOCKET", name.replace("\0", "@"))
        source = PROGRAM + ENVIRONMENT.replace('"LISTEN_"', '"NOTIFY_"')
        with running(tmp_path, "app.run(port=0)", body=source) as program:
            assert manager.recv(4096).startswith(b"READY=1\nSTATUS=listening on http://")
            assert program.get("/environment").json() == []
            program.process.send_signal(signal.SIGHUP)
            assert re.fullmatch(rb"RELOADING=1\nMONOTONIC_USEC=\d+", manager.recv(4096))
            assert manager.recv(4096).startswith(b"READY=1\nSTATUS=restarted 1 worker")
            program.process.terminate()
            assert manager.recv(4096) == b"STOPPING=1"
            assert program.end() == 0
