"""One route: what the engine is told about it, and the function that answers.

Knows nothing of applications or servers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Literal, TypedDict

import msgspec

from spikard import returns, signature
from spikard.config import plain
from spikard.errors import RouteError
from spikard.hooks import NO_HOOKS, Around, Hooks, is_async
from spikard.mistakes import refuse_options

if TYPE_CHECKING:
    from spikard._native import Binder, Engine
    from spikard.config import CorsConfig, RateLimitConfig

__all__ = ["GROUP_OPTIONS", "ROUTE_OPTIONS", "GroupOptions", "Route", "RouteOptions"]

# Options that are settings of the server as well, under the same names.
SETTINGS = frozenset({"cors", "max_body_size", "rate_limit", "request_timeout"})


class GroupOptions(TypedDict, total=False):
    """Settings of a route, or of all routes of a router."""

    response_validation: Literal["off", "warn", "error"] | None
    """What becomes of a reply that does not satisfy it; None as the configuration says."""
    max_body_size: int | None
    """Most bytes of its bodies, in place of the server's; None for no limit."""
    request_timeout: float | timedelta | None
    """Its handler's time in seconds, in place of the server's; None for no deadline."""
    cors: CorsConfig | Mapping[str, Any] | None
    """Which pages of other origins may call it, in place of the server's; None for nobody."""
    rate_limit: RateLimitConfig | Mapping[str, Any] | None
    """How often a client may ask for it, besides the server's limit; None for no own limit."""
    auth: Literal["required", "optional", "excluded", "any", "jwt", "api_key"] | None
    """What it asks of its clients, in place of all that the server has configured: `required` a
    token and an API key, of those that are configured; `optional` nothing, but credentials that are
    there must be good; `excluded` nothing; `any` a token or an API key; `jwt`, `api_key` only that.
    None as the configuration says."""
    response_headers: Mapping[str, str] | Iterable[tuple[str, str]]
    """Header fields of its replies with a status below 400, unless the handler sets them."""
    compression: bool
    """Whether replies are compressed where the configuration says so; True unless given. Say False
    where a reply holds both a secret and what an attacker may choose."""


class RouteOptions(GroupOptions, total=False):
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
    response_schema: Any
    """A JSON Schema, or a type that one is made of, of JSON replies with a status of 2xx, in place
    of the return annotation's; None for none."""


GROUP_OPTIONS = frozenset(GroupOptions.__annotations__)
ROUTE_OPTIONS = frozenset(RouteOptions.__annotations__)


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
    is_annotated: bool = False
    """Whether the response schema is made of an annotation: then it is left out where the engine
    cannot compile it, as an annotation is not written for that."""

    @classmethod
    def read(
        cls,
        handler: Callable[..., Any],
        path: str,
        methods: tuple[str, ...],
        options: RouteOptions,
        scope: Mapping[str, Any],
        *,
        hooks: Hooks = NO_HOOKS,
        tags: tuple[str, ...] = (),
    ) -> Route:
        """Make the route of a decorated function. Raises RouteError for what cannot be served."""
        refuse_options(signature.describe(handler), "a route", options, ROUTE_OPTIONS)
        waits = is_async(handler, "a handler")
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
            "response_schema": _response_schema(handler, read.returns, options),
            "response_validation": options.get("response_validation"),
            "compression": options.get("compression", True),
            "files": read.files,
            "auth": options.get("auth"),
            "placement": _placement(handler, waits, options.get("blocking")),
            **_settings(options),
        }
        is_annotated = "response_schema" not in options
        return cls(document, read.handler, waits, tuple(read.binder), is_annotated, hooks, tags)

    hooks: Hooks = NO_HOOKS
    """Hooks of its own, which run behind the application's."""
    tags: tuple[str, ...] = ()
    """What documents group it by."""

    def register(self, engine: Engine, outer: Hooks = NO_HOOKS) -> None:
        """Tell an engine of the route, and of the hooks around it.

        Raises RouteError with the handler's place.
        """
        joined = outer.joined(self.hooks)
        reads_form = (self.document.get("body") or {}).get("media") == "form"
        around, placement = joined.around(
            self.handler, self.is_async, self.document.get("placement", "proven")
        )
        document = self.document | {
            "placement": placement,
            "hooks": joined.of_route(
                engine, self.hooks, reads_form or bool(self.document.get("files"))
            ),
        }
        try:
            try:
                self._tell(engine, document, around)
            except RouteError:
                if not self.is_annotated:
                    raise
                self._tell(engine, {**document, "response_schema": None}, around)
        except RouteError as error:
            raise RouteError(f"{signature.describe(self.handler)}: {error}") from None

    def _tell(self, engine: Engine, document: dict[str, Any], around: Around | None) -> None:
        text = msgspec.json.encode(document).decode()
        engine.route(text, self.handler, self.is_async, self.binder, around)


def _settings(options: RouteOptions) -> dict[str, Any]:
    """Return what the route says of settings. One that it is silent on has no key: the server's
    value counts, where None would lift it."""
    settings = {key: plain(value) for key, value in options.items() if key in SETTINGS}
    headers = options.get("response_headers", ())
    pairs = headers.items() if isinstance(headers, Mapping) else headers
    return settings | {"response_headers": [list(pair) for pair in pairs]}


def _response_schema(
    handler: Callable[..., Any], annotation: Any, options: RouteOptions
) -> Mapping[str, Any] | None:
    """Return what replies are judged by. Raises RouteError for an option that is no schema."""
    if "response_schema" not in options:
        return returns.annotated_schema(annotation)
    try:
        return returns.given_schema(options["response_schema"])
    except TypeError as error:
        raise RouteError(f"{signature.describe(handler)}: response_schema {error}") from None


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
