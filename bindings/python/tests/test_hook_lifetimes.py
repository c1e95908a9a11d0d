"""What hooks leave: seen by their own request only, and gone with it."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import socket
import threading
import time
import weakref
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from spikard import HttpProblem, Request, Response, ServerConfig, Spikard
from spikard.server import Guest
from spikard.testing import TestClient

USER: contextvars.ContextVar[str] = contextvars.ContextVar("lifetime_user", default="nobody")


def test_concurrent_requests_keep_their_own_state() -> None:
    app = Spikard()

    @app.on_request
    async def first(request: Request) -> None:
        request.state["path"] = request.path
        USER.set(request.path)
        await asyncio.sleep(0.001 * (hash(request.path) % 7))

    @app.pre_handler
    def second(request: Request) -> None:
        time.sleep(0.001)
        assert USER.get() == request.path

    @app.get("/{name}")
    async def handler(name: str, request: Request):
        await asyncio.sleep(0)
        return [request.state["path"], USER.get(), name]

    replies: dict[str, Any] = {}
    with TestClient(app, transport="socket") as client:

        def ask(name: str) -> None:
            replies[name] = client.get(f"/{name}").json()

        threads = [threading.Thread(target=ask, args=(f"n{n}",)) for n in range(40)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert replies == {f"n{n}": [f"/n{n}", f"/n{n}", f"n{n}"] for n in range(40)}


def test_a_quick_thread_never_finds_the_context_in_use() -> None:
    app = Spikard()

    @app.pre_handler
    def blocking(request: Request) -> None:
        USER.set(request.path)

    @app.get("/{name}", blocking=True)
    def handler(name: str):
        return USER.get()

    @app.on_response
    async def waits(response: Response) -> None: ...

    with TestClient(app, transport="socket") as client, ThreadPoolExecutor(8) as pool:
        texts = list(pool.map(lambda n: client.get(f"/n{n}").text, range(1000)))
    assert texts == [f"/n{n}" for n in range(1000)]


def test_nothing_is_kept_of_clients_that_leave_between_hooks() -> None:
    app, states, cancelled = Spikard(), [], []

    class State:
        """Something that can be watched."""

    @app.on_request
    async def wait(request: Request) -> None:
        state = State()
        states.append(weakref.ref(state))
        request.state["it"] = state
        try:
            await asyncio.sleep(30)
        except asyncio.CancelledError:
            cancelled.append(request.path)
            raise

    app.get("/a")(lambda: None)

    async def main() -> None:
        engine, _, settings = app.build(ServerConfig(port=0))
        guest = Guest.listen(engine, settings)
        for _ in range(5):
            reader, writer = await asyncio.open_connection("127.0.0.1", guest.port)
            writer.write(b"GET /a HTTP/1.1\r\nhost: x\r\n\r\n")
            await asyncio.sleep(0.05)
            sock = writer.get_extra_info("socket")
            # A reset, not a half-closed connection.
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            writer.close()
            del reader
        for _ in range(100):
            await asyncio.sleep(0.02)
            gc.collect()
            if len(cancelled) == 5 and not any(state() for state in states):
                break
        guest.stop()
        await guest.drained()

    asyncio.run(main())
    assert len(cancelled) == 5
    assert len(states) == 5
    assert not any(state() for state in states)


def test_nothing_is_kept_of_requests_that_ended() -> None:
    app, states = Spikard(), []

    class State:
        """Something that can be watched."""

    @app.on_request
    def keep(request: Request) -> None:
        state = State()
        states.append(weakref.ref(state))
        request.state["it"] = state

    @app.on_error
    async def on_error(response: Response) -> None: ...

    app.get("/a")(lambda: None)

    @app.get("/b")
    async def fails(request: Request):
        raise HttpProblem(418)

    with TestClient(app) as client:
        for path in ("/a", "/b", "/none"):
            for _ in range(3):
                client.get(path)
        client.get("/a")
        gc.collect()
        assert len(states) == 10
        assert sum(state() is not None for state in states) <= 1
