"""The decorators that applications and routers share: one per method, and for exceptions.

Knows nothing of what becomes of what they register.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from spikard._generated.hooks import HookDecorators
from spikard.errors import RouteError
from spikard.mistakes import refuse_handler, refuse_path
from spikard.route import RouteOptions
from spikard.signature import describe

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from spikard._native import Request

__all__ = ["Decorators", "H"]

E = TypeVar("E", bound=Exception)
H = TypeVar("H", bound=Callable[..., Any])
R = TypeVar("R")


class Decorators(HookDecorators):
    """Registers handlers, hooks and exception handlers, as decorators."""

    __slots__ = ()

    def _accept(
        self,
        handler: Callable[..., Any],
        path: str,
        methods: tuple[str, ...],
        options: RouteOptions,
        scope: Mapping[str, Any],
    ) -> None:
        """Keep a handler."""
        raise NotImplementedError

    def _rescue(self, kind: type[Exception], function: Callable[..., Any]) -> None:
        """Keep an exception handler."""
        raise NotImplementedError

    def exception_handler(
        self, kind: type[E]
    ) -> Callable[[Callable[[Request, E], R]], Callable[[Request, E], R]]:
        """Register the decorated function for exceptions of a class: of handlers and of hooks.

        It is `def` or `async def`, takes the request and the exception, and returns what a handler
        may return, or an HttpProblem; raising that is the same. The nearest class among the
        exception's bases wins, HttpProblem included. `on_error` hooks see its reply, with the
        exception as `error`. Whatever else it raises is a 500. Raises RouteError.
        """

        if callable(kind) and not isinstance(kind, type):
            raise RouteError(
                f"{describe(kind)}: @exception_handler was given no class of exceptions; "
                "write `@app.exception_handler(ValueError)` above it"
            )

        def register(function: Callable[[Request, E], R]) -> Callable[[Request, E], R]:
            self._rescue(kind, function)
            return function

        return register

    def route(
        self,
        path: str,
        methods: str | Iterable[str] = ("GET",),
        **options: Unpack[RouteOptions],
    ) -> Callable[[H], H]:
        """Register the decorated function for these methods of a path. It is returned unchanged.

        See `RouteOptions` for the options. Raises RouteError if the function or the path cannot be
        served, and for an option that there is not.
        """
        verb = methods.lower() if isinstance(methods, str) else "route"
        refuse_path(path, verb)
        names = (methods,) if isinstance(methods, str) else tuple(methods)

        def register(handler: H) -> H:
            refuse_handler(handler, path, verb)
            scope = sys._getframe(1).f_locals
            self._accept(handler, path, tuple(map(str.upper, names)), options, scope)
            return handler

        return register

    def get(self, path: str, **options: Unpack[RouteOptions]) -> Callable[[H], H]:
        """Register the decorated function for GET, and for HEAD unless that has its own."""
        return self.route(path, "GET", **options)

    def post(self, path: str, **options: Unpack[RouteOptions]) -> Callable[[H], H]:
        """Register the decorated function for POST."""
        return self.route(path, "POST", **options)

    def put(self, path: str, **options: Unpack[RouteOptions]) -> Callable[[H], H]:
        """Register the decorated function for PUT."""
        return self.route(path, "PUT", **options)

    def patch(self, path: str, **options: Unpack[RouteOptions]) -> Callable[[H], H]:
        """Register the decorated function for PATCH."""
        return self.route(path, "PATCH", **options)

    def delete(self, path: str, **options: Unpack[RouteOptions]) -> Callable[[H], H]:
        """Register the decorated function for DELETE."""
        return self.route(path, "DELETE", **options)

    def head(self, path: str, **options: Unpack[RouteOptions]) -> Callable[[H], H]:
        """Register the decorated function for HEAD."""
        return self.route(path, "HEAD", **options)

    def options(self, path: str, **options: Unpack[RouteOptions]) -> Callable[[H], H]:
        """Register the decorated function for OPTIONS."""
        return self.route(path, "OPTIONS", **options)

    def trace(self, path: str, **options: Unpack[RouteOptions]) -> Callable[[H], H]:
        """Register the decorated function for TRACE."""
        return self.route(path, "TRACE", **options)
