"""Replies: helpers that refuse at the call, and replies that HTTP cannot carry.

The log lines are those of the other languages, word for word.
"""

from __future__ import annotations

import logging
from typing import Any

import pytest

from spikard import HttpProblem, RedirectResponse, Response, Spikard
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


@pytest.mark.parametrize(
    ("url", "status", "why"),
    [
        ("", 307, "needs a location"),
        ("/a\r\nset-cookie: a=1", 307, "percent-encode byte 2 of it"),
        ("/é", 307, "percent-encode byte 1 of it"),
        ("/a b", 307, "visible ASCII"),
        ("/a\0", 307, "visible ASCII"),
        ("/a", 200, "301, 302, 303, 307 or 308, not 200"),
        ("/a", 304, "not 304"),
    ],
)
def test_what_is_no_redirect_is_refused_at_the_call(url: str, status: int, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        RedirectResponse(url, status)


def test_a_redirect_is_a_response() -> None:
    response = RedirectResponse("/login?next=/a", 303, headers={"x-a": "1"})
    response.set_cookie("seen", "1")
    assert isinstance(response, Response)
    assert response.headers.pairs() == [
        ("x-a", "1"),
        ("location", "/login?next=/a"),
        ("set-cookie", "seen=1; Path=/"),
    ]
    assert RedirectResponse("/a").status_code == 307


@pytest.mark.parametrize("etag", ['"v1"', "a b", "é", "a\r\nb", 'W/x"'])
def test_a_tag_is_given_bare(etag: str) -> None:
    with pytest.raises(ValueError, match="given bare"):
        Response(etag=etag)


@pytest.mark.parametrize("transport", ["inject", "socket"])
def test_a_reply_that_the_client_has_is_not_sent_again(transport: Any) -> None:
    app = Spikard()
    calls = []

    @app.get("/items/{item}")
    def item(item: int) -> Response:
        calls.append(item)
        return Response({"id": item}, etag=True, headers={"cache-control": "no-cache"})

    @app.get("/named")
    async def named() -> Response:
        return Response("x", etag="v1", weak_etag=True, headers={"etag": "other"})

    @app.get("/own")
    async def own() -> Response:
        response = Response("x", etag=True)
        response.headers["ETag"] = '"own"'
        return response

    with TestClient(app, transport=transport) as client:
        first = client.get("/items/7")
        tag = first.headers["etag"]
        again = client.get("/items/7", headers={"if-none-match": tag})
        other = client.get("/items/8", headers={"if-none-match": tag})
        assert client.get("/named").headers.getlist("etag") == ['W/"v1"']
        assert client.get("/own").headers.getlist("etag") == ['"own"']
        assert client.get("/items/7", headers={"if-match": '"x"'}).status_code == 412
    assert first.status_code == other.status_code == 200
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    assert again.headers["cache-control"] == "no-cache"
    assert "content-type" not in again.headers
    assert calls == [7, 7, 8, 7]
