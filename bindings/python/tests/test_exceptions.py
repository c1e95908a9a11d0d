"""Exception handlers in Python: whose they are, what they may return, and who sees it."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest

from carriers import CARRIERS, opened
from spikard import HttpProblem, Request, Response, RouteError, Spikard
from spikard.testing import TestClient


class Missing(LookupError):
    """An application's own."""


class Gone(Missing):
    """A nearer one."""


def waiting(function: Any, is_async: bool) -> Any:
    """The same function, as one that waits."""
    if not is_async:
        return function

    async def waits(*arguments: Any) -> Any:
        await asyncio.sleep(0.001)
        return function(*arguments)

    return waits


@CARRIERS
@pytest.mark.parametrize("is_async", [False, True])
@pytest.mark.parametrize("handler_is_async", [False, True])
def test_the_nearest_class_wins_and_any_result_is_a_reply(
    carrier: dict[str, Any], is_async: bool, handler_is_async: bool
) -> None:
    app = Spikard()

    def lookup(request: Request, error: LookupError) -> Response:
        return Response({"path": request.path, "error": str(error)}, status_code=404)

    def missing(request: Request, error: Missing) -> HttpProblem:
        return HttpProblem(410, detail=str(error), path=request.path)

    app.exception_handler(LookupError)(waiting(lookup, is_async))
    app.exception_handler(Missing)(waiting(missing, is_async))
    app.exception_handler(ValueError)(waiting(lambda request, error: {"plain": True}, is_async))

    kinds = {"key": KeyError("k"), "missing": Missing("m"), "gone": Gone("g"), "v": ValueError()}

    def fails(kind: str) -> Any:
        if kind == "ok":
            return {"fine": True}
        raise kinds[kind]

    if handler_is_async:

        @app.get("/{kind}")
        async def handler(kind: str) -> Any:
            await asyncio.sleep(0)
            return fails(kind)
    else:
        app.get("/{kind}")(fails)

    with opened(app, carrier) as client:
        for _ in range(2):
            assert client.get("/ok").json() == {"fine": True}
            reply = client.get("/key")
            assert (reply.status_code, reply.json()) == (404, {"path": "/key", "error": "'k'"})
            for kind, detail in (("missing", "m"), ("gone", "g")):
                reply = client.get(f"/{kind}")
                assert reply.status_code == 410
                assert reply.headers["content-type"] == "application/problem+json"
                assert (reply.json()["detail"], reply.json()["path"]) == (detail, f"/{kind}")
            reply = client.get("/v")
            assert (reply.status_code, reply.json()) == (200, {"plain": True})


@CARRIERS
def test_hooks_on_errors_see_the_reply_and_the_exception(carrier: dict[str, Any]) -> None:
    app, seen = Spikard(), []
    error = Missing("m")

    @app.exception_handler(Missing)
    def missing(request: Request, error: Missing) -> Response:
        return Response({"mapped": True}, status_code=404, headers={"x-by": "handler"})

    @app.on_response
    def never(response: Response) -> None:
        seen.append("on_response")

    @app.on_error
    async def told(response: Response) -> None:
        seen.append((response.status_code, response.headers["x-by"], response.error))
        response.headers["x-by"] += ", hook"

    @app.get("/")
    def fails() -> None:
        raise error

    with opened(app, carrier) as client:
        reply = client.get("/")
    assert (reply.status_code, reply.json()) == (404, {"mapped": True})
    assert reply.headers["x-by"] == "handler, hook"
    assert seen == [(404, "handler", error)]


@pytest.mark.parametrize("phase", ["on_request", "pre_validation", "pre_handler", "on_response"])
@pytest.mark.parametrize("is_async", [False, True])
def test_exceptions_of_hooks_are_mapped_too(phase: str, is_async: bool) -> None:
    app = Spikard()

    def fails(_: Any) -> None:
        raise Gone(phase)

    getattr(app, phase)(waiting(fails, is_async))

    @app.exception_handler(Missing)
    def missing(request: Request, error: Missing) -> HttpProblem:
        return HttpProblem(403, detail=str(error))

    @app.get("/")
    def handler() -> str:
        return "never seen"

    with TestClient(app) as client:
        reply = client.get("/")
    assert (reply.status_code, reply.json()["detail"]) == (403, phase)


