"""Hooks in Python: what they receive, where they run, and that nothing of a request stays."""

from __future__ import annotations

import asyncio
import contextvars
import importlib.util
import logging
import threading
import time
import uuid
from pathlib import Path
from typing import Annotated, Any

import pytest

from spikard import Header, HttpProblem, Request, Response, RouteError, Spikard
from spikard.testing import TestClient

USER: contextvars.ContextVar[str] = contextvars.ContextVar("hook_user", default="nobody")
TRANSPORTS = pytest.mark.parametrize("transport", ["inject", "socket"])
EXAMPLES = Path(__file__).resolve().parents[3] / "examples/python"


def kinds(act: Any) -> list[Any]:
    """The same function as `def`, as `async def` that never waits, and as one that does."""

    def plain(subject: Any) -> Any:
        return act(subject)

    async def at_once(subject: Any) -> Any:
        return act(subject)

    async def waiting(subject: Any) -> Any:
        await asyncio.sleep(0.001)
        return act(subject)

    return [plain, at_once, waiting]


def traced(hook: Any, handler: Any) -> Spikard:
    """Every phase twice, and a handler that says which thread and context it found."""
    app = Spikard()

    def note(request: Request) -> None:
        request.state.setdefault("seen", []).append(request.route)
        USER.set(USER.get() + "+")

    for phase in ("on_request", "pre_validation", "pre_handler"):
        for _ in range(2):
            getattr(app, phase)(kinds(note)[hook])

    def stamp(response: Response) -> None:
        response.headers.add("x-seen", USER.get())

    app.on_response(kinds(stamp)[hook])

    def answer(request: Request) -> Any:
        return [request.state["seen"], USER.get()]

    app.get("/a/{id:int}", **({"blocking": True} if handler == 0 else {}))(
        named(kinds(answer)[handler])
    )
    return app


def named(function: Any) -> Any:
    """The handler under a parameter that is annotated."""
    if asyncio.iscoroutinefunction(function):

        async def handler(request: Request) -> Any:
            return await function(request)

        return handler
    return lambda_of(function)


def lambda_of(function: Any) -> Any:
    def handler(request: Request) -> Any:
        return function(request)

    return handler


@TRANSPORTS
@pytest.mark.parametrize("hook", [0, 1, 2])
@pytest.mark.parametrize("handler", [0, 1, 2])
def test_hooks_and_handler_of_one_request_share_state_and_context(
    transport: Any, hook: int, handler: int
) -> None:
    with TestClient(traced(hook, handler), transport=transport) as client:
        for _ in range(2):
            reply = client.get("/a/7")
            assert reply.status_code == 200, reply.text
            route = "/a/{id:int}"
            assert reply.json() == [["", "", route, route, route, route], "nobody++++++"]
            assert reply.headers["x-seen"] == "nobody++++++"


def test_blocking_hooks_run_where_blocking_handlers_do() -> None:
    app, threads = Spikard(), []

    @app.pre_handler
    def slow(request: Request) -> None:
        threads.append(threading.current_thread().name)
        time.sleep(0.002)

    @app.get("/")
    async def handler():
        threads.append(threading.current_thread().name)
        return asyncio.current_task() is not None

    with TestClient(app) as client:
        assert client.get("/").json() is True
    assert threads[0] != "spikard-test-client", threads
    assert threads[1] == "spikard-test-client", threads


def test_quick_blocking_functions_are_called_in_place_after_a_while() -> None:
    app, threads = Spikard(), []

    @app.pre_handler
    async def hook(request: Request) -> None:
        request.state["a"] = 1

    @app.get("/")
    def handler(request: Request) -> Any:
        threads.append(threading.current_thread().name)
        # As on the pool, there is no loop that runs.
        return asyncio.run(echo(request.state["a"]))

    async def echo(value: int) -> int:
        return value

    with TestClient(app) as client:
        assert client.get("/").json() == 1
    assert threads[0] != "spikard-test-client"


