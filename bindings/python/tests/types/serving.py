"""What the suites of types share: one handler served, called, and what it saw.

Knows nothing of single types.
"""

from __future__ import annotations

from typing import Any

from spikard import Spikard
from spikard.testing import TestClient

PROBLEM = {
    "type": "https://spikard.dev/errors/validation-error",
    "title": "Request Validation Failed",
    "status": 422,
}


def call(
    handler: Any, path: str = "/", route: str = "/", method: str = "GET", **options: Any
) -> Any:
    """Serve one handler, call it once, and return the reply."""
    app = Spikard()
    app.route(route, method)(handler)
    with TestClient(app, transport=options.pop("transport", "inject")) as client:
        return client.request(method, path, **options)


def body(annotation: Any, sent: Any, **options: Any) -> tuple[Any, Any]:
    """What a handler saw of a body, and the JSON of what it returned, which is the same."""
    got: list[Any] = []

    def handler(value):
        got.append(value)
        return value

    handler.__annotations__["value"] = annotation
    reply = call(handler, method="POST", json=sent, **options)
    assert (reply.status_code, reply.headers["content-type"]) == (200, "application/json"), (
        reply.text
    )
    return got[0], reply.json()


def refused(annotation: Any, sent: Any) -> list[dict[str, Any]]:
    """The rows of the problem that answers a body."""

    def handler(value):
        raise AssertionError("never called")

    handler.__annotations__["value"] = annotation
    return rows(call(handler, method="POST", json=sent))


def rows(reply: Any) -> list[dict[str, Any]]:
    """The rows of a problem whose other members are as they must be."""
    document = reply.json()
    assert (reply.status_code, reply.headers["content-type"]) == (
        422,
        "application/problem+json",
    ), reply.text
    errors = document.pop("errors")
    plural = "" if len(errors) == 1 else "s"
    detail = f"{len(errors)} validation error{plural} in request"
    assert document == {**PROBLEM, "detail": detail}
    return errors


def row(kind: str, loc: list[str], words: str, given: Any, **context: Any) -> dict[str, Any]:
    """One row."""
    made = {"type": kind, "loc": loc, "msg": words, "input": given}
    return {**made, "ctx": context} if context else made
