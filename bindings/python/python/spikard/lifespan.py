"""A worker's life around its requests: what runs before it accepts, and after it has drained.

Everything runs on the worker's loop, in the task that serves, so that requests start from the
context that start-up leaves, and a context manager is left where it was entered.
Knows nothing of requests or of processes.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

from spikard.errors import RouteError
from spikard.hooks import is_async
from spikard.logging import ERROR, log
from spikard.signature import describe

if TYPE_CHECKING:
    from types import TracebackType

    from spikard.app import Spikard

__all__ = ["Life", "LifespanFunction", "Lifetime"]

LifespanFunction = Callable[
    ["Spikard"], "AbstractAsyncContextManager[Any] | AsyncIterator[Mapping[str, Any] | None]"
]


class Callback(NamedTuple):
    """One function without arguments."""

    function: Callable[[], Any]
    is_async: bool
    kind: str

    def __str__(self) -> str:
        return f"the {self.kind} function {describe(self.function)}"

    @classmethod
    def read(cls, kind: str, function: Callable[..., Any]) -> Callback:
        """Make one of a decorated function. Raises RouteError for what cannot be called."""
        if not callable(function):
            raise RouteError(f"{kind} takes a function: write `@app.{kind}` above it, without ()")
        try:
            inspect.signature(function).bind()
        except TypeError:
            raise RouteError(f"{describe(function)}: {kind} calls it without arguments") from None
        return cls(function, is_async(function, f"a function of {kind}"), kind)

    async def call(self) -> None:
        """Call it here, on the loop's thread."""
        result = self.function()
        if self.is_async:
            await result


@dataclass(frozen=True, slots=True)
class Lifetime:
    """What an application wants done once per worker."""

    lifespan: Callable[[Spikard], AbstractAsyncContextManager[Any]] | None = None
    startups: tuple[Callback, ...] = ()
    shutdowns: tuple[Callback, ...] = ()

    @classmethod
    def of(cls, lifespan: LifespanFunction | None) -> Lifetime:
        """Return one with only a lifespan. Raises RouteError for what cannot be one."""
        if lifespan is None:
            return cls()
        if not callable(lifespan):
            raise RouteError(f"lifespan is a function that takes the app, not {lifespan!r}")
        try:
            inspect.signature(lifespan).bind(None)
        except TypeError:
            raise RouteError(
                f"{describe(lifespan)}: a lifespan takes one argument, the application"
            ) from None
        if inspect.isasyncgenfunction(lifespan):
            return cls(asynccontextmanager(lifespan))
        if inspect.iscoroutinefunction(lifespan) or inspect.isgeneratorfunction(lifespan):
            raise RouteError(
                f"{describe(lifespan)}: a lifespan is an `async def` that yields once, "
                "between start and end"
            )
        return cls(lifespan)  # type: ignore[arg-type]

    def starting(self, function: Callable[..., Any]) -> Lifetime:
        """Return the same and one more function at the start. Raises RouteError."""
        return replace(self, startups=(*self.startups, Callback.read("on_startup", function)))

    def ending(self, function: Callable[..., Any]) -> Lifetime:
        """Return the same and one more function at the end. Raises RouteError."""
        return replace(self, shutdowns=(*self.shutdowns, Callback.read("on_shutdown", function)))


class Life:
    """One worker's life (`async with`): entering it raises what its start raises, and leaving it
    raises nothing of its own."""

    __slots__ = ("_app", "_lifetime", "_manager", "_seconds")

    def __init__(self, app: Spikard, lifetime: Lifetime, seconds: float) -> None:
        """`seconds` is what its end may take, all together."""
        self._app = app
        self._lifetime = lifetime
        self._seconds = seconds
        self._manager: AbstractAsyncContextManager[Any] | None = None

    async def __aenter__(self) -> None:
        if self._lifetime.lifespan is not None:
            manager = self._lifetime.lifespan(self._app)
            state = await manager.__aenter__()
            self._manager = manager
        try:
            if self._manager is not None:
                self._keep(state)
            for callback in self._lifetime.startups:
                await callback.call()
        except BaseException as error:
            if self._manager is not None:
                await self._manager.__aexit__(type(error), error, error.__traceback__)
            raise

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Do what is due at the end; what fails is logged, and keeps nothing else from it."""
        deadline = asyncio.get_running_loop().time() + self._seconds
        for callback in self._lifetime.shutdowns:
            await _end(callback.call(), str(callback), deadline)
        if self._manager is not None:
            await _end(self._manager.__aexit__(None, None, None), "the lifespan", deadline)

    def _keep(self, state: object) -> None:
        if isinstance(state, Mapping):
            self._app.state.update(state)
        elif state is not None:
            raise TypeError(
                f"the lifespan yielded {type(state).__name__}; it yields a mapping, which joins "
                "`app.state`, or nothing"
            )


async def _end(doing: Awaitable[Any], name: str, deadline: float) -> None:
    """Await one thing in this task, but not beyond a deadline of the loop's clock."""
    loop = asyncio.get_running_loop()
    task: Any = asyncio.current_task()
    is_late = False

    def interrupt() -> None:
        nonlocal is_late
        is_late = True
        task.cancel()

    timer = loop.call_at(deadline, interrupt)
    try:
        await doing
    except asyncio.CancelledError:
        if not is_late:
            raise
        if hasattr(task, "uncancel"):
            # From Python 3.11 on a task counts how often it was cancelled.
            task.uncancel()
        log(ERROR, f"{name} was cancelled: it had not ended within shutdown_timeout")
    except Exception as error:
        log(ERROR, f"{name} failed: {type(error).__name__}: {error}", error)
    finally:
        timer.cancel()
