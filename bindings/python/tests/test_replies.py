"""Replies that HTTP cannot carry: what becomes of them, and what the log says.

The lines are those of the other languages, word for word.
"""

from __future__ import annotations

import logging
from typing import Any

import pytest

from spikard import HttpProblem, Response, Spikard
from spikard.testing import TestClient

REFUSED = "replied what cannot be sent, 500:"


def application() -> Spikard:
    app = Spikard()

    @app.get("/header")
    def header() -> Response:
        return Response("x", headers={"x-a": "secret\r\nset-cookie: a=1"})

    @app.get("/framing")
    async def framing() -> Response:
        return Response("x", headers={"connection": "close"})

    @app.get("/status")
    async def status() -> Response:
        return Response("x", 42)

    @app.get("/problem")
    def problem() -> None:
        raise HttpProblem(400, headers={"x a": "secret"})

    @app.get("/body")
    def body() -> Response:
        return Response("secret", 204)

    return app


@pytest.mark.parametrize(
    ("path", "code", "line"),
    [
        (
            "/header",
            500,
            f'header (/header) {REFUSED} header "x-a": The field value has a control character',
        ),
        (
            "/framing",
            500,
            f'framing (/framing) {REFUSED} header "connection": it is about the connection, which '
            "is the engine's",
        ),
        (
            "/status",
            500,
            f"status (/status) {REFUSED} the status 42 is none of a final reply, 200 to 599",
        ),
        (
            "/problem",
            500,
            f'problem (/problem) {REFUSED} header "x a": The field name is not a token',
        ),
        ("/body", 204, "body (/body) replied 204 with a body of 6 bytes, which is not sent"),
    ],
)
@pytest.mark.parametrize("transport", ["inject", "socket"])
def test_the_log_says_whose_reply_it_was_and_what_is_wrong(
    caplog: pytest.LogCaptureFixture, transport: Any, path: str, code: int, line: str
) -> None:
    caplog.set_level(logging.WARNING, "spikard")
    with TestClient(application(), transport=transport) as client:
        reply = client.get(path, headers={"x-request-id": "abc"})
    assert reply.status_code == code
    assert [record.getMessage() for record in caplog.records] == [f"{line} [abc]"]
