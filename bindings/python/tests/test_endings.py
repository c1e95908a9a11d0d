"""How servers end: announced, in time, and whatever a program left running."""

from __future__ import annotations

import re
import socket
import time
from pathlib import Path

import pytest

from test_run import SECONDS_MAX, running


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
