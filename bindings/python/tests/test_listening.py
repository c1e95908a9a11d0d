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
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from spikard import Request, Spikard
from spikard.testing import TestClient
from spikard.testing.reply import Reply, read
from test_run import PROGRAM, SECONDS_MAX, Program, running

# Becomes the program, in a process whose number systemd would have put there.
ACTIVATED = """
import os, sys
names, program, *given = sys.argv[1:]
# Out of the way first: their numbers may be among those that they shall have.
aside = [os.dup(int(number)) for number in given]
high = [os.dup2(number, 100 + at) for at, number in enumerate(aside)]
for at, number in enumerate(high):
    os.dup2(number, 3 + at)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS=str(len(given)), LISTEN_FDNAMES=names)
os.execv(sys.executable, [sys.executable, program])
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


def get(path: Path | str | tuple[str, int], target: str) -> Reply:
    """Send a request to a unix socket, by its path or name, or an address."""
    family = socket.AF_INET if isinstance(path, tuple) else socket.AF_UNIX
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


def activated(
    tmp_path: Path,
    *given: socket.socket,
    names: str = "web",
    run: str = "app.run(port=1, workers=2)",
) -> Program:
    """A program that is started as systemd starts one with these sockets."""
    (tmp_path / "program.py").write_text(f"{textwrap.dedent(PROGRAM)}{ENVIRONMENT}\n{run}\n")
    numbers = [one.fileno() for one in given]
    command = [sys.executable, "-c", ACTIVATED, names, str(tmp_path / "program.py")]
    return Program([*command, *map(str, numbers)], tmp_path / "log", pass_fds=numbers)


def end(program: Program) -> None:
    """End a program that may have ended."""
    with suppress(ProcessLookupError):
        os.killpg(program.process.pid, signal.SIGKILL)
    program.process.wait(SECONDS_MAX)


def test_serves_the_socket_that_systemd_passes(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = listener.getsockname()
        program = activated(tmp_path, listener)
        try:
            before = {get(address, "/pid").json() for _ in range(20)}
            assert get(address, "/environment").json() == []
            program.process.send_signal(signal.SIGHUP)
            deadline = time.monotonic() + SECONDS_MAX
            while before & {get(address, "/pid").json() for _ in range(8)}:
                assert time.monotonic() < deadline
            program.process.terminate()
            assert program.end() == 0
        finally:
            end(program)


def test_serves_every_socket_that_systemd_passes(tmp_path: Path) -> None:
    path, name = tmp_path / "socket", f"\0spikard-{os.getpid()}-activated"
    with (
        socket.create_server(("127.0.0.1", 0)) as web,
        socket.create_server(("127.0.0.1", 0)) as admin,
        socket.socket(socket.AF_UNIX) as local,
        socket.socket(socket.AF_UNIX) as nameless,
    ):
        local.bind(str(path))
        local.listen()
        nameless.bind(name)
        nameless.listen()
        places = [web.getsockname(), path, admin.getsockname(), name]
        program = activated(tmp_path, web, local, admin, nameless, names="web:local:admin:more")
        try:
            expected = f"http://127.0.0.1:{web.getsockname()[1]} and unix:{path} and "
            expected += f"http://127.0.0.1:{admin.getsockname()[1]} and unix:@{name[1:]} (2 workers"
            program.wait_for(re.escape(f"listening on {expected}"))

            def pids() -> set[int]:
                return {get(place, "/pid").json() for place in places for _ in range(6)}

            before = pids()
            program.process.send_signal(signal.SIGHUP)
            program.wait_for("restarted 2 workers")
            deadline = time.monotonic() + SECONDS_MAX
            while before & (now := pids()):
                assert time.monotonic() < deadline
            # A replacement accepts from all of them as well.
            for pid in now:
                os.kill(pid, signal.SIGKILL)
            program.wait_for(r"(in its place\n(.|\n)*){2}")
            assert not now & pids()
            program.process.terminate()
            assert program.end() == 0
        finally:
            end(program)


def test_a_socket_of_systemd_that_cannot_be_served_is_named(tmp_path: Path) -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as metrics,
    ):
        program = activated(tmp_path, listener, metrics, names="web:metrics")
        try:
            assert program.end() == 2
            assert 'descriptor 4 ("metrics" of LISTEN_FDNAMES) cannot be served' in program.log
        finally:
            end(program)


def test_one_socket_of_systemd_is_chosen_by_its_number(tmp_path: Path) -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as first,
        socket.create_server(("127.0.0.1", 0)) as second,
    ):
        program = activated(tmp_path, first, second, run="app.run({'fd': 4})")
        try:
            port = second.getsockname()[1]
            program.wait_for(rf"listening on http://127.0.0.1:{port} \(1 worker")
            assert get(second.getsockname(), "/pid").status_code == 200
        finally:
            end(program)


def test_one_worker_without_a_parent_takes_one_socket_of_systemd(tmp_path: Path) -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as first,
        socket.create_server(("127.0.0.1", 0)) as second,
    ):
        program = activated(tmp_path, first, second, run="asyncio.run(app.serve())")
        try:
            assert program.end() == 1
            assert "passed 2 sockets (LISTEN_FDS)" in program.log
        finally:
            end(program)


def test_serves_a_name_without_a_file_and_restarts_on_it(tmp_path: Path) -> None:
    name = f"spikard-{os.getpid()}-name"
    run = f"app.run({{'uds': '@{name}', 'workers': 2}})"
    with running(tmp_path, run) as program:
        program.wait_for(rf"listening on unix:@{name} \(2 workers")
        before = {get(f"\0{name}", "/pid").json() for _ in range(8)}
        assert program.process.pid not in before
        (tmp_path / "second").mkdir()
        with running(tmp_path / "second", run) as second:
            assert second.end() == 2
            assert f"the unix socket @{name} is in use" in second.log
        program.process.send_signal(signal.SIGHUP)
        program.wait_for("restarted 2 workers")
        deadline = time.monotonic() + SECONDS_MAX
        while before & {get(f"\0{name}", "/pid").json() for _ in range(8)}:
            assert time.monotonic() < deadline
        program.process.terminate()
        assert program.end() == 0
    # Nothing is left behind, so nothing is to be removed.
    with running(tmp_path, f"app.run({{'uds': '@{name}'}})", stdin=True) as program:
        program.wait_for(rf"listening on unix:@{name}, ")
        assert get(f"\0{name}", "/pid").json() == program.process.pid


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


@pytest.mark.parametrize(
    ("told", "client"),
    [
        ("203.0.113.9", ["203.0.113.9", 0]),
        ("203.0.113.9:4711", ["203.0.113.9", 4711]),
        ("2001:db8::1", ["2001:db8::1", 0]),
    ],
)
def test_the_client_is_the_one_that_a_trusted_proxy_tells(told: str, client: list[Any]) -> None:
    app = Spikard({"trusted_proxies": ["127.0.0.1"]})

    @app.get("/")
    def handler(request: Request) -> list[Any]:
        return list(request.client or ())

    with TestClient(app, transport="socket") as proxy:
        assert proxy.get("/", headers={"x-forwarded-for": told}).json() == client
