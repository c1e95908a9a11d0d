"""Start and end of a worker: what runs when, on which loop, and what a failure comes to."""

from __future__ import annotations

import asyncio
import contextvars
import logging
import os
import signal
import socket
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from spikard import HttpProblem, Request, RouteError, Router, ServerConfig, Spikard
from spikard.testing import AsyncTestClient, TestClient

NAME: contextvars.ContextVar[str] = contextvars.ContextVar("lifespan_name", default="unset")
TRANSPORTS = pytest.mark.parametrize("transport", ["inject", "socket"])


def recorded() -> tuple[Spikard, list[str]]:
    """An application that notes what it does, and where."""
    events: list[str] = []

    def note(what: str) -> None:
        events.append(f"{what} on {threading.current_thread().name}")

    @asynccontextmanager
    async def lifespan(app: Spikard) -> AsyncIterator[dict[str, Any]]:
        note("enter")
        await asyncio.sleep(0.001)
        yield {"pool": 7}
        await asyncio.sleep(0.001)
        note("leave")

    app = Spikard(lifespan=lifespan)

    @app.on_startup
    async def first() -> None:
        await asyncio.sleep(0.001)
        note("first")
        NAME.set("started")

    @app.on_startup
    def second() -> None:
        note("second")
        NAME.set(NAME.get() + "!")

    @app.on_shutdown
    def third() -> None:
        note("third")

    @app.on_shutdown
    async def fourth() -> None:
        await asyncio.sleep(0.001)
        note("fourth")

    @app.get("/async")
    async def handler() -> list[Any]:
        note("handler")
        name = NAME.get()
        NAME.set("a request's own")
        return [name, app.state["pool"]]

    @app.get("/sync")
    def blocking() -> list[Any]:
        name = NAME.get()
        NAME.set("a request's own")
        return [name, app.state["pool"]]

    return app, events


ORDER = ["enter", "first", "second", "handler", "third", "fourth", "leave"]


@TRANSPORTS
def test_they_run_around_the_requests_on_the_worker_s_loop(transport: Any) -> None:
    app, events = recorded()
    with TestClient(app, transport=transport) as client:
        assert client.get("/async").json() == ["started!", 7]
        for _ in range(3):
            assert client.get("/sync").json() == ["started!", 7]
        assert len(events) == 4
    assert events == [f"{what} on spikard-test-client" for what in ORDER]
    client.close()
    assert len(events) == 7


@TRANSPORTS
def test_they_run_in_the_task_of_an_async_test(transport: Any) -> None:
    app, events = recorded()

    async def main() -> None:
        async with AsyncTestClient(app, transport=transport) as client:
            assert (await client.get("/async")).json() == ["started!", 7]

    asyncio.run(main())
    assert events == [f"{what} on MainThread" for what in ORDER]


def test_serve_runs_them_also_when_it_is_cancelled() -> None:
    app, events = recorded()

    async def main() -> None:
        serving = asyncio.ensure_future(app.serve(port=0))
        while len(events) < 3:
            await asyncio.sleep(0.001)
        await asyncio.sleep(0.01)
        serving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await serving

    asyncio.run(main())
    expected = [each for each in ORDER if each != "handler"]
    assert events == [f"{what} on MainThread" for what in expected]


def test_an_async_generator_is_a_lifespan_too() -> None:
    events = []

    async def lifespan(app: Spikard) -> AsyncIterator[None]:
        events.append("enter")
        yield
        events.append("leave")

    with TestClient(Spikard(lifespan=lifespan)):
        assert events == ["enter"]
    assert events == ["enter", "leave"]


