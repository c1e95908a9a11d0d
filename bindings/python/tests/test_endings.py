"""How servers end: announced, in time, and whatever a program left running."""

from __future__ import annotations

import asyncio
import re
import signal
import socket
import sys
import threading
import time
from pathlib import Path

import pytest

from spikard import Spikard
from spikard.testing import TestClient
from spikard.testing.client import Transport
from test_run import PROGRAM, SECONDS_MAX, running


def test_a_stop_is_announced_to_whoever_asks_for_readiness(tmp_path: Path) -> None:
    config = {"port": 0, "workers": 2, "health": {}, "drain_delay": 1.5}
    with running(tmp_path, f"app.run({config!r})") as program:
        port = program.port
        assert program.get("/readyz").status_code == 200
        asked = time.monotonic()
        program.process.terminate()
        program.wait_for(r"stopping: not ready any more, serving for 1\.5 s")
        deadline = asked + 1.2
        while program.get("/readyz").status_code == 200:
            assert time.monotonic() < deadline, "it does not say so"
        assert program.get("/livez").status_code == 200
        reply = program.get("/pid")
        assert reply.status_code == 200
        assert reply.headers["connection"] == "close"
        assert program.end() == 0
        assert time.monotonic() - asked >= 1.4
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port))


def test_a_second_signal_forces_also_while_a_stop_is_announced(tmp_path: Path) -> None:
    with running(tmp_path, "app.run({'port': 0, 'drain_delay': 60})") as program:
        assert program.get("/pid").status_code == 200
        program.process.terminate()
        program.wait_for("stopping: ")
        asked = time.monotonic()
        program.process.terminate()
        assert program.end() == 143
        assert time.monotonic() - asked < SECONDS_MAX / 2


@pytest.mark.parametrize(
    "way", ["async def wait():\n    await asyncio.sleep", "def wait():\n    time.sleep"]
)
def test_a_start_that_takes_too_long_ends_the_server(tmp_path: Path, way: str) -> None:
    run = f"@app.on_startup\n{way}(60)\napp.run({{'port': 0, 'start_timeout': 0.5}})"
    with running(tmp_path, run) as program:
        assert program.end() == 3
        assert re.search(r"was not ready within 0\.5 s \(start_timeout\): killed", program.log)


KEPT = """
import multiprocessing, threading

@app.get("/start")
def start():
    threading.Thread(target=time.sleep, args=(60,), name="mine", daemon=False).start()
    context = multiprocessing.get_context("fork")
    child = context.Process(target=time.sleep, args=(60,))
    child.start()
    return child.pid
"""


@pytest.mark.parametrize("signal_number", [signal.SIGTERM, signal.SIGHUP])
def test_a_worker_does_not_wait_for_ever_for_what_a_program_left_running(
    tmp_path: Path, signal_number: signal.Signals
) -> None:
    run = "app.run({'port': 0, 'shutdown_timeout': 1.5})"
    with running(tmp_path, run, body=PROGRAM + KEPT) as program:
        worker, child = program.get("/pid").json(), program.get("/start").json()
        asked = time.monotonic()
        program.process.send_signal(signal_number)
        line = program.wait_for(rf"the worker \(pid {worker}\) does not wait any longer .*")[0]
        assert time.monotonic() - asked >= 1.4
        assert line.endswith(f"what keeps it: thread mine, process {child}")
        deadline = asked + SECONDS_MAX / 2
        while Path(f"/proc/{worker}").exists():
            assert time.monotonic() < deadline
            time.sleep(0.02)
        # It was not the parent who ended it.
        assert "forced" not in program.log
        if signal_number == signal.SIGTERM:
            assert program.end() == 0
        else:
            assert program.get("/pid").json() != worker


def test_a_worker_that_nothing_keeps_ends_at_once_and_says_nothing(tmp_path: Path) -> None:
    with running(tmp_path, "app.run({'port': 0, 'shutdown_timeout': 0})") as program:
        assert program.get("/pid").status_code == 200
        program.process.terminate()
        assert program.end() == 0
        assert "does not wait" not in program.log


CUT = """
@app.get("/waits")
async def waits():
    print("begun", flush=True)
    await asyncio.sleep(60)

@app.get("/blocks", blocking=True)
def blocks():
    print("begun", flush=True)
    time.sleep(60)
"""


