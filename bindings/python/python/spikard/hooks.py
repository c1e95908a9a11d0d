"""Hooks: functions around the handlers, and how those of one crossing run as one.

The engine stops where hooks are and calls once for all of them; what runs then is made here, when
the application is built. Changes of the request reach the engine with the answer.
Knows nothing of routing, and nothing of HTTP beyond what a response is.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from spikard._generated.hooks import PHASES
from spikard.errors import RouteError
from spikard.problem import HttpProblem, problem_of
from spikard.response import Response
from spikard.signature import describe

if TYPE_CHECKING:
    import asyncio

    from spikard._native import Engine, Request

__all__ = [
    "NO_HOOKS",
    "Around",
    "HookFailed",
    "HookList",
    "Hooks",
    "Rescued",
    "is_async",
    "settle",
]

# How a blocking function is called: whether there is a future to await, and it, or the result.
Hop = Callable[..., tuple[bool, Any]]
Drive = Callable[..., Coroutine[Any, Any, Any]]
HookList = tuple["Hook", ...]
Rescuers = Mapping[type[Exception], "Hook"]


class HookFailed(Exception):
    """Carries what a hook raised, as its cause, to where it is logged."""

    def __init__(self, hook: str) -> None:
        """`hook` is for the log."""
        super().__init__(hook)
        self.hook = hook


class Rescued(Exception):
    """Carries the reply that an exception handler made of an exception, which is its cause."""

    def __init__(self, reply: Any) -> None:
        """`reply` is an HttpProblem, or whatever a handler may return."""
        super().__init__(reply)
        self.reply = reply


class Hook(NamedTuple):
    """One function of a phase."""

    function: Callable[..., Any]
    is_async: bool
    phase: str
    """Its name; of an exception handler, what it handles."""

    def __str__(self) -> str:
        if self.phase not in PHASES:
            return f"the exception handler {describe(self.function)} for {self.phase}"
        return f"the {self.phase} hook {describe(self.function)}"


class Around(NamedTuple):
    """Functions that run as one: what the engine's number stands for."""

    run: Callable[..., Any]
    is_async: bool
    """Whether it must run on the event loop."""
    is_mixed: bool
    """Whether it does, and takes blocking functions to the thread pool."""