def test_the_request_grows_and_changes_are_seen() -> None:
    app, seen = Spikard(), []

    @app.on_request
    def early(request: Request) -> None:
        with pytest.raises(RuntimeError, match="not read yet"):
            request.body  # noqa: B018
        seen.append((request.route, request.path_params, request.headers.get("x-n")))
        request.headers["X-N"] = "5"
        request.headers.add("x-list", "1")
        request.headers.add("x-list", "2")
        del request.headers["x-gone"]

    @app.pre_validation
    def middle(request: Request) -> None:
        seen.append((request.route, request.body, request.headers.getlist("x-list")))
        assert "x-gone" not in request.headers

    @app.pre_handler
    async def late(request: Request) -> None:
        seen.append((request.path_params, request.query_params, request.json()))

    @app.post("/i/{id:int}")
    async def handler(
        id: int, x_n: Annotated[int, Header()], body: dict[str, int], request: Request, q: int = 1
    ):
        # Nobody else's affair: the engine has read them.
        request.headers["content-length"] = "nonsense"
        return [id, x_n, body, q, request.headers["x-n"]]

    with TestClient(app) as client:
        reply = client.post("/i/3?q=4", json={"a": 1}, headers={"x-n": "no", "x-gone": "1"})
    assert (reply.status_code, reply.json()) == (200, [3, 5, {"a": 1}, 4, "5"])
    assert seen[0] == ("", {}, "no")
    assert seen[1] == ("/i/{id:int}", b'{"a":1}', ["1", "2"])
    assert seen[2] == ({"id": 3}, {"q": 4}, {"a": 1})


def test_a_new_id_renames_reply_handler_and_log(caplog: Any) -> None:
    app = Spikard()
    phase = {"now": "on_request"}

    def rename(request: Request) -> None:
        request.headers["X-Request-ID"] = f"by-{phase['now']}"

    def only(name: str) -> Any:
        return lambda request: rename(request) if phase["now"] == name else None

    for name in ("on_request", "pre_validation", "pre_handler"):
        getattr(app, name)(only(name))

    @app.get("/id")
    async def handler(request: Request):
        return request.request_id

    @app.get("/fails")
    async def fails():
        raise KeyError("x")

    caplog.set_level(logging.ERROR, logger="spikard")
    with TestClient(app) as client:
        for name in ("on_request", "pre_validation", "pre_handler"):
            phase["now"] = name
            reply = client.get("/id")
            assert (reply.text, reply.headers["x-request-id"]) == (f"by-{name}",) * 2
            reply = client.get("/fails")
            assert (reply.status_code, reply.headers["x-request-id"]) == (500, f"by-{name}")
            assert f"[by-{name}]" in caplog.records[-1].getMessage()


def test_an_error_hook_sees_what_went_wrong() -> None:
    app, seen = Spikard(), []

    @app.on_error
    async def on_error(response: Response) -> None:
        error, request = response.error, response.request
        assert request is not None
        seen.append((response.status_code, type(error).__name__, request.path, error))

    @app.get("/raise")
    async def raises():
        raise KeyError("secret")

    @app.get("/problem")
    def problem():
        raise HttpProblem(409, detail="taken", headers={"x-a": "1"}, code=7)

    @app.get("/value/{n:int}")
    async def value(n: int):
        return n

    @app.get("/late", request_timeout=0.05)
    async def late(request: Request):
        await asyncio.sleep(5)

    with TestClient(app) as client:
        assert client.get("/raise").json()["detail"] == "Internal server error"
        assert client.get("/problem").headers["x-a"] == "1"
        for path in ("/value/x", "/none", "/late"):
            client.get(path)
        client.post("/raise")
    shown = [row[:3] for row in seen]
    assert shown == [
        (500, "KeyError", "/raise"),
        (409, "HttpProblem", "/problem"),
        (422, "HttpProblem", "/value/x"),
        (404, "HttpProblem", "/none"),
        (504, "HttpProblem", "/late"),
        (405, "HttpProblem", "/raise"),
    ]
    assert seen[1][3].extensions == {"code": 7}
    assert seen[2][3].extensions["errors"][0]["loc"] == ["path", "n"]
    assert seen[3][3].title == "Resource Not Found"


def test_reply_hooks_change_what_plain_results_become() -> None:
    app = Spikard()

    @app.on_response
    def wrap(response: Response) -> Response | None:
        if isinstance(response.content, dict):
            response.content["hooked"] = response.request.path
        if response.content == b"null":
            return Response({"was": "nothing"}, 201)
        response.headers["x-hook"] = "1"
        return None

    kept = Response({"kept": True}, headers={"x-own": "1"})
    app.get("/dict")(lambda: {"a": 1})
    app.get("/text")(lambda: "text")
    app.get("/none")(lambda: None)
    app.get("/kept")(lambda: kept)
    with TestClient(app) as client:
        assert client.get("/dict").json() == {"a": 1, "hooked": "/dict"}
        reply = client.get("/text")
        assert (reply.text, reply.headers["content-type"]) == ("text", "text/plain; charset=utf-8")
        reply = client.get("/none")
        assert (reply.status_code, reply.json()) == (201, {"was": "nothing"})
        for _ in range(2):
            assert client.get("/kept").headers["x-own"] == "1"
    assert "x-hook" not in kept.headers, "a response that is kept is one request's only as a copy"


