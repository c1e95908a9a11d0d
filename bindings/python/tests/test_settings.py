"""What routes say of settings that the server has as well: silence, None, and a value."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from spikard import RouteError, Spikard
from spikard.testing import TestClient


def test_silence_inherits_and_none_lifts() -> None:
    app = Spikard({"max_body_size": 2, "request_timeout": 9})

    @app.get("/silent")
    def silent() -> None: ...

    @app.get("/lifted", max_body_size=None, request_timeout=None)
    def lifted() -> None: ...

    @app.get("/own", max_body_size=5, request_timeout=timedelta(milliseconds=1500))
    def own() -> None: ...

    keys = ("max_body_size", "request_timeout")
    said = [
        {key: route.document[key] for key in keys if key in route.document} for route in app.routes
    ]
    assert said == [
        {},
        {"max_body_size": None, "request_timeout": None},
        {"max_body_size": 5, "request_timeout": 1.5},
    ]


@pytest.mark.parametrize("transport", ["inject", "socket"])
def test_a_coroutine_is_cancelled_at_the_deadline_of_its_route(transport: Any) -> None:
    app = Spikard({"request_timeout": None})
    ended: list[str] = []

    @app.get("/late", request_timeout=0.05)
    async def late() -> None:
        try:
            await asyncio.sleep(30)
        except asyncio.CancelledError:
            ended.append("cancelled")
            raise
        finally:
            ended.append("finally")

    @app.get("/in-time", request_timeout=20)
    async def in_time() -> str:
        await asyncio.sleep(0.1)
        return "done"

    with TestClient(app, transport=transport) as client:
        assert client.get("/late").status_code == 504
        assert client.get("/in-time").text == "done"
    assert ended == ["cancelled", "finally"]


def test_headers_may_be_a_mapping_or_pairs() -> None:
    app = Spikard()

    @app.get("/mapping", response_headers={"x-a": "1"})
    def mapping() -> str:
        return ""

    @app.get("/pairs", response_headers=[("link", "</a>"), ("link", "</b>")])
    def pairs() -> str:
        return ""

    with TestClient(app) as client:
        assert client.get("/mapping").headers["x-a"] == "1"
        assert client.get("/pairs").headers.getlist("link") == ["</a>", "</b>"]


def test_what_cannot_be_set_is_refused_at_the_decorator() -> None:
    app = Spikard()
    refused: dict[str, Any] = {
        "over 3600; durations are in seconds": {"request_timeout": 30_000},
        "max_body_size: -1 is under 0": {"max_body_size": -1},
        "the response header 'content-length'": {"response_headers": {"content-length": "1"}},
    }
    for words, options in refused.items():
        with pytest.raises(RouteError, match=words):
            app.get("/a", **options)(lambda: None)
