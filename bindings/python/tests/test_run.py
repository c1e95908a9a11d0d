"""Real servers as real processes: start, stop, death and what the log says."""

from __future__ import annotations

import asyncio
import logging
import os
import re
import signal
import socket
import subprocess
import sys
import textwrap
import threading
import time
import types
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from spikard import AddressInUse, ConfigError, ServerConfig, Spikard
from spikard.logging import ERROR, INFO, handler_failed, log, logger
from spikard.testing.reply import Reply, read

SCRIPTS = Path(__file__).resolve().parents[3] / "scripts"

# Longest wait for a process to start, answer or end, in seconds.
SECONDS_MAX = 20.0

PROGRAM = (
    (SCRIPTS / "pids.py").read_text()
    + """
import time

@app.get("/hang")
async def hang():
    await asyncio.sleep(30)

@app.get("/typo")
def typo():
    return undefined_name
"""
)


class Program:
    """A server process, its log and its port."""

    def __init__(
        self,
        command: list[str],
        log: Path,
        stdin: str | None = None,
        folder: Path | None = None,
        pass_fds: Sequence[int] = (),
    ) -> None:
        self.path = log
        with log.open("wb") as output:
            self.process = subprocess.Popen(
                command,
                cwd=folder,
                stdin=subprocess.PIPE if stdin is not None else subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env={**os.environ, "PORT": "0"},
                start_new_session=True,
                pass_fds=pass_fds,
            )
        if stdin is not None:
            assert self.process.stdin is not None
            self.process.stdin.write(stdin.encode())
            self.process.stdin.close()

    @property
    def log(self) -> str:
        return self.path.read_text()

    def wait_for(self, pattern: str) -> re.Match[str]:
        """Wait until the log has a line like this."""
        deadline = time.monotonic() + SECONDS_MAX
        while time.monotonic() < deadline:
            if found := re.search(pattern, self.log):
                return found
            if self.process.poll() is not None and not re.search(pattern, self.log):
                break
            time.sleep(0.01)
        raise AssertionError(f"no {pattern!r} in the log:\n{self.log}")

    @property
    def port(self) -> int:
        """The port that the start-up line names."""
        return int(self.wait_for(r"listening on http://[^:]+:(\d+)")[1])

    def get(self, path: str, **fields: str) -> Reply:
        """Send a request with header fields, `_` for `-`, on a connection of its own."""
        lines = [f"GET {path} HTTP/1.1", "host: localhost"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in fields.items()]
        with socket.create_connection(("127.0.0.1", self.port), SECONDS_MAX) as connection:
            connection.sendall("\r\n".join([*lines, "", ""]).encode())
            data = b""
            while True:
                piece = connection.recv(65_536)
                data += piece
                if found := read(data, "GET", whole=not piece):
                    return found[0]

    def pids(self, count: int) -> set[int]:
        """The processes that answer so many requests."""
        return {self.get("/pid").json() for _ in range(count)}

    def interrupt(self) -> None:
        """What Ctrl-C in a terminal does: SIGINT to every process of the group."""
        os.killpg(self.process.pid, signal.SIGINT)

    def end(self) -> int:
        """Wait for the end and return the exit code."""
        return self.process.wait(SECONDS_MAX)


@contextmanager
def running(
    tmp_path: Path, run: str, stdin: bool = False, body: str = PROGRAM
) -> Iterator[Program]:
    """A program that ends with `run`, from a file or through stdin."""
    source = f"{textwrap.dedent(body)}\n{run}\n"
    (tmp_path / "program.py").write_text(source)
    command = [sys.executable, "-" if stdin else str(tmp_path / "program.py")]
    with started(command, tmp_path, source if stdin else None) as program:
        yield program


@contextmanager
def started(
    command: list[str], tmp_path: Path, stdin: str | None = None, folder: Path | None = None
) -> Iterator[Program]:
    """A process, in a folder if one is given, that is certainly gone afterwards."""
    program = Program(command, tmp_path / "log", stdin, folder)
    try:
        yield program
    finally:
        # Its session is its own: workers that lost their parent are ended too.
        with suppress(ProcessLookupError):
            os.killpg(program.process.pid, signal.SIGKILL)
        program.process.wait(SECONDS_MAX)


