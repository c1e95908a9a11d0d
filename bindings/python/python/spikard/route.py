"""One route: what the engine is told about it, and the function that answers.

Knows nothing of applications or servers.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypedDict

import msgspec

from spikard import signature
from spikard.errors import RouteError

if TYPE_CHECKING:
    from spikard._native import Binder, Engine

__all__ = ["Route", "RouteOptions"]


class RouteOptions(TypedDict, total=False):
    """What a decorator takes besides the path."""

    name: str
    """Name for logs and documents; the function's unless given."""
    blocking: bool | None
    """Where a `def` runs: True always on the thread pool, False always inline on the ring's thread
    (it must never wait), None on the pool until it has proven that it never waits."""
    body_schema: Mapping[str, Any] | None
    """JSON Schema of the body, in place of the annotation's."""
    parameter_schemas: Mapping[str, Mapping[str, Any]]
    """JSON Schemas of parameters by name, in place of the annotations'."""


@dataclass(frozen=True, slots=True)
class Route:
    """A route as it is registered: its document, and how its handler is called.

    Decorators make these; a program may make its own and give them to `Spikard.add`.
    """

    document: dict[str, Any]
    """A route document without `handler`: methods, path, name, parameters, body, placement."""
    handler: Callable[..., Any]
    is_async: bool
    binder: Binder

    @classmethod
    def read(
        cls,
        handler: Callable[..., Any],
        path: str,
        methods: tuple[str, ...],
        options: RouteOptions,
        scope: Mapping[str, Any],
    ) -> Route:
        """Make the route of a decorated function. Raises RouteError for what cannot be served."""
        is_async = _is_async(handler)
        read = signature.read(
            handler,
            signature.Options(
                path,
                methods,
                options.get("body_schema"),
                options.get("parameter_schemas", {}),
                scope,
            ),
        )
        document = {
            "methods": list(methods),
            "path": path,
            "name": options.get("name") or getattr(handler, "__name__", "handler"),
            "parameters": read.parameters,
            "body": read.body,
            "placement": _placement(handler, is_async, options.get("blocking")),
        }
        return cls(document, read.handler, is_async, tuple(read.binder))

    def register(self, engine: Engine) -> None:
        """Tell an engine of the route. Raises RouteError with the handler's place."""
        document = msgspec.json.encode(self.document).decode()
        try:
            engine.route(document, self.handler, self.is_async, self.binder)
        except RouteError as error:
            raise RouteError(f"{signature.describe(self.handler)}: {error}") from None


def _is_async(handler: Callable[..., Any]) -> bool:
    """Whether a call of the handler returns a coroutine."""
    call = type(handler).__call__ if not inspect.isroutine(handler) else handler
    for function in (handler, call):
        if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
            raise RouteError(
                f"{signature.describe(handler)}: a handler returns its result; it does not yield"
            )
    return inspect.iscoroutinefunction(handler) or inspect.iscoroutinefunction(call)


def _placement(handler: Callable[..., Any], is_async: bool, blocking: bool | None) -> str:
    """Return where the handler runs, in the engine's words."""
    if is_async and blocking:
        raise RouteError(
            f"{signature.describe(handler)}: blocking=True is for `def`; "
            "an `async def` runs on the event loop"
        )
    if is_async or blocking is False:
        return "inline"
    return "pool" if blocking else "proven"
