"""One request never sees another's context, and handlers run as real asyncio tasks."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import functools
import threading
import time
from typing import Any

import pytest

from spikard import Request, ServerConfig, Spikard
from spikard.server import Guest
from spikard.testing import AsyncTestClient, TestClient

USER: contextvars.ContextVar[str] = contextvars.ContextVar("user", default="nobody")


def application() -> Spikard:
    """Routes that say which user they found, and leave another."""
    app = Spikard()

    @app.get("/async/{user}")
    async def at_once(user: str):
        before = USER.get()
        USER.set(user)
        return before

    @app.get("/waiting/{user}")
    async def waiting(user: str):
        before = USER.get()
        USER.set(user)
        await asyncio.sleep(0.01)
        return [before, USER.get()]

    def function(user: str):
        before = USER.get()
        USER.set(user)
        return before

    app.get("/inline/{user}", blocking=False)(function)
    app.get("/pool/{user}", blocking=True)(function)
    app.get("/proven/{user}")(function)
    return app


@pytest.mark.parametrize("transport", ["inject", "socket"])
def test_no_context_leaks_from_one_request_to_the_next(transport: Any) -> None:
    with TestClient(application(), transport=transport) as client:
        for user in ("ann", "bob"):
            for kind in ("async", "inline", "pool", "proven"):
                assert client.get(f"/{kind}/{user}").text == "nobody", kind
            assert client.get(f"/waiting/{user}").json() == ["nobody", user]


@pytest.mark.parametrize("transport", ["inject", "socket"])
def test_no_context_leaks_within_one_turn(transport: Any) -> None:
    async def main() -> None:
        async with AsyncTestClient(application(), transport=transport) as client:
            for kind in ("async", "inline", "pool"):
                paths = [f"/{kind}/user{number}" for number in range(20)]
                replies = await asyncio.gather(*map(client.get, paths))
                assert {reply.text for reply in replies} == {"nobody"}, kind
            paths = [f"/waiting/user{number}" for number in range(20)]
            replies = await asyncio.gather(*map(client.get, paths))
            found = [["nobody", f"user{number}"] for number in range(20)]
            assert [reply.json() for reply in replies] == found

    asyncio.run(main())


def test_handlers_start_from_the_context_that_serves() -> None:
    async def main() -> None:
        USER.set("root")
        async with AsyncTestClient(application()) as client:
            for kind in ("async", "inline", "pool"):
                assert (await client.get(f"/{kind}/x")).text == "root", kind
        assert USER.get() == "root"

    asyncio.run(main())


def served(handler: Any, **options: Any) -> Any:
    """The result of one call of a handler."""
    app = Spikard()
    app.get("/", **options)(handler)
    with TestClient(app) as client:
        reply = client.get("/")
    assert reply.status_code == 200
    return reply.json()


def test_coroutines_run_in_a_task_from_their_first_line() -> None:
    async def handler():
        first = asyncio.current_task()
        await asyncio.sleep(0)
        await asyncio.sleep(0.001)
        return [first is not None, first is asyncio.current_task()]

    assert served(handler) == [True, True]


def test_timeouts_and_cancellation_work() -> None:
    async def handler():
        try:
            await asyncio.wait_for(asyncio.sleep(5), 0.01)
        except asyncio.TimeoutError:
            return "late"

    async def modern():
        try:
            async with asyncio.timeout(0.01):
                await asyncio.sleep(5)
        except TimeoutError:
            return "late"

    app = Spikard()
    app.get("/old")(handler)
    if hasattr(asyncio, "timeout"):
        app.get("/new")(modern)
    with TestClient(app) as client:
        for route in app.routes:
            assert client.get(route.document["path"]).text == "late"


def test_handlers_may_start_tasks_and_wait_for_them() -> None:
    async def handler():
        async def double(number: int) -> int:
            await asyncio.sleep(0.001)
            return number * 2

        return await asyncio.gather(*map(double, range(3)))

    assert served(handler) == [0, 2, 4]


def test_one_loop_serves_all_calls() -> None:
    loops = []
    app = Spikard()

    @app.get("/")
    async def handler():
        loops.append(asyncio.get_running_loop())

    with TestClient(app) as client:
        client.get("/")
        client.get("/")
    assert len(loops) == 2
    assert loops[0] is loops[1]


@pytest.mark.parametrize("blocking", [True, False])
def test_functions_see_no_running_loop(blocking: bool) -> None:
    def handler():
        async def inner() -> int:
            await asyncio.sleep(0)
            return 7

        return asyncio.run(inner())

    assert served(handler, blocking=blocking) == 7


def test_blocking_says_on_which_thread() -> None:
    app = Spikard()
    names = functools.partial(lambda: threading.current_thread().name)
    app.get("/pool", blocking=True)(names)
    app.get("/inline", blocking=False)(names)
    with TestClient(app) as client:
        assert client.get("/inline").text == "spikard-test-client"
        assert client.get("/pool").text != "spikard-test-client"


def test_pool_calls_run_side_by_side() -> None:
    async def main() -> None:
        app = Spikard()
        app.get("/", blocking=True)(lambda: time.sleep(0.2))
        async with AsyncTestClient(app) as client:
            start = time.monotonic()
            replies = await asyncio.gather(*[client.get("/") for _ in range(8)])
            assert time.monotonic() - start < 1.0
            assert {reply.status_code for reply in replies} == {200}

    asyncio.run(main())


def test_a_late_coroutine_is_cancelled() -> None:
    ended: list[str] = []
    app = Spikard()

    @app.get("/")
    async def handler():
        try:
            await asyncio.sleep(5)
        except asyncio.CancelledError:
            ended.append("cancelled")
            raise

    with TestClient(app, config={"request_timeout": 0.05}) as client:
        assert client.get("/").status_code == 504
    assert ended == ["cancelled"]


def test_state_is_of_one_request() -> None:
    app = Spikard()

    @app.get("/")
    async def handler(request: Request):
        before = dict(request.state)
        request.state["user"] = "ann"
        return [before, request.state]

    with TestClient(app) as client:
        for _ in range(2):
            assert client.get("/").json() == [{}, {"user": "ann"}]


def test_a_request_kept_after_its_answer_still_reads() -> None:
    kept: list[Request] = []
    app = Spikard()

    @app.post("/{name}")
    async def handler(request: Request):
        kept.append(request)

    with TestClient(app) as client:
        client.post("/a?b=c", data=b"body", headers={"x-a": "1"})
        client.post("/other", data=b"other")
    first = kept[0]
    assert (first.path, first.query_string, first.body) == ("/a", "b=c", b"body")
    assert first.headers["x-a"] == "1"


def test_one_turn_in_a_pass_of_the_loop_however_busy_it_is() -> None:
    """Readiness and the ready queue lead to one turn, not to two that each schedule another."""

    async def main() -> list[int]:
        app = Spikard()
        loop: Any = asyncio.get_running_loop()
        ready: list[int] = []

        @app.get("/")
        async def root():
            ready.append(len(loop._ready))

        engine, _, settings = app.build(ServerConfig(port=0, turn_calls_max=1))
        guest = Guest.listen(engine, settings)
        request = b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n"
        last = b"GET / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n"

        async def client() -> int:
            reader, writer = await asyncio.open_connection("127.0.0.1", guest.port)
            writer.write(request * 199 + last)
            replies = (await reader.read()).count(b"HTTP/1.1 200 OK")
            writer.close()
            return replies

        assert await asyncio.gather(*[client() for _ in range(4)]) == [200] * 4
        guest.stop()
        await guest.drained()
        return ready

    with contextlib.closing(asyncio.SelectorEventLoop()) as loop:
        ready = loop.run_until_complete(main())
    # Beside the turn: a step of each of the four clients at the most, and their callbacks.
    assert len(ready) == 800
    assert max(ready) <= 12, max(ready)


def test_the_task_of_a_request_is_called_as_its_handler() -> None:
    app = Spikard()

    @app.get("/name")
    async def shown() -> str | None:
        await asyncio.sleep(0)
        task = asyncio.current_task()
        return task.get_name() if task else None

    name = TestClient(app).get("/name").text
    assert name == "test_the_task_of_a_request_is_called_as_its_handler.<locals>.shown"
