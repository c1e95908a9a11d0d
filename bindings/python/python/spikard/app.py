"""The application: routes are registered on it, and it is served.

Knows nothing of how signatures are read or how a server runs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from spikard import server
from spikard._native import Engine
from spikard.config import document_of, read, seconds_of
from spikard.hooks import Hooks
from spikard.lifespan import Life, LifespanFunction, Lifetime
from spikard.logging import configure as configure_log
from spikard.route import Route, RouteOptions
from spikard.router import Router, place_of
from spikard.state import State
from spikard.verbs import Decorators, H

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from spikard._generated.config import ServerConfig

__all__ = ["Spikard", "delete", "get", "head", "options", "patch", "post", "put", "route", "trace"]

S = TypeVar("S", bound=Callable[[], Any])


class Spikard(Decorators):
    """An application: a set of routes, their hooks, and a configuration.

    The module's own decorators (`spikard.get`, ...) register on the application made last.
    """

    __slots__ = ("__weakref__", "_checker", "_config", "_hooks", "_lifetime", "_routes", "state")

    current_instance: ClassVar[Spikard | None] = None
    """The application made last."""

    def __init__(
        self,
        config: ServerConfig | Mapping[str, Any] | None = None,
        *,
        lifespan: LifespanFunction | None = None,
    ) -> None:
        """Make an application. `config` is used where none is given when it is served.

        `lifespan` takes the application and is an async context manager, or an `async def` that
        yields once. It is entered once per worker, on its loop, before the worker accepts and
        before the `on_startup` functions, and left after the `on_shutdown` functions. A mapping
        that it yields joins `state`. Raises RouteError for what cannot be one.
        """
        self._config = config
        self._lifetime = Lifetime.of(lifespan)
        self.state = State()
        """What a worker's functions share, `request.app_state`; a lifespan fills it."""
        self._routes: list[Route] = []
        self._hooks = Hooks()
        # Routes are tried here at once, so that a refusal points to the decorator.
        self._checker = Engine()
        Spikard.current_instance = self

    @property
    def routes(self) -> tuple[Route, ...]:
        """Every route, in the order of registration."""
        return tuple(self._routes)

    def _hook(self, phase: str, function: Callable[..., Any]) -> None:
        """Keep a hook. Raises RouteError for what cannot be one."""
        self._hooks = self._hooks.having(phase, function)

    def on_startup(self, function: S) -> S:
        """Call the decorated function once per worker, before it accepts connections.

        `def` or `async def`, without arguments, on the worker's loop, in order. Context variables
        that it sets are those that every request starts with. What it raises ends the server.
        """
        self._lifetime = self._lifetime.starting(function)
        return function

    def on_shutdown(self, function: S) -> S:
        """Call the decorated function once per worker, after its last request has ended.

        As `on_startup`. What it raises is logged and keeps no other function from running; one
        that is `async` is cancelled when `shutdown_timeout` is over.
        """
        self._lifetime = self._lifetime.ending(function)
        return function

    def _rescue(self, kind: type[Exception], function: Callable[..., Any]) -> None:
        """Keep an exception handler. Raises RouteError for what cannot be one."""
        self._hooks = self._hooks.rescuing(kind, function)

    def add(self, route: Route) -> None:
        """Register a route that is already described. Raises RouteError."""
        route.register(self._checker)
        self._routes.append(route)

    def include(self, router: Router, prefix: str = "") -> None:
        """Register all routes of a router, under a further prefix if one is given.

        They run behind the application's hooks. Nothing can be registered on the router any more.
        Raises RouteError.
        """
        for entry in Router._give(router, prefix, place_of(1)):
            self.add(entry.route())

    def _accept(
        self,
        handler: Callable[..., Any],
        path: str,
        methods: tuple[str, ...],
        options: RouteOptions,
        scope: Mapping[str, Any],
    ) -> None:
        """Register a handler. Raises RouteError for what cannot be served."""
        self.add(Route.read(handler, path, methods, options, scope))

    def run(
        self,
        config: ServerConfig | Mapping[str, Any] | None = None,
        *,
        host: str | None = None,
        port: int | None = None,
        workers: int | None = None,
        reload: bool | None = None,
    ) -> None:
        """Serve until SIGINT or SIGTERM; a second signal ends what is still in flight.

        `host`, `port`, `workers` and `reload` replace those of `config`. The program is started
        again once per worker, so code above this line runs once per process. Where it cannot be
        started again (interactive session, notebook, another thread than the main one), one worker
        serves in this process. Raises ConfigError; ends the process with a code other than 0 if the
        server could not start or had to be cut short.
        """
        engine, document, settings = self.build(
            config, host=host, port=port, workers=workers, reload=reload
        )
        server.run(engine, document, settings, self._life(settings))

    async def serve(
        self,
        config: ServerConfig | Mapping[str, Any] | None = None,
        *,
        host: str | None = None,
        port: int | None = None,
    ) -> None:
        """Serve in the event loop that runs already, with one worker, until cancelled.

        Cancelling lets what is in flight finish within `shutdown_timeout`. Signals are left to the
        program. Raises ConfigError, AddressInUse or OSError.
        """
        engine, _, settings = self.build(config, host=host, port=port)
        await server.serve(engine, settings, self._life(settings))

    def _life(self, settings: ServerConfig) -> Life:
        """Return what is to be entered before a worker is made, and left after it."""
        return Life(self, self._lifetime, seconds_of(settings.shutdown_timeout))

    def tables(self, config: ServerConfig | Mapping[str, Any] | None = None) -> str:
        """Return the function table that is served: which stages each route has, in order.

        A line for each table, such as `GET /users: body_limit deadline handler | request_id_echo`:
        the rows on requests, on replies, and behind them. Raises ConfigError.
        """
        engine, _, _ = self.build(config)
        return engine.tables()

    def build(
        self, config: ServerConfig | Mapping[str, Any] | None = None, **changes: object
    ) -> tuple[Engine, str, ServerConfig]:
        """Return an engine with these routes, its configuration as JSON, and the same as object.

        Raises ConfigError that names every fault.
        """
        document = document_of(self._config if config is None else config, **changes)
        engine = Engine(self)
        engine.configure(document)
        self._hooks.register(engine)
        for route in self._routes:
            route.register(engine, self._hooks)
        settings = read(document)
        configure_log(settings.log_format)
        return engine, document, settings