@pytest.mark.parametrize("path", ["/waits", "/blocks"])
@pytest.mark.parametrize("is_graceful", [True, False])
def test_a_stop_that_cuts_requests_off_says_so(
    tmp_path: Path, path: str, is_graceful: bool
) -> None:
    config = {"port": 0, "workers": 2, "shutdown_timeout": 0.5, "graceful_shutdown": is_graceful}
    with running(tmp_path, f"app.run({config!r})", body=PROGRAM + CUT) as program:
        with socket.create_connection(("127.0.0.1", program.port), SECONDS_MAX) as client:
            client.sendall(f"GET {path} HTTP/1.1\r\nhost: x\r\n\r\n".encode())
            program.wait_for("begun")
            program.process.terminate()
            assert client.recv(100) == b""
        assert program.end() == 1
        assert program.log.count("1 request was cut off before the reply was sent") == 1
        they = "have 0.5 s to finish" if is_graceful else "are cut off (graceful_shutdown is false)"
        assert f"stopping: requests in hand {they}" in program.log


def test_what_a_restart_cuts_off_does_not_count_at_the_end(tmp_path: Path) -> None:
    run = "app.run({'port': 0, 'shutdown_timeout': 0.3})"
    with running(tmp_path, run, body=PROGRAM + CUT) as program:
        with socket.create_connection(("127.0.0.1", program.port), SECONDS_MAX) as client:
            client.sendall(b"GET /waits HTTP/1.1\r\nhost: x\r\n\r\n")
            program.wait_for("begun")
            program.process.send_signal(signal.SIGHUP)
            assert client.recv(100) == b""
        program.wait_for("1 request was cut off")
        assert program.get("/pid").status_code == 200
        time.sleep(0.3)  # The one that was replaced has left by then.
        program.process.terminate()
        assert program.end() == 0


EXITS = """
import sys

@app.get("/inline", blocking=False)
def inline():
    sys.exit(7)

@app.get("/pool", blocking=True)
def pool():
    sys.exit(7)

@app.get("/early")
async def early():
    sys.exit(7)

@app.get("/late")
async def late():
    await asyncio.sleep(0.01)
    sys.exit(7)

@app.on_request
async def hook(request):
    if request.path == "/hook":
        await asyncio.sleep(0.01)
        sys.exit(7)

@app.get("/task")
async def start():
    async def leave():
        sys.exit(7)
    asyncio.get_running_loop().leaving = asyncio.create_task(leave())
    return "started"
"""


LOOPS = {"uvloop": "", "asyncio": "import sys\nsys.modules['uvloop'] = None\n"}


@pytest.mark.parametrize("loop", LOOPS)
def test_a_handler_that_exits_is_a_failed_handler_and_its_worker_goes_on(
    tmp_path: Path, loop: str
) -> None:
    paths = ["/inline", "/pool", "/early", "/late", "/hook"]
    body = LOOPS[loop] + PROGRAM + EXITS
    with running(tmp_path, "app.run(port=0)", body=body) as program:
        worker, slow = program.get("/pid").json(), []
        asking = threading.Thread(target=lambda: slow.append(program.get("/slow").json()))
        asking.start()
        time.sleep(0.1)
        for path in paths * 3:
            reply = program.get(path)
            assert (reply.status_code, reply.headers["content-type"]) == (
                500,
                "application/problem+json",
            )
        asking.join()
        # Who was waiting meanwhile has its reply, of the same worker.
        assert slow == [worker]
        assert program.get("/pid").json() == worker
        assert program.log.count("SystemExit: 7\n") >= 3 * len(paths)
        assert "never retrieved" not in program.log
        program.process.terminate()
        assert program.end() == 0


@pytest.mark.parametrize("loop", LOOPS)
def test_a_task_of_a_programs_own_that_exits_ends_its_worker(tmp_path: Path, loop: str) -> None:
    with running(tmp_path, "app.run(port=0)", body=LOOPS[loop] + PROGRAM + EXITS) as program:
        worker = program.get("/pid").json()
        program.get("/task")
        program.wait_for(rf"\(pid {worker}\) exited with code 7; started pid")
        assert program.get("/pid").json() != worker


@pytest.mark.parametrize("transport", ["inject", "socket"])
def test_a_test_client_outlives_a_handler_that_exits(transport: Transport) -> None:
    app = Spikard()

    @app.get("/late")
    async def late():
        await asyncio.sleep(0.01)
        sys.exit(7)

    @app.get("/here")
    async def here():
        await asyncio.sleep(0.01)
        return "here"

    with TestClient(app, transport=transport) as client:
        for _ in range(3):
            assert client.get("/late").status_code == 500
            assert client.get("/here").text == "here"
