"""Fixtures as data, and the closed list of things that their handlers do.

Knows nothing of transports or comparison, and never looks at a fixture's name.
"""

from __future__ import annotations

import asyncio
import base64
import json
import time
from pathlib import Path
from typing import Any

import msgspec

import errors
import groups
import hooks
from spikard import HttpProblem, RedirectResponse, Request, Response, Route, Spikard, UploadFile

DATA = Path(__file__).resolve().parents[3] / "testing_data"

# Names of the fixtures that ran, for the count that every language prints.
RAN: set[str] = set()

ABSENT: Any = object()


def fixtures() -> dict[str, dict[str, Any]]:
    """Every fixture by name."""
    paths = sorted((DATA / "fixtures").glob("*/*.json"))
    return {path.stem: json.loads(path.read_bytes()) for path in paths}


def skips() -> dict[str, str]:
    """What Python cannot pass, and why."""
    return json.loads((DATA / "skips.json").read_bytes()).get("python", {})


def exchanges(fixture: dict[str, Any]) -> list[dict[str, Any]]:
    """The requests and replies of a fixture, in order."""
    return fixture.get("exchanges") or [{key: fixture[key] for key in ("request", "expect")}]


def application(fixture: dict[str, Any], placement: str) -> Spikard:
    """The application that a fixture describes, its handlers `inline` or on the `pool`."""
    app = Spikard()
    for hook in fixture["app"].get("hooks", ()):
        getattr(app, hook["phase"])(hooks.HOOKS[placement](hook["behavior"]))
    for route in fixture["app"]["routes"]:
        document = {key: value for key, value in route.items() if key != "behavior"}
        body = document.get("body") or {"media": "bytes"}
        decode = msgspec.json.decode if body["media"] in ("json", "form") else None
        binder = [
            (5, 0, "request__", None),
            *([(4, 0, "body__", decode)] if "body" in document else []),
            *([(9, 1, "files__", None, None, "*")] if "files" in document else []),
            *(
                (3, index, parameter["name"], None)
                for index, parameter in enumerate(document.get("parameters", ()))
            ),
        ]
        handler = HANDLERS[placement](route["behavior"])
        document["placement"] = placement
        app.add(Route(document, handler, placement == "inline", tuple(binder)))
    groups.register(app, fixture["app"], placement, HANDLERS[placement])
    return app


def coroutine(behavior: dict[str, Any]) -> Any:
    """A handler for the event loop."""

    async def handler(
        *, request__: Request, body__: Any = ABSENT, files__: Any = (), **params: Any
    ) -> Any:
        final = behavior
        while final["kind"] == "sleep":
            await asyncio.sleep(final["seconds"])
            final = final["then"]
        return ACTS[final["kind"]](final, request__, body__, params, files__)

    return handler


def function(behavior: dict[str, Any]) -> Any:
    """A handler for the thread pool."""

    def handler(
        *, request__: Request, body__: Any = ABSENT, files__: Any = (), **params: Any
    ) -> Any:
        final = behavior
        while final["kind"] == "sleep":
            time.sleep(final["seconds"])
            final = final["then"]
        return ACTS[final["kind"]](final, request__, body__, params, files__)

    return handler


def echo(
    _: dict[str, Any], __: Request, body: Any, params: dict[str, Any], files: list[UploadFile]
) -> Any:
    result: dict[str, Any] = {"params": params}
    if isinstance(body, bytes):
        body = {"base64": base64.b64encode(body).decode()}
    if body is not ABSENT:
        result["body"] = body
    for file in files:
        result.setdefault("files", {}).setdefault(file.name, []).append(shown(file))
    return result


def shown(file: UploadFile) -> dict[str, Any]:
    """A file with its content."""
    result = {"filename": file.filename, "content_type": file.content_type or "", "size": file.size}
    content = file.file.read()
    try:
        return result | {"text": content.decode()}
    except UnicodeDecodeError:
        return result | {"base64": base64.b64encode(content).decode()}


def respond(behavior: dict[str, Any], *_: Any) -> Any:
    content = behavior.get("content", {})
    value = content.get("json", content.get("text"))
    if "base64" in content:
        value = base64.b64decode(content["base64"])
    return Response(
        content=value,
        status_code=behavior["status"],
        headers=[(name, value) for name, value in behavior.get("headers", ())],
    )


def compose(
    behavior: dict[str, Any], _: Request, __: Any, params: dict[str, Any], *___: Any
) -> Any:
    def fill(value: Any) -> Any:
        known = isinstance(value, dict) and "param" in value
        return params.get(value["param"]) if known else value

    def filled(document: dict[str, Any]) -> dict[str, Any]:
        values = {key: fill(value) for key, value in document.items()}
        return {key: value for key, value in values.items() if value is not None}

    form, value = next(iter(behavior.get("content", {"text": None}).items()))
    content = {
        "params": lambda: params,
        "json": lambda: fill(value),
        "text": lambda: fill(value),
        "base64": lambda: base64.b64decode(value),
    }[form]()
    status = fill(behavior.get("status"))
    if "redirect" in behavior:
        response: Response = RedirectResponse(
            fill(behavior["redirect"]), **({} if status is None else {"status_code": status})
        )
    else:
        etag, weak = fill(behavior.get("etag")), fill(behavior.get("weak", False))
        response = Response(
            content, 200 if status is None else status, etag=etag, weak_etag=bool(weak)
        )
    for name, value in behavior.get("headers", ()):
        lines = fill(value)
        for line in lines if isinstance(lines, list) else [lines]:
            if line is not None:
                response.headers.add(fill(name), line if isinstance(line, str) else str(line))
    for document in behavior.get("cookies", ()):
        cookie = {COOKIE_WORDS.get(key, key): value for key, value in filled(document).items()}
        if cookie.pop("ends", False):
            response.delete_cookie(**cookie)
        else:
            response.set_cookie(**{"path": None} | cookie)
    return response


COOKIE_WORDS = {"name": "key", "http_only": "httponly", "same_site": "samesite"}


def problem(behavior: dict[str, Any], *_: Any) -> Any:
    members = {key: value for key, value in behavior.items() if key not in ("kind", "extensions")}
    raise HttpProblem(**members, **behavior.get("extensions", {}))


def fail(behavior: dict[str, Any], *_: Any) -> Any:
    raise errors.KINDS[behavior.get("error")](behavior["message"])


def view(behavior: dict[str, Any], request: Request, *_: Any) -> Any:
    def read(field: str) -> Any:
        kind, _, name = field.partition(":")
        return request.headers.get(name) if kind == "header" else getattr(request, field)

    return {field: read(field) for field in behavior["fields"]}


HANDLERS = {"inline": coroutine, "pool": function}
ACTS: dict[str, Any] = {
    "echo": echo,
    "return": lambda behavior, *_: behavior["value"],
    "text": lambda behavior, *_: behavior["text"],
    "bytes": lambda behavior, *_: base64.b64decode(behavior["base64"]),
    "none": lambda *_: None,
    "respond": respond,
    "compose": compose,
    "problem": problem,
    "raise": fail,
    "request": view,
    "state": lambda _, request, *__: request.state,
}
