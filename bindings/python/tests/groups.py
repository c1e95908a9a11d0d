"""Groups of a fixture's routes, and its handlers of errors, registered as a user would.

Knows nothing of what handlers and hooks do.
"""

from __future__ import annotations

import inspect
import re
from typing import Any

import errors
import hooks
from spikard import Request, Router, Spikard

PARAMETER = re.compile(r"{(\w+)(?::(\w+))?}")
SETTINGS = {"auth", "max_body_size", "request_timeout", "rate_limit", "response_headers"}


def register(
    target: Spikard | Router,
    described: dict[str, Any],
    placement: str,
    handler: Any,
    above: str = "",
) -> None:
    """Register the error handlers and groups of an application or a router.

    `handler` makes a handler of a behaviour; `above` is the path of the target.
    """
    for each in described.get("error_handlers", ()):
        kind = errors.KINDS[each["error"]]
        target.exception_handler(kind)(errors.handler(each["behavior"], placement))
    for group in described.get("groups", ()):
        target.include(router(group, placement, handler, above))


def router(group: dict[str, Any], placement: str, handler: Any, above: str) -> Router:
    """The router that a group describes."""
    result = Router(group["prefix"], **settings(group.get("settings", {})))
    path = above + group["prefix"]
    for hook in group.get("hooks", ()):
        getattr(result, hook["phase"])(hooks.HOOKS[placement](hook["behavior"]))
    for route in group.get("routes", ()):
        blocking = {"blocking": True} if placement == "pool" else {}
        decorate = result.route(
            route["path"], route["methods"], name=route["name"], **settings(route), **blocking
        )
        decorate(typed(handler(route["behavior"]), path + route["path"]))
    register(result, group, placement, handler, path)
    return result


def settings(described: dict[str, Any]) -> Any:
    return {key: value for key, value in described.items() if key in SETTINGS}


def typed(handler: Any, path: str) -> Any:
    """The handler with the parameters of a path in its signature."""
    types = {name: int if hint == "int" else str for name, hint in PARAMETER.findall(path)}
    handler.__annotations__ = {"request__": Request} | types
    handler.__signature__ = inspect.Signature(
        [
            inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, annotation=kind)
            for name, kind in handler.__annotations__.items()
        ]
    )
    return handler
