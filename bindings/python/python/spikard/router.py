"""Groups of routes: under a prefix, with hooks and settings of their own.

A router only collects. Its routes are read when it is included, because only then their paths are
whole; so that is also the last moment to register on it.
Knows nothing of the engine.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from spikard._generated.hooks import PHASES
from spikard.errors import RouteError
from spikard.hooks import NO_HOOKS, Hooks
from spikard.mistakes import refuse_options
from spikard.route import GROUP_OPTIONS, ROUTE_OPTIONS, GroupOptions, Route, RouteOptions
from spikard.signature import describe
from spikard.verbs import Decorators

if TYPE_CHECKING:
    from typing_extensions import Unpack

__all__ = ["Router", "place_of"]

HookFunctions = Mapping[str, "Callable[..., Any] | Iterable[Callable[..., Any]]"]


class Entry(NamedTuple):
    """One handler, as far as the routers it went through say."""

    handler: Callable[..., Any]
    path: str
    methods: tuple[str, ...]
    options: RouteOptions
    scope: Mapping[str, Any]
    hooks: Hooks = NO_HOOKS
    tags: tuple[str, ...] = ()

    def within(
        self, prefix: str, tags: tuple[str, ...], options: GroupOptions, hooks: Hooks
    ) -> Entry:
        """Return the same inside of a group, whose settings it may overrule."""
        merged = cast("RouteOptions", {**options, **self.options})
        path = prefix + self.path
        if "//" in path:
            raise RouteError(
                f"{describe(self.handler)}: its path would be '{path}', with an empty segment"
            )
        tags = tags + tuple(tag for tag in self.tags if tag not in tags)
        return self._replace(path=path, options=merged, hooks=hooks.joined(self.hooks), tags=tags)

    def route(self) -> Route:
        """Read the handler. Raises RouteError for what cannot be served."""
        return Route.read(
            self.handler,
            self.path,
            self.methods,
            self.options,
            self.scope,
            hooks=self.hooks,
            tags=self.tags,
        )


class Router(Decorators):
    """A group of routes. It has the decorators of an application, for its own routes only.

    >>> users = Router("/users", tags=["users"], request_timeout=5)
    >>> @users.get("/{id:int}")
    ... def user(id: int): ...
    >>> app.include(users)
    """

    __slots__ = ("_entries", "_hooks", "_included", "_options", "_place", "_prefix", "_tags")

    def __init__(
        self,
        prefix: str = "",
        *,
        tags: Iterable[str] = (),
        hooks: HookFunctions | None = None,
        **options: Unpack[GroupOptions],
    ) -> None:
        """Make a group.

        `prefix` stands before the paths of its routes, such as "/users"; empty for none. `tags`
        are for documents. `hooks` are functions, or lists of them, by phase: the same as its
        decorators. The options are those of its routes unless they say otherwise. Raises
        RouteError.
        """
        self._place = place_of(1)
        self._prefix = _checked(prefix, f"the router at {self._place}")
        if isinstance(tags, str):
            raise RouteError(f"the router at {self._place}: tags are a list of texts")
        refuse_options(f"the router at {self._place}", "a router", options, GROUP_OPTIONS)
        self._tags = tuple(tags)
        self._options: GroupOptions = options
        self._entries: list[Entry] = []
        self._hooks = NO_HOOKS
        self._included: str | None = None
        for phase, functions in (hooks or {}).items():
            if phase not in PHASES:
                raise RouteError(
                    f"the router at {self._place}: hooks have no phase '{phase}'; "
                    f"they are {', '.join(PHASES[1:])}"
                )
            for function in [functions] if callable(functions) else functions:
                self._hook(phase, function)

    def __repr__(self) -> str:
        return f"<Router '{self._prefix}' of {self._place}>"

    def include(self, router: Router, prefix: str = "") -> None:
        """Take the routes of another router into this one, under a further prefix.

        Nothing can be registered on that one any more. Raises RouteError.
        """
        if router is self:
            raise RouteError(f"{self!r} cannot include itself")
        self._refuse_late("include")
        self._entries.extend(router._give(prefix, place_of(1)))

    def _give(self, prefix: str, place: str) -> list[Entry]:
        """Hand the routes over, once. Raises RouteError."""
        if not isinstance(self, Router):
            raise RouteError(f"{place}: include takes a Router, not {self!r}")
        prefix = _checked(prefix, f"include at {place}") + self._prefix
        if self._included is not None:
            raise RouteError(
                f"{place}: {self!r} was included already, at {self._included}; "
                "make another router for another prefix"
            )
        given = [
            entry.within(prefix, self._tags, self._options, self._hooks) for entry in self._entries
        ]
        self._included, self._entries = place, []
        return given

    def _accept(
        self,
        handler: Callable[..., Any],
        path: str,
        methods: tuple[str, ...],
        options: RouteOptions,
        scope: Mapping[str, Any],
    ) -> None:
        self._refuse_late(describe(handler))
        refuse_options(describe(handler), "a route", options, ROUTE_OPTIONS)
        if path and not path.startswith("/"):
            raise RouteError(
                f"{describe(handler)}: the path '{path}' of a router's route begins with '/', "
                "or is empty for the prefix itself"
            )
        # A copy: the frame's variables may change until the router is included.
        self._entries.append(Entry(handler, path, methods, options, dict(scope)))

    def _hook(self, phase: str, function: Callable[..., Any]) -> None:
        self._refuse_late(describe(function))
        hooks = self._hooks.having(phase, function)
        if phase == "on_request":
            raise RouteError(
                f"{describe(function)}: on_request runs before routing, when no router is known; "
                "use @app.on_request, or pre_validation here"
            )
        self._hooks = hooks

    def _rescue(self, kind: type[Exception], function: Callable[..., Any]) -> None:
        self._refuse_late(describe(function))
        self._hooks = self._hooks.rescuing(kind, function)

    def _refuse_late(self, what: str) -> None:
        if self._included is not None:
            raise RouteError(
                f"{what}: {self!r} was included already, at {self._included}; "
                "register everything on a router before it is included"
            )


def _checked(prefix: str, who: str) -> str:
    """Return a prefix. Raises RouteError for one that paths cannot begin with."""
    if not prefix:
        return ""
    if not prefix.startswith("/"):
        raise RouteError(f"{who}: the prefix '{prefix}' must begin with '/'")
    if prefix.endswith("/"):
        raise RouteError(
            f"{who}: the prefix '{prefix}' must not end with '/', as its routes begin with one"
        )
    if "//" in prefix:
        raise RouteError(f"{who}: the prefix '{prefix}' has an empty segment")
    return prefix


def place_of(depth: int) -> str:
    """Return the file and line that called the function that calls this, or one further out."""
    frame = sys._getframe(depth + 1)
    return f"{frame.f_code.co_filename}:{frame.f_lineno}"