def test_a_hook_that_fails_is_a_500_and_the_log_says_which(caplog: Any) -> None:
    app, told = Spikard(), []
    phase = {"now": "on_request"}

    def only(name: str, act: Any) -> Any:
        return lambda subject: act(subject) if phase["now"] == name else None

    def fail(_: Any) -> None:
        raise ValueError("secret")

    for name in ("on_request", "pre_validation", "pre_handler", "on_response", "on_error"):
        getattr(app, name)(only(name, fail))
    app.on_error(lambda response: told.append(response.status_code))
    app.get("/")(lambda: "fine")
    caplog.set_level(logging.ERROR, logger="spikard")
    with TestClient(app) as client:
        for name in ("on_request", "pre_validation", "pre_handler", "on_response"):
            phase["now"] = name
            reply = client.get("/")
            assert reply.status_code == 500, name
            assert "secret" not in reply.text
            message = caplog.records[-1].getMessage()
            assert f"the {name} hook" in message, message
            assert "test_hooks.py" in message, message
        assert told == []
        phase["now"] = "on_error"
        assert client.get("/none").status_code == 500
    assert told == []


@pytest.mark.parametrize("result", [{"a": 1}, 3, "text"])
def test_a_hook_that_returns_something_else_is_misused(result: Any, caplog: Any) -> None:
    app = Spikard()
    app.pre_handler(lambda request: result)
    app.get("/")(lambda: "fine")
    caplog.set_level(logging.ERROR, logger="spikard")
    with TestClient(app) as client:
        assert client.get("/").status_code == 500
    assert "a Response, or nothing" in caplog.records[-1].getMessage()


def test_what_cannot_be_a_hook_is_refused_with_its_place() -> None:
    app = Spikard()

    def two(request: Request, response: Response) -> None: ...

    def yields(request: Request) -> Any:
        yield request

    with pytest.raises(RouteError, match=r"two \(.*test_hooks.py:\d+\): .*one argument"):
        app.on_request(two)  # type: ignore[type-var]
    with pytest.raises(RouteError, match=r"yields \(.*test_hooks.py:\d+\): .*yield"):
        app.pre_handler(yields)
    with pytest.raises(RouteError, match="on_error takes a function"):
        app.on_error("name")  # type: ignore[type-var]


@TRANSPORTS
def test_hooks_that_wait_do_not_lose_the_body(transport: Any) -> None:
    app = Spikard()

    @app.on_request
    async def wait(request: Request) -> None:
        await asyncio.sleep(0.02)

    @app.post("/")
    async def handler(request: Request):
        return len(request.body)

    with TestClient(app, transport=transport) as client:
        for size in (0, 10, 100_000, 3_000_000):
            assert client.post("/", data=b"x" * size).json() == size


@TRANSPORTS
def test_the_hooks_of_the_manual_run_as_written(transport: Any, caplog: Any) -> None:
    spec = importlib.util.spec_from_file_location("hooks_example", EXAMPLES / "hooks.py")
    assert spec is not None
    assert spec.loader is not None
    example = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(example)
    caplog.set_level(logging.INFO, logger="example")

    @example.app.get("/broken")
    async def broken() -> None:
        raise RuntimeError

    with TestClient(example.app, transport=transport) as client:
        reply = client.get("/protected", headers={"x-request-id": "the-clients"})
        assert (reply.status_code, reply.json()) == (401, {"error": "Unauthorized"})
        assert reply.headers["x-frame-options"] == "DENY"
        uuid.UUID(reply.headers["x-request-id"])
        reply = client.get("/protected", headers={"authorization": "Bearer ann"})
        assert (reply.status_code, reply.json()) == (200, {"message": "Hello, ann!"})
        assert reply.headers["x-content-type-options"] == "nosniff"
        reply = client.get("/broken", headers={"authorization": "Bearer ann"})
        assert reply.status_code == 500
        assert "x-frame-options" not in reply.headers
    lines = [record.getMessage() for record in caplog.records if record.name == "example"]
    assert lines == [
        "GET /protected",
        "GET /protected",
        "GET /broken",
        "Server error: 500",
    ]
