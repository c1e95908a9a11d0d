"""The closed list of things that the hooks of fixtures do.

Knows nothing of fixtures beyond one behaviour.
"""

from __future__ import annotations

import asyncio
import base64
import time
from typing import Any

import errors
from spikard import HttpProblem, Request, Response


def coroutine(behavior: dict[str, Any]) -> Any:
    """A hook for the event loop."""

    async def hook(subject: Any) -> Any:
        final = behavior
        while final["kind"] == "sleep":
            await asyncio.sleep(final["seconds"])
            final = final["then"]
        return ACTS[final["kind"]](final, subject)

    return hook


def function(behavior: dict[str, Any]) -> Any:
    """A hook for the thread pool."""

    def hook(subject: Any) -> Any:
        final = behavior
        while final["kind"] == "sleep":
            time.sleep(final["seconds"])
            final = final["then"]
        return ACTS[final["kind"]](final, subject)

    return hook


def set_header(behavior: dict[str, Any], request: Request) -> Request:
    request.headers[behavior["name"]] = behavior["value"]
    return request


def add_header(behavior: dict[str, Any], request: Request) -> Request:
    request.headers.add(behavior["name"], behavior["value"])
    return request


def remove_header(behavior: dict[str, Any], request: Request) -> None:
    del request.headers[behavior["name"]]


def set_state(behavior: dict[str, Any], request: Request) -> None:
    request.state[behavior["key"]] = behavior["value"]


def append_state(behavior: dict[str, Any], request: Request) -> None:
    request.state.setdefault(behavior["key"], []).append(behavior["value"])


def respond(behavior: dict[str, Any], _: Any) -> Response:
    content = behavior.get("content", {})
    value = content.get("json", content.get("text"))
    if "base64" in content:
        value = base64.b64decode(content["base64"])
    return Response(
        value, behavior["status"], [tuple(pair) for pair in behavior.get("headers", ())]
    )


def problem(behavior: dict[str, Any], _: Any) -> None:
    members = {key: value for key, value in behavior.items() if key not in ("kind", "extensions")}
    raise HttpProblem(**members, **behavior.get("extensions", {}))


def fail(behavior: dict[str, Any], _: Any) -> None:
    raise errors.KINDS[behavior.get("error")](behavior["message"])


def set_status(behavior: dict[str, Any], response: Response) -> Response:
    response.status_code = behavior["status"]
    return response


def set_reply_header(behavior: dict[str, Any], response: Response) -> Response:
    response.headers[behavior["name"]] = behavior["value"]
    return response


def remove_reply_header(behavior: dict[str, Any], response: Response) -> None:
    del response.headers[behavior["name"]]


def record(behavior: dict[str, Any], response: Response) -> None:
    response.headers.add("x-seen", behavior["name"])


def show_state(behavior: dict[str, Any], response: Response) -> None:
    assert response.request is not None
    response.headers[behavior["name"]] = response.request.state[behavior["key"]]


def show_problem(behavior: dict[str, Any], response: Response) -> None:
    assert isinstance(response.error, HttpProblem)
    response.headers[behavior["name"]] = getattr(response.error, behavior["member"])


HOOKS = {"inline": coroutine, "pool": function}
ACTS: dict[str, Any] = {
    "set_header": set_header,
    "add_header": add_header,
    "remove_header": remove_header,
    "set_state": set_state,
    "append_state": append_state,
    "respond": respond,
    "problem": problem,
    "raise": fail,
    "set_status": set_status,
    "set_reply_header": set_reply_header,
    "remove_reply_header": remove_reply_header,
    "record": record,
    "show_state": show_state,
    "show_problem": show_problem,
}
