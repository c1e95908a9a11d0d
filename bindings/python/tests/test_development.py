"""Development mode: who fails is told why, and nobody is in production."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest

from spikard import HttpProblem, Spikard
from spikard.testing import TestClient

PAGE = {"accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}
PLAIN = {
    "type": "https://spikard.dev/errors/internal-server-error",
    "title": "Internal Server Error",
    "status": 500,
    "detail": "Internal server error",
}


def fail(what: str) -> None:
    raise RuntimeError(what)


def app() -> Spikard:
    app = Spikard()

    @app.get("/plain", blocking=False)
    def plain(what: str) -> None:
        try:
            fail("first")
        except RuntimeError:
            fail(what)

    @app.get("/pool", blocking=True)
    def pool(what: str) -> None:
        fail(what)

    @app.get("/async")
    async def coroutine(what: str) -> None:
        fail(what)

    @app.get("/waits")
    async def waits(what: str) -> None:
        await asyncio.sleep(0)
        fail(what)

    @app.get("/unwritable")
    def unwritable(what: str) -> Any:
        return object()

    @app.get("/problem")
    def problem(what: str) -> None:
        raise HttpProblem(404, detail=what)

    @app.get("/promise")
    def promise(what: str) -> dict[str, int]:
        return {"number": what}  # type: ignore[dict-item]

    return app


@pytest.mark.parametrize("transport", ["inject", "socket"])
@pytest.mark.parametrize("path", ["/plain", "/pool", "/async", "/waits"])
def test_the_500_of_an_exception_carries_the_traceback(path: str, transport: Any) -> None:
    with TestClient(app(), config={"dev": True}, transport=transport) as http:
        reply = http.get(path, params={"what": "it <b>"})
        assert reply.status_code == 500
        assert reply.headers["content-type"] == "application/problem+json"
        problem = reply.json()
        lines = problem.pop("trace").splitlines()
        assert problem == PLAIN
        assert lines[0] == "Traceback (most recent call last):"
        assert lines[-1] == "RuntimeError: it <b>"
        assert any("test_development.py" in line and "in fail" in line for line in lines)
        assert ("RuntimeError: first" in lines) == (path == "/plain")


def test_browsers_get_a_page_with_the_traceback() -> None:
    with TestClient(app(), config={"dev": True}) as http:
        reply = http.get("/plain?what=a%3Cscript%3E%26", headers=PAGE)
        assert reply.status_code == 500
        assert reply.headers["content-type"] == "text/html; charset=utf-8"
        assert reply.text.startswith("<!doctype html>")
        assert "RuntimeError: a&lt;script&gt;&amp;\n</pre>" in reply.text
        assert "<script" not in reply.text
        assert "x-request-id" in reply.headers


def test_a_result_that_cannot_be_written_has_a_traceback() -> None:
    with TestClient(app(), config={"dev": True}) as http:
        assert "TypeError" in http.get("/unwritable?what=x").json()["trace"]


def test_what_is_no_failure_has_no_traceback() -> None:
    with TestClient(app(), config={"dev": True}) as http:
        assert "trace" not in http.get("/problem?what=x", headers=PAGE).json()
        assert "trace" not in http.get("/plain", headers=PAGE).json()


@pytest.mark.parametrize("config", [{}, {"dev": False}])
def test_nothing_is_told_in_production(config: dict[str, Any]) -> None:
    with TestClient(app(), config=config) as http:
        for headers in ({}, PAGE):
            for path in ("/plain", "/pool", "/async", "/waits"):
                reply = http.get(path, params={"what": "secret"}, headers=headers)
                assert reply.json() == PLAIN


@pytest.mark.parametrize(
    ("config", "lines"),
    [({}, 0), ({"dev": True}, 1), ({"dev": True, "response_validation": "off"}, 0)],
)
def test_broken_promises_are_logged_in_development(
    config: dict[str, Any], lines: int, caplog: pytest.LogCaptureFixture
) -> None:
    with (
        caplog.at_level(logging.WARNING, "spikard"),
        TestClient(app(), config=config) as http,
    ):
        assert http.get("/promise?what=x").json() == {"number": "x"}
    told = [record for record in caplog.records if "response schema" in record.message]
    assert len(told) == lines