def test_quickstart_answers_and_stops(tmp_path: Path) -> None:
    with started([sys.executable, str(SCRIPTS / "demo.py")], tmp_path) as program:
        reply = program.get("/hello")
        assert reply.json() == {"message": "Hello, World!"}
        assert reply.headers["ratelimit-limit"] == "200"
        assert len(reply.headers["x-request-id"]) == 36
        assert program.get("/users/7").json() == {"id": 7, "name": "User 7"}
        assert program.get("/users/x").status_code == 422
        program.process.terminate()
        assert program.end() == 0


def test_every_worker_answers(tmp_path: Path) -> None:
    with running(tmp_path, "app.run(port=0, workers=4)") as program:
        pids = program.pids(100)
        assert 1 < len(pids) <= 4
        assert program.process.pid not in pids


def test_starts_in_one_line_that_names_address_and_engine(tmp_path: Path) -> None:
    with running(tmp_path, "app.run(port=0)") as program:
        assert program.get("/pid").status_code == 200
        lines = program.log.splitlines()
        shape = r"\d\d:\d\d:\d\d INFO    listening on http://127\.0\.0\.1:\d+ .*(io_uring|epoll)"
        assert re.match(shape, lines[0])
        assert all("\x1b" not in line for line in lines)


def test_taken_port_is_an_error_that_names_it(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with running(tmp_path, f"app.run(port={port}, workers=2)") as program:
            assert program.end() == 2
            assert f"port {port} on 127.0.0.1 is in use" in program.log
            assert "Traceback" not in program.log


def test_interrupt_under_load_finishes_what_is_in_flight(tmp_path: Path) -> None:
    with running(tmp_path, "app.run(port=0, workers=2)") as program:
        port = program.port
        replies: list[str] = []
        stop = threading.Event()

        def load() -> None:
            while not stop.is_set():
                try:
                    replies.append(program.get("/pid").text)
                except (OSError, ValueError):
                    return

        slow: list[str] = []
        threads = [threading.Thread(target=load) for _ in range(4)]
        threads.append(threading.Thread(target=lambda: slow.append(program.get("/slow").text)))
        for thread in threads:
            thread.start()
        time.sleep(0.25)
        program.interrupt()
        assert program.end() == 0
        stop.set()
        for thread in threads:
            thread.join()
        assert replies
        assert slow[0] in replies
        assert "Traceback" not in program.log
        with pytest.raises(OSError, match="refused"):
            socket.create_connection(("127.0.0.1", port))


def test_second_signal_ends_what_hangs(tmp_path: Path) -> None:
    with running(tmp_path, "app.run(port=0)") as program:
        port = program.port
        with socket.create_connection(("127.0.0.1", port)) as connection:
            connection.sendall(b"GET /hang HTTP/1.1\r\nhost: localhost\r\n\r\n")
            time.sleep(0.2)
            program.interrupt()
            time.sleep(0.3)
            assert program.process.poll() is None
            program.interrupt()
            assert program.end() == 130


def test_killed_worker_is_replaced(tmp_path: Path) -> None:
    with running(tmp_path, "app.run(port=0, workers=2)") as program:
        victim = program.get("/pid").json()
        os.kill(victim, signal.SIGKILL)
        program.wait_for(rf"pid {victim}\D")
        deadline = time.monotonic() + SECONDS_MAX
        while len(program.pids(20) - {victim}) < 2:
            assert time.monotonic() < deadline, program.log
        assert victim not in program.pids(20)
        program.process.terminate()
        assert program.end() == 0


def test_workers_leave_when_their_parent_is_killed(tmp_path: Path) -> None:
    with running(tmp_path, "app.run(port=0, workers=2)") as program:
        pids = program.pids(40)
        program.process.kill()
        program.end()
        deadline = time.monotonic() + SECONDS_MAX
        while any(Path(f"/proc/{pid}").exists() for pid in pids):
            assert time.monotonic() < deadline
            time.sleep(0.02)


def test_failing_handler_is_500_outside_and_a_traceback_inside(tmp_path: Path) -> None:
    with running(tmp_path, "app.run(port=0)") as program:
        reply = program.get("/typo")
        assert reply.status_code == 500
        assert "undefined_name" not in reply.text
        program.wait_for("NameError: name 'undefined_name' is not defined\n")
        id = reply.headers["x-request-id"]
        assert f"GET /typo failed in /typo [{id}]: NameError" in program.log
        assert "return undefined_name" in program.log


def test_failure_before_run_ends_with_its_own_traceback(tmp_path: Path) -> None:
    with running(tmp_path, "raise LookupError('no database')") as program:
        assert program.end() == 1
        assert "LookupError: no database" in program.log


def test_failure_in_every_worker_ends_the_server(tmp_path: Path) -> None:
    body = PROGRAM + "if os.environ.get('SPIKARD_TEST_CHILD'): raise LookupError('no cache')\n"
    run = "os.environ['SPIKARD_TEST_CHILD'] = '1'\napp.run(port=0)"
    with running(tmp_path, run, body=body) as program:
        assert program.end() == 3
        assert "LookupError: no cache" in program.log


def test_refused_config_names_the_key(tmp_path: Path) -> None:
    with running(tmp_path, "app.run({'request_timeout': 30000})") as program:
        assert program.end() == 1
        assert "/request_timeout: 30000 is over 3600" in program.log


@pytest.mark.parametrize(
    ("config", "fault"),
    [
        ({"static_files": [{"directory": "/nowhere", "route_prefix": "/s"}]}, "/nowhere"),
        ({"spool_directory": "/nowhere"}, "/spool_directory"),
        ({"protect": ["nobody"]}, "/protect/0"),
        ({"jwt_auth": {"algorithm": "RS256", "public_key": "none"}}, "jwt_auth"),
    ],
)
def test_what_every_worker_would_refuse_starts_none(
    tmp_path: Path, config: dict[str, object], fault: str
) -> None:
    with running(tmp_path, f"app.run({{'port': 0, **{config!r}}})") as program:
        assert program.end() == 1
        assert re.search(rf"ConfigError: .*{fault}", program.log)
        assert "before it was ready" not in program.log


@pytest.mark.parametrize("where", ["stdin", "thread"])
def test_serves_in_process_where_the_program_cannot_be_started_again(
    tmp_path: Path, where: str
) -> None:
    run = {
        "stdin": "app.run(port=0)",
        "thread": "import threading\n"
        "threading.Thread(target=app.run, kwargs={'port': 0}).start()\n"
        "time.sleep(60)",
    }[where]
    with running(tmp_path, run, stdin=where == "stdin") as program:
        program.wait_for("one worker in this process")
        assert program.pids(3) == {program.process.pid}
        if where == "stdin":
            program.interrupt()
            assert program.end() == 0


def test_second_signal_ends_what_hangs_in_process(tmp_path: Path) -> None:
    with (
        running(tmp_path, "app.run(port=0)", stdin=True) as program,
        socket.create_connection(("127.0.0.1", program.port)) as connection,
    ):
        connection.sendall(b"GET /hang HTTP/1.1\r\nhost: localhost\r\n\r\n")
        time.sleep(0.2)
        program.interrupt()
        time.sleep(0.3)
        assert program.process.poll() is None
        program.interrupt()
        assert program.end() == 0


def test_several_workers_in_process_are_an_error(tmp_path: Path) -> None:
    with running(tmp_path, "app.run(port=0, workers=2)", stdin=True) as program:
        assert program.end() == 1
        assert "/workers: 2 workers need a program that can be started again" in program.log


def test_command_line_programs_are_started_again(tmp_path: Path) -> None:
    command = [sys.executable, "-c", f"{PROGRAM}\napp.run(port=0)", "argument"]
    with started(command, tmp_path) as program:
        assert program.process.pid not in program.pids(2)


def test_program_may_change_its_directory(tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(f"{PROGRAM}\nos.chdir('/')\napp.run(port=0)\n")
    log_path = tmp_path / "log"
    shell = f"cd {tmp_path} && exec {sys.executable} program.py"
    with started(["sh", "-c", shell], tmp_path) as program:
        assert program.path == log_path
        assert program.get("/pid").status_code == 200


def test_serves_in_a_running_loop_until_cancelled(capfd: Any) -> None:
    async def main() -> None:
        app = Spikard()
        entered = asyncio.Event()

        @app.get("/slow")
        async def slow():
            entered.set()
            await asyncio.sleep(0.1)
            return "done"

        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        serving = asyncio.create_task(app.serve(port=port))
        await asyncio.sleep(0.05)
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET /slow HTTP/1.1\r\nhost: localhost\r\n\r\n")
        await entered.wait()
        serving.cancel()
        reply = read(await reader.read(), "GET", whole=True)
        assert reply is not None
        assert reply[0].text == "done"
        with pytest.raises(asyncio.CancelledError):
            await serving
        writer.close()
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", port)

    asyncio.run(main())


def test_serve_refuses_a_taken_port_and_several_workers() -> None:
    async def main() -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            with pytest.raises(AddressInUse, match=f"port {port}"):
                await Spikard().serve(port=port)
        with pytest.raises(ConfigError, match="/workers"):
            await Spikard().serve(ServerConfig(workers=2))

    asyncio.run(main())


def test_refuses_a_process_that_gevent_has_patched(monkeypatch: pytest.MonkeyPatch) -> None:
    monkey = types.ModuleType("gevent.monkey")
    monkey.is_module_patched = lambda name: name == "socket"  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "gevent.monkey", monkey)
    with pytest.raises(RuntimeError, match="gevent"):
        Spikard().run(port=0)


def test_configured_logging_gets_records(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "spikard")
    log(INFO, "hello")
    handler_failed(KeyError("x"), "id-1", "GET", "/a", "/{b}")
    assert [record.levelname for record in caplog.records] == ["INFO", "ERROR"]
    assert caplog.records[0].getMessage() == "hello"
    assert caplog.records[1].getMessage() == "GET /a failed in /{b} [id-1]: KeyError: 'x'"
    assert caplog.records[1].exc_info is not None


def test_unconfigured_logging_prints_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(logging.Logger, "hasHandlers", lambda _: False)
    log(INFO, "hello")
    monkeypatch.setattr(logger, "level", logging.INFO)
    log(4, "detail")
    log(ERROR, "bad")
    lines = capsys.readouterr().err.splitlines()
    assert [line[9:] for line in lines] == ["INFO    hello", "ERROR   bad"]


FORKS = """
import multiprocessing, os, sys, time
from spikard import Spikard
app = Spikard()

@app.get("/pid")
def pid():
    return os.getpid()

@app.get("/fork")
def fork():
    context = multiprocessing.get_context("fork")
    context.Process(target=time.sleep, args=(30,), daemon=True).start()
    return os.getpid()

@app.get("/exit")
def leave():
    child = os.fork()
    if child == 0:
        sys.exit(7)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
"""


def test_forked_children_hold_no_port_and_take_no_client(tmp_path: Path) -> None:
    with running(tmp_path, "app.run(port=0)", body=FORKS) as program:
        assert program.get("/exit").json() == 7
        worker = program.get("/fork").json()
        os.kill(worker, signal.SIGKILL)
        program.wait_for(r"in its place")
        for _ in range(6):
            assert program.get("/pid").json() != worker
        port = program.port
        program.interrupt()
        assert program.end() == 0
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port), timeout=5)


STALLING = """
import time
from spikard import Spikard
app = Spikard()

@app.get("/stall", blocking=False)
def stalls():
    time.sleep(0.4)  # here it waits
    return "at last"

@app.get("/fast")
async def fast():
    return "fast"
"""


def test_a_stalled_worker_says_which_line_holds_it(tmp_path: Path) -> None:
    with running(tmp_path, "app.run(port=0, workers=2)", body=STALLING) as program:
        assert program.get("/fast").text == "fast"
        assert program.get("/stall").text == "at last"
        line = program.wait_for(r".* it is at:\n(.*\n)*?.*time\.sleep\(0\.4\)  # here it waits")
        assert "stalls (/stall) has held its worker for " in line[0]
        assert program.log.count("has held its worker") == 1
