"""Cookies on replies: what is written, what is refused at the call, and that a client gets it."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from spikard import Response, Spikard
from spikard.testing import TestClient

NOON = datetime(2030, 1, 2, 12, 0, tzinfo=timezone.utc)


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({}, "a=b; Path=/"),
        ({"path": None}, "a=b"),
        ({"max_age": 60.9}, "a=b; Max-Age=60; Path=/"),
        ({"max_age": timedelta(hours=1)}, "a=b; Max-Age=3600; Path=/"),
        ({"expires": NOON}, "a=b; Expires=Wed, 02 Jan 2030 12:00:00 GMT; Path=/"),
        ({"expires": 0}, "a=b; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Path=/"),
        ({"domain": "example.com", "path": "/in"}, "a=b; Domain=example.com; Path=/in"),
        ({"httponly": True, "samesite": "lax"}, "a=b; Path=/; HttpOnly; SameSite=Lax"),
        (
            {"secure": True, "samesite": "None", "partitioned": True},
            "a=b; Path=/; Secure; Partitioned; SameSite=None",
        ),
    ],
)
def test_attributes_are_written(options: dict[str, Any], field: str) -> None:
    response = Response()
    response.set_cookie("a", "b", **options)
    assert response.headers.getlist("set-cookie") == [field]


@pytest.mark.parametrize(
    ("key", "value", "options", "why"),
    [
        ("a b", "", {}, "name must be a token"),
        ("", "", {}, "name must be a token"),
        ("a", "x;y", {}, "visible ASCII"),
        ("a", "line\r\nbreak", {}, "visible ASCII"),
        ("a", "é", {}, "visible ASCII"),
        ("a", "x" * 4096, {}, "4096 bytes together"),
        ("a", "", {"path": "in"}, "Path is not valid"),
        ("a", "", {"domain": "a;b"}, "Domain is not valid"),
        ("a", "", {"samesite": "none"}, "SameSite=None needs secure"),
        ("a", "", {"samesite": "most"}, "strict, lax or none"),
        ("a", "", {"partitioned": True}, "Partitioned needs secure"),
        ("__Secure-a", "", {}, "needs secure"),
        ("__Host-a", "", {"secure": True, "path": "/in"}, "__Host-"),
        ("a", "", {"expires": datetime(2030, 1, 1)}, "time zone"),
    ],
)
def test_what_browsers_drop_is_refused(
    key: str, value: str, options: dict[str, Any], why: str
) -> None:
    response = Response()
    with pytest.raises(ValueError, match=why):
        response.set_cookie(key, value, **options)
    assert "set-cookie" not in response.headers


@pytest.mark.parametrize("transport", ["inject", "socket"])
def test_a_client_gets_every_cookie_in_order(transport: Any) -> None:
    app = Spikard()

    @app.get("/")
    def root() -> Response:
        response = Response({"ok": True})
        response.set_cookie("first", "1")
        response.set_cookie("second", "2", httponly=True)
        response.delete_cookie("third")
        response.delete_cookie("__Host-fourth")
        return response

    with TestClient(app, transport=transport) as client:
        reply = client.get("/")
    assert reply.json() == {"ok": True}
    epoch = "Expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=0; Path=/"
    assert reply.headers.getlist("set-cookie") == [
        "first=1; Path=/",
        "second=2; Path=/; HttpOnly",
        f"third=; {epoch}",
        f"__Host-fourth=; {epoch}; Secure",
    ]