@dataclass(frozen=True, slots=True)
class Hooks:
    """The functions of an application, or of a group of its routes, by phase."""

    on_request: HookList = ()
    pre_validation: HookList = ()
    pre_handler: HookList = ()
    on_response: HookList = ()
    on_error: HookList = ()
    rescuers: Rescuers = field(default_factory=dict)
    """Exception handlers, by what they handle."""

    def having(self, phase: str, function: Callable[..., Any]) -> Hooks:
        """Return these and one more. Raises RouteError for what cannot be a hook."""
        changes: dict[str, Any] = {phase: (*getattr(self, phase), _read(phase, function))}
        return replace(self, **changes)

    def joined(self, others: Hooks) -> Hooks:
        """Return these, and behind them those of others, phase by phase."""
        phases = {phase: getattr(self, phase) + getattr(others, phase) for phase in PHASES}
        return Hooks(**phases, rescuers={**self.rescuers, **others.rescuers})

    def rescuing(self, kind: type[Exception], function: Callable[..., Any]) -> Hooks:
        """Return these and one exception handler. Raises RouteError for what cannot be one."""
        rescuer = _read_rescuer(kind, function)
        if (other := self.rescuers.get(kind)) is not None:
            raise RouteError(
                f"{describe(function)}: {kind.__qualname__} has a handler already, "
                f"{describe(other.function)}"
            )
        return replace(self, rescuers={**self.rescuers, kind: rescuer})

    def register(self, engine: Engine) -> None:
        """Tell an engine what to stop for where no route is known."""
        document = {}
        if self.on_request:
            hooks = self.on_request + self.on_response + self._rescuers()
            document["on_request"] = _entry(engine, hooks, self._asking("on_request"), False)
        if self.on_error:
            document["on_error"] = _entry(engine, self.on_error, self._telling(), False)
        if document:
            engine.set_hooks(msgspec.json.encode(document).decode())

    def of_route(self, engine: Engine, own: Hooks, reads_form: bool) -> dict[str, Any]:
        """Register those that know their route, and return its document's part.

        `own` are those among these that are not the application's.
        """
        document = {}
        if self.pre_validation:
            hooks = self.pre_validation + self.on_response + self._rescuers()
            run = self._asking("pre_validation")
            document["pre_validation"] = _entry(engine, hooks, run, reads_form)
        if own.on_error:
            document["on_error"] = _entry(engine, self.on_error, self._telling(), reads_form)
        return document

    def around(
        self, handler: Callable[..., Any], handler_is_async: bool, placement: str
    ) -> tuple[Around | None, str]:
        """Return what runs in place of a handler, if anything, and where it is to run."""
        hooks = self.pre_handler + self.on_response + self._rescuers()
        if not hooks:
            return None, placement
        # A `def` that was promised never to wait is called wherever the hooks run.
        is_direct = handler_is_async or placement == "inline"
        kinds = {hook.is_async for hook in hooks}
        if handler_is_async or not is_direct:
            kinds.add(handler_is_async)
        if placement != "pool":
            placement = "proven" if False in kinds else "inline"
        drive = self._rescuing(self._handling(handler, handler_is_async, is_direct))
        return _fused(drive, kinds), placement

    def _asking(self, phase: str) -> Drive:
        """Hooks before a handler is known: they give a reply, or nothing."""
        hooks: HookList = getattr(self, phase)

        async def drive(request: Request, hop: Hop) -> Response | None:
            reply = await _ask(hooks, request, hop)
            if reply is None or not self.on_response:
                return reply
            return await _show(self.on_response, reply.for_hooks(request), hop)

        return self._rescuing(drive)

    def _rescuers(self) -> HookList:
        return tuple(self.rescuers.values())

    def _rescuing(self, drive: Drive) -> Drive:
        """The same, with exception handlers around it, where there are any."""
        rescuers = self.rescuers
        if not rescuers:
            return drive

        async def rescuing(request: Request, hop: Hop, *rest: Any) -> Any:
            try:
                return await drive(request, hop, *rest)
            except HookFailed as failed:
                cause = failed.__cause__
                if not isinstance(cause, Exception):
                    raise
                await _rescue(rescuers, cause, request, hop)
                raise
            except Exception as error:
                await _rescue(rescuers, error, request, hop)
                raise

        return rescuing

    def _handling(
        self, handler: Callable[..., Any], handler_is_async: bool, is_direct: bool
    ) -> Drive:
        """A handler, and the hooks before and behind it."""

        async def drive(
            request: Request, hop: Hop, values: tuple[Any, ...], keywords: dict[str, Any]
        ) -> Any:
            reply: Any = await _ask(self.pre_handler, request, hop)
            if reply is None:
                request._close()
                if is_direct:
                    reply = handler(*values, **keywords)
                    if handler_is_async:
                        reply = await reply
                else:
                    waits, reply = hop(handler, values, keywords)
                    if waits:
                        reply = await reply
            if not self.on_response:
                return reply
            return await _show(self.on_response, Response.of(reply).for_hooks(request), hop)

        return drive

    def _telling(self) -> Drive:
        """Hooks on a reply that a failure made: they give another one, or nothing."""
        hooks = self.on_error

        async def drive(
            request: Request,
            hop: Hop,
            status: int,
            fields: list[tuple[str, str]],
            body: bytes,
            error: BaseException | None,
        ) -> Response | None:
            made = Response(body, status, fields)
            cause = error if error is not None else problem_of(status, body)
            reply = await _show(hooks, made.for_hooks(request, cause), hop)
            is_same = reply.content is body and reply.status_code == status
            return None if is_same and reply.headers.pairs() == fields else reply

        return drive


NO_HOOKS: Hooks = Hooks()


async def _rescue(rescuers: Rescuers, error: Exception, request: Request, hop: Hop) -> None:
    """Raise the reply that the handler of the nearest class makes of an exception, if there is
    one. A problem that it raises is its reply; anything else is as if a hook had failed."""
    rescuer = next(filter(None, map(rescuers.get, type(error).__mro__)), None)
    if rescuer is None:
        return
    request._close()
    try:
        if rescuer.is_async:
            reply = await rescuer.function(request, error)
        else:
            waits, reply = hop(rescuer.function, (request, error))
            if waits:
                reply = await reply
    except HttpProblem as problem:
        reply = problem
    except Exception as second:
        raise HookFailed(str(rescuer)) from second
    raise Rescued(reply) from error


async def _call(hook: Hook, argument: Any, hop: Hop) -> Any:
    """Call one hook, wherever it must run. A problem that it raises is what the client gets."""
    try:
        if hook.is_async:
            return await hook.function(argument)
        waits, result = hop(hook.function, (argument,))
        return await result if waits else result
    except HttpProblem:
        raise
    except Exception as error:
        raise HookFailed(str(hook)) from error