@pytest.mark.parametrize("where", ["lifespan", "startup"])
@TRANSPORTS
def test_what_a_start_raises_is_raised_and_undoes_the_lifespan(where: str, transport: Any) -> None:
    events = []

    @asynccontextmanager
    async def lifespan(app: Spikard) -> AsyncIterator[None]:
        if where == "lifespan":
            raise LookupError("no database")
        try:
            yield
        finally:
            events.append("leave")

    app = Spikard(lifespan=lifespan)

    @app.on_startup
    def fails() -> None:
        raise LookupError("no database")

    @app.on_shutdown
    def never() -> None:
        events.append("never")

    with pytest.raises(LookupError, match="no database"):
        TestClient(app, transport=transport)
    assert events == ([] if where == "lifespan" else ["leave"])

    async def main() -> None:
        with pytest.raises(LookupError, match="no database"):
            await app.serve(port=0)

    asyncio.run(main())


def test_what_an_end_raises_is_logged_and_stops_nothing(caplog: Any) -> None:
    events = []

    @asynccontextmanager
    async def lifespan(app: Spikard) -> AsyncIterator[None]:
        yield
        events.append("leave")
        raise OSError("third")

    app = Spikard(lifespan=lifespan)

    @app.on_shutdown
    def first() -> None:
        raise LookupError("first")

    @app.on_shutdown
    async def second() -> None:
        raise ValueError("second")

    with caplog.at_level(logging.ERROR, logger="spikard"), TestClient(app):
        pass
    assert events == ["leave"]
    for text in ("LookupError: first", "ValueError: second", "OSError: third", "first ("):
        assert text in caplog.text


def test_an_end_that_hangs_is_cancelled(caplog: Any) -> None:
    app, events = Spikard(), []

    @app.on_shutdown
    async def hangs() -> None:
        await asyncio.sleep(60)

    @app.on_shutdown
    def quick() -> None:
        events.append("quick")

    began = time.monotonic()
    config = ServerConfig(shutdown_timeout=0.1)
    with caplog.at_level(logging.ERROR, logger="spikard"), TestClient(app, config=config):
        pass
    assert time.monotonic() - began < 10
    assert events == ["quick"]
    assert "hangs (" in caplog.text
    assert "shutdown_timeout" in caplog.text


def test_what_cannot_be_one_is_refused_with_its_place() -> None:
    app = Spikard()

    def takes_one(app: Any) -> None: ...

    async def plain(app: Spikard) -> None: ...

    def none() -> Any: ...

    for decorate in (app.on_startup, app.on_shutdown):
        with pytest.raises(RouteError, match=r"takes_one \(.*test_lifespan.py:\d+\).*arguments"):
            decorate(takes_one)  # type: ignore[type-var]
        with pytest.raises(RouteError, match=r"without \(\)"):
            decorate(None)  # type: ignore[type-var]
    with pytest.raises(RouteError, match=r"plain \(.*py:\d+\).*yields once"):
        Spikard(lifespan=plain)  # type: ignore[arg-type]
    with pytest.raises(RouteError, match=r"none \(.*py:\d+\).*one argument"):
        Spikard(lifespan=none)  # type: ignore[arg-type]

    async def wrong(app: Spikard) -> AsyncIterator[Any]:
        yield 7

    with pytest.raises(TypeError, match="the lifespan yielded int"):
        TestClient(Spikard(lifespan=wrong))


PROGRAM = """
import os, time
from spikard import Spikard
app = Spikard()

@app.on_startup
async def start():
    app.state["pid"] = os.getpid()
    os.write(1, b"started %d\\n" % os.getpid())
    {start}

@app.on_shutdown
def end():
    os.write(1, b"ended %d\\n" % os.getpid())
    {end}

@app.get("/")
def pid():
    return app.state["pid"]

app.run(port={port}, workers=2)
"""