def _current(verb: str) -> Spikard:
    """Return the application made last. Raises RuntimeError that names the fix."""
    if Spikard.current_instance is None:
        raise RuntimeError(
            f"@{verb} has no application to register on: "
            f"write `app = Spikard()` above it, or use `@app.{verb}`"
        )
    return Spikard.current_instance


def route(
    path: str, methods: str | Iterable[str] = ("GET",), **options: Unpack[RouteOptions]
) -> Callable[[H], H]:
    """As `Spikard.route`, on the application made last."""
    return _current("route").route(path, methods, **options)


def get(path: str, **options: Unpack[RouteOptions]) -> Callable[[H], H]:
    """As `Spikard.get`, on the application made last."""
    return _current("get").get(path, **options)


def post(path: str, **options: Unpack[RouteOptions]) -> Callable[[H], H]:
    """As `Spikard.post`, on the application made last."""
    return _current("post").post(path, **options)


def put(path: str, **options: Unpack[RouteOptions]) -> Callable[[H], H]:
    """As `Spikard.put`, on the application made last."""
    return _current("put").put(path, **options)


def patch(path: str, **options: Unpack[RouteOptions]) -> Callable[[H], H]:
    """As `Spikard.patch`, on the application made last."""
    return _current("patch").patch(path, **options)


def delete(path: str, **options: Unpack[RouteOptions]) -> Callable[[H], H]:
    """As `Spikard.delete`, on the application made last."""
    return _current("delete").delete(path, **options)


def head(path: str, **options: Unpack[RouteOptions]) -> Callable[[H], H]:
    """As `Spikard.head`, on the application made last."""
    return _current("head").head(path, **options)


def options(path: str, **options: Unpack[RouteOptions]) -> Callable[[H], H]:
    """As `Spikard.options`, on the application made last."""
    return _current("options").options(path, **options)


def trace(path: str, **options: Unpack[RouteOptions]) -> Callable[[H], H]:
    """As `Spikard.trace`, on the application made last."""
    return _current("trace").trace(path, **options)