async def _ask(hooks: HookList, request: Request, hop: Hop) -> Response | None:
    """Show the request to each hook, until one answers."""
    for hook in hooks:
        result = await _call(hook, request, hop)
        if isinstance(result, Response):
            return result
        if result is not None and result is not request:
            raise _misused(hook, result, "the request that it was given, a Response, or nothing")
    return None


async def _show(hooks: HookList, reply: Response, hop: Hop) -> Response:
    """Show a reply to each hook, and to the next what it makes of it."""
    for hook in hooks:
        result = await _call(hook, reply, hop)
        if result is None or result is reply:
            continue
        if not isinstance(result, Response):
            raise _misused(hook, result, "a Response, or nothing")
        reply = result.for_hooks(reply.request, reply.error)
    return reply


def _misused(hook: Hook, result: object, wanted: str) -> HookFailed:
    failed = HookFailed(str(hook))
    failed.__cause__ = TypeError(f"{hook} returned {type(result).__name__}; it returns {wanted}")
    return failed


def _fused(drive: Drive, kinds: set[bool]) -> Around:
    """Make one function of a coroutine; of one without `async` functions a plain one."""
    if True in kinds:
        return Around(drive, True, False in kinds)

    def run(request: Request, _: None, *rest: Any) -> Any:
        coroutine = drive(request, _direct, *rest)
        try:
            coroutine.send(None)
        except StopIteration as ended:
            return ended.value
        raise RuntimeError("a function without `async` waited")

    return Around(run, False, False)


def _direct(
    function: Callable[..., Any], values: tuple[Any, ...], keywords: dict[str, Any] | None = None
) -> tuple[bool, Any]:
    return False, function(*values, **(keywords or {}))


def _entry(engine: Engine, hooks: HookList, drive: Drive, reads_form: bool) -> dict[str, Any]:
    """Register hooks as one function, and return its entry in a document."""
    kinds = {hook.is_async for hook in hooks}
    number = engine.hook(_fused(drive, kinds), reads_form)
    return {"function": number, "placement": "proven" if False in kinds else "inline"}


def _read(phase: str, function: Callable[..., Any]) -> Hook:
    """Make a hook of a decorated function. Raises RouteError for what cannot be one."""
    if not callable(function):
        raise RouteError(f"{phase} takes a function: write `@app.{phase}` above it, without ()")
    try:
        inspect.signature(function).bind(None)
    except TypeError:
        takes = "the Response" if phase in ("on_response", "on_error") else "the Request"
        raise RouteError(
            f"{describe(function)}: a hook takes one argument, {takes}, by position"
        ) from None
    return Hook(function, is_async(function, "a hook"), phase)


def _read_rescuer(kind: type[Exception], function: Callable[..., Any]) -> Hook:
    """Make a hook of an exception handler. Raises RouteError for what cannot be one."""
    if not callable(function):
        raise RouteError(f"exception_handler takes a function, not {function!r}")
    if not isinstance(kind, type) or not issubclass(kind, Exception):
        raise RouteError(
            f"{describe(function)}: @app.exception_handler takes a class of exceptions, "
            f"a subclass of Exception, not {kind!r}"
        )
    try:
        inspect.signature(function).bind(None, None)
    except TypeError:
        raise RouteError(
            f"{describe(function)}: an exception handler takes two arguments, "
            "the Request and the exception, by position"
        ) from None
    return Hook(function, is_async(function, "an exception handler"), f"{kind.__qualname__}")


def is_async(function: Callable[..., Any], what: str) -> bool:
    """Whether a call of a function returns a coroutine. Raises RouteError if it yields."""
    call = type(function).__call__ if not inspect.isroutine(function) else function
    for each in (function, call):
        if inspect.isgeneratorfunction(each) or inspect.isasyncgenfunction(each):
            raise RouteError(f"{describe(function)}: {what} returns its result; it does not yield")
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(call)


def settle(future: asyncio.Future[Any], is_result: bool, value: Any) -> None:
    """End a future, unless somebody has cancelled it. On its loop's thread."""
    if future.done():
        return
    if is_result:
        future.set_result(value)
    elif isinstance(value, StopIteration):
        # A future cannot raise it.
        future.set_exception(RuntimeError("a function raised StopIteration"))
    else:
        future.set_exception(value)