def launched(tmp_path: Path, **parts: Any) -> tuple[subprocess.Popen[str], int]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    path = tmp_path / "program.py"
    path.write_text(textwrap.dedent(PROGRAM).format(port=port, **{"start": "", "end": "", **parts}))
    process = subprocess.Popen(
        [sys.executable, str(path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    return process, port


@pytest.mark.parametrize("end", ["", "raise LookupError('late')"])
def test_every_worker_process_runs_them_once(tmp_path: Path, end: str) -> None:
    process, port = launched(tmp_path, end=end)
    try:
        deadline, reply = time.monotonic() + 20, b""
        while not reply and time.monotonic() < deadline:
            try:
                with socket.create_connection(("127.0.0.1", port), 5) as connection:
                    connection.sendall(b"GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")
                    while piece := connection.recv(4096):
                        reply += piece
            except OSError:
                time.sleep(0.02)
        assert reply.startswith(b"HTTP/1.1 200"), reply
        process.send_signal(signal.SIGTERM)
        output, _ = process.communicate(timeout=20)
    finally:
        process.kill()
    lines = output.splitlines()
    started = {line.split()[1] for line in lines if line.startswith("started")}
    ended = {line.split()[1] for line in lines if line.startswith("ended")}
    assert len(started) == 2, output
    assert ended == started, output
    assert reply.split(b"\r\n\r\n")[1].decode() in started
    assert process.returncode == 0, output
    assert ("LookupError: late" in output) == bool(end)


def test_a_failed_start_ends_the_server_with_its_traceback(tmp_path: Path) -> None:
    process, _ = launched(tmp_path, start="raise LookupError('no database')")
    try:
        output, _ = process.communicate(timeout=20)
    finally:
        process.kill()
    assert process.returncode == 3, output
    assert "Traceback" in output
    assert "LookupError: no database" in output
    assert "ended" not in output


@pytest.mark.parametrize("is_for_all", [False, True], ids=["parent", "group"])
def test_a_server_that_is_stopped_while_it_starts_does_not_wait(
    tmp_path: Path, is_for_all: bool
) -> None:
    start = "import asyncio; await asyncio.sleep(60)"
    process, _ = launched(tmp_path, start=start)
    try:
        assert process.stdout is not None
        first = [process.stdout.readline() for _ in range(2)]
        assert all(line.startswith("started") for line in first), first
        began = time.monotonic()
        if is_for_all:
            os.killpg(process.pid, signal.SIGTERM)
        else:
            process.send_signal(signal.SIGTERM)
        output, _ = process.communicate(timeout=20)
    finally:
        process.kill()
    assert time.monotonic() - began < 10
    assert process.returncode == 0, output
    assert "ended" not in output


@TRANSPORTS
def test_state_is_reached_from_whatever_has_the_request(transport: str) -> None:
    @asynccontextmanager
    async def lifespan(_: Spikard) -> AsyncIterator[dict[str, Any]]:
        yield {"pool": 7}

    app = Spikard(lifespan=lifespan)
    routes = Router("/r")

    @app.on_startup
    def warm_up() -> None:
        app.state.cache = {"warm": True}

    @app.on_request
    def early(request: Request) -> None:
        request.app_state["seen"] = request.app_state.get("seen", 0) + 1

    @routes.get("")
    async def handler(request: Request) -> list[Any]:
        assert request.app is app
        state = request.app_state
        return [state.pool, state["pool"], state.cache, request.app.state.seen]

    @app.exception_handler(AttributeError)
    def lacking(request: Request, error: AttributeError) -> HttpProblem:
        return HttpProblem(503, detail=f"{error}; {request.app_state.pool}")

    @app.get("/lacks")
    def lacks(request: Request) -> object:
        return request.app_state.nothing

    app.include(routes)
    with TestClient(app, transport=transport) as client:
        assert client.get("/r").json() == [7, 7, {"warm": True}, 1]
        assert client.get("/r").json() == [7, 7, {"warm": True}, 2]
        reply = client.get("/lacks")
        assert reply.status_code == 503
        assert reply.json()["detail"].startswith("the state has no 'nothing'")
        assert reply.json()["detail"].endswith("; 7")


def test_state_is_a_dict_with_attributes() -> None:
    state = Spikard().state
    state.pool = 1
    assert state == {"pool": 1}
    assert hasattr(state, "pool")
    del state.pool
    assert not hasattr(state, "pool")
    with pytest.raises(AttributeError, match="no 'pool'"):
        del state.pool
    with pytest.raises(AttributeError, match=r"write state\['items'\]"):
        state.items = []
    state["items"] = []
    assert dict(state) == {"items": []}