def test_problems_may_be_mapped_and_raised() -> None:
    app = Spikard()

    @app.exception_handler(HttpProblem)
    async def dressed(request: Request, error: HttpProblem) -> Response:
        return Response({"code": error.status}, status_code=error.status)

    @app.exception_handler(KeyError)
    def raised(request: Request, error: KeyError) -> None:
        raise HttpProblem(418, detail="short and stout")

    @app.get("/problem")
    def problem() -> None:
        raise HttpProblem(409)

    @app.get("/key")
    def key() -> None:
        raise KeyError

    with TestClient(app) as client:
        reply = client.get("/problem")
        assert (reply.status_code, reply.json()) == (409, {"code": 409})
        reply = client.get("/key")
        assert (reply.status_code, reply.json()["detail"]) == (418, "short and stout")
        # The engine's own replies are no exceptions.
        assert client.get("/nowhere").json()["title"] == "Resource Not Found"


@pytest.mark.parametrize("is_async", [False, True])
def test_one_that_fails_is_a_plain_500(caplog: Any, is_async: bool) -> None:
    app, seen = Spikard(), []

    def broken(request: Request, error: Missing) -> None:
        raise RuntimeError("secret")

    app.exception_handler(Missing)(waiting(broken, is_async))

    @app.on_error
    def told(response: Response) -> None:
        seen.append(response.status_code)

    @app.get("/")
    def fails() -> None:
        raise Missing

    with TestClient(app) as client, caplog.at_level(logging.ERROR, logger="spikard"):
        reply = client.get("/")
    assert reply.status_code == 500
    assert "secret" not in reply.text
    assert seen == []
    assert "RuntimeError: secret" in caplog.text
    assert "the exception handler " in caplog.text
    assert "for Missing" in caplog.text


def test_what_is_not_mapped_is_a_500_that_hooks_see(caplog: Any) -> None:
    app, seen = Spikard(), []
    app.exception_handler(Missing)(lambda request, error: "mapped")

    @app.on_error
    def told(response: Response) -> None:
        seen.append(type(response.error))

    @app.get("/")
    def fails() -> None:
        raise OSError("disk")

    with TestClient(app) as client, caplog.at_level(logging.ERROR, logger="spikard"):
        assert client.get("/").status_code == 500
    assert seen == [OSError]
    assert "OSError: disk" in caplog.text


def test_what_a_mapped_reply_cannot_carry_is_a_500() -> None:
    app = Spikard()
    app.exception_handler(Missing)(lambda request, error: object())

    @app.get("/")
    def fails() -> None:
        raise Missing

    with TestClient(app) as client:
        assert client.get("/").status_code == 500


def test_what_cannot_be_one_is_refused_with_its_place() -> None:
    app = Spikard()

    def takes_one(request: Request) -> None: ...

    def fine(request: Request, error: Exception) -> None: ...

    def yields(request: Request, error: Exception) -> Any:
        yield 1

    with pytest.raises(RouteError, match=r"takes_one \(.*test_exceptions.py:\d+\).*two arguments"):
        app.exception_handler(KeyError)(takes_one)  # type: ignore[arg-type]
    with pytest.raises(RouteError, match=r"yields \(.*py:\d+\).*does not yield"):
        app.exception_handler(KeyError)(yields)
    for kind in (404, KeyboardInterrupt, asyncio.CancelledError, "KeyError"):
        with pytest.raises(RouteError, match=r"fine \(.*py:\d+\).*a subclass of Exception"):
            app.exception_handler(kind)(fine)  # type: ignore[type-var, arg-type]
    app.exception_handler(KeyError)(fine)
    with pytest.raises(RouteError, match=r"KeyError has a handler already, .*fine \(.*py:\d+\)"):
        app.exception_handler(KeyError)(fine)


def test_extensions_of_problems_keep_their_digits_and_order() -> None:
    app = Spikard()

    @app.get("/")
    def handler() -> None:
        raise HttpProblem(409, zeta=10**30, alpha=[1.5, -(10**25)], title="Taken")

    reply = TestClient(app).get("/")
    assert reply.status_code == 409
    assert reply.text == (
        '{"type":"about:blank","title":"Taken","status":409,'
        '"zeta":1000000000000000000000000000000,"alpha":[1.5,-10000000000000000000000000]}'
    )
