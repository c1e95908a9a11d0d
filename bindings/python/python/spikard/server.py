"""Serving: who listens, in which process, on which event loop, and who tells it to stop.

`run` is called in three roles. The process that the user started becomes the parent, which only
supervises; the copies of the program that it starts are its workers; and where the program cannot
be started again, one worker serves in place.
Knows nothing of routes or handlers.
"""

from __future__ import annotations

import asyncio
import gc
import importlib
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, ClassVar

from spikard import _native
from spikard.config import document_of, seconds_of
from spikard.errors import ConfigError
from spikard.logging import ERROR, INFO, WARNING, is_json, log

if TYPE_CHECKING:
    from spikard._generated.config import ServerConfig
    from spikard.lifespan import Life

# Taken when the package is imported, so that nothing the program starts inherits it again. The
# native side takes the variable out of the environment; Python keeps a copy of that.
INHERITED = _native.inherited()
os.environ.pop("SPIKARD_WORKER", None)

__all__ = ["Guest", "new_loop", "run", "run_in", "serve"]


class Guest:
    """A server as a guest of an event loop. Made, stopped and awaited on the loop's thread."""

    __slots__ = ("_drained", "_loop", "_server", "engine_name", "port")

    serving: ClassVar[list[Guest]] = []
    """Those that are not drained yet."""

    def __init__(
        self, engine: _native.Engine, config: ServerConfig, listener_fd: int, port: int
    ) -> None:
        """Start to serve on a listening socket, which is the guest's from now on."""
        self._loop = asyncio.get_running_loop()
        self._drained: asyncio.Future[None] = self._loop.create_future()
        self.port = port
        server = _native.Server(
            engine,
            listener_fd,
            self._loop,
            blocking_threads=config.blocking_threads,
            queue_timeout=seconds_of(config.queue_timeout),
            on_drained=self._on_drained,
        )
        self.engine_name = server.engine_name
        self._loop.add_reader(server.fd, server.turn)
        # Given up when it is closed: it must end on this thread, and so must the last name of it.
        self._server: _native.Server | None = server
        Guest.serving.append(self)

    @classmethod
    def listen(cls, engine: _native.Engine, config: ServerConfig) -> Guest:
        """Start to serve on the configured address. Raises AddressInUse or OSError."""
        fds, port = _native.listen(document_of(config), 1)
        return cls(engine, config, fds[0], port)

    def stop(self, force: bool = False) -> None:
        """Accept nothing more and finish what is in flight; with `force`, close at once."""
        if self._server is not None and not self._drained.done():
            self._server.stop(force)

    def obey(self, inherited: _native.Inherited) -> bool:
        """Follow the parent's orders that have come; return whether more may come."""
        return self._server is not None and inherited.obey(self._server)

    def was_raised_by_a_call(self, error: BaseException) -> bool:
        """Return whether a handler or hook has just raised this; its call is answered next."""
        return self._server is not None and self._server.was_raised_by_a_call(error)

    async def drained(self) -> None:
        """Wait until every connection is closed, and free the worker.

        Cancelling this stops the server; it returns when that is done.
        """
        try:
            try:
                await asyncio.shield(self._drained)
            except asyncio.CancelledError:
                self.stop()
                await self._drained
                raise
        finally:
            server, self._server = self._server, None
            if server is not None:
                Guest.serving.remove(self)
                self._loop.remove_reader(server.fd)
                server.close()

    def _on_drained(self) -> None:
        if not self._drained.done():
            self._drained.set_result(None)


def run(engine: _native.Engine, document: str, config: ServerConfig, life: Life) -> None:
    """Serve until told to stop, in whichever role this process has."""
    _refuse_gevent()
    if INHERITED is not None:
        _run_worker(engine, config, INHERITED, life)
        return
    reason = _bound_to_this_process()
    if reason is not None:
        if config.workers > 1:
            raise ConfigError(
                f"/workers: {config.workers} workers need a program that can be started again, "
                f"and this one cannot: {reason}; use workers=1"
            )
        if config.reload:
            raise ConfigError(
                "/reload: a program is reloaded by starting it again, and this one cannot be: "
                f"{reason}"
            )
        run_in(new_loop(), _serve_here(engine, config, reason, life))
        return
    if not config.reload:
        # What every worker would refuse is refused before any is started; who reloads gets a page.
        engine.tables()
    code = _native.supervise(_command(), document)
    if code != 0:
        sys.exit(code)


async def serve(engine: _native.Engine, config: ServerConfig, life: Life) -> None:
    """Serve in the running loop until cancelled."""
    _refuse_gevent()
    if config.workers > 1:
        raise ConfigError(
            f"/workers: serve() is one worker in the loop that calls it, not {config.workers}; "
            "use run() for several"
        )
    if config.reload:
        raise ConfigError("/reload: serve() cannot start the program again; use run()")
    async with life:
        guest = Guest.listen(engine, config)
        _announce(guest, config, "in the running event loop")
        await guest.drained()


def new_loop() -> asyncio.AbstractEventLoop:
    """Return a new event loop: uvloop's where it is installed, else asyncio's own."""
    try:
        loop: asyncio.AbstractEventLoop = importlib.import_module("uvloop").new_event_loop()
    except ImportError:
        loop = asyncio.new_event_loop()
    return loop


def run_in(loop: asyncio.AbstractEventLoop, main: Coroutine[Any, Any, None]) -> None:
    """Run a coroutine on a new loop, then end what it left behind and close the loop."""
    try:
        asyncio.set_event_loop(loop)
        _complete(loop, loop.create_task(main))
    finally:
        try:
            tasks = asyncio.all_tasks(loop)
            for task in tasks:
                task.cancel()
            loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
            loop.run_until_complete(loop.shutdown_asyncgens())
        finally:
            asyncio.set_event_loop(None)
            loop.close()


def _complete(loop: asyncio.AbstractEventLoop, main: asyncio.Task[None]) -> None:
    """Run until `main` is done, whatever handlers raise.

    A task that raises SystemExit ends the loop that runs it, as asyncio has it. In a handler that
    is a failed handler: its call is answered, and everybody else's go on. Anywhere else it is what
    it says.
    """
    while True:
        try:
            loop.run_until_complete(main)
        except SystemExit as error:
            # asyncio's loop ends before the task tells of its end, uvloop's behind that.
            is_answered = getattr(error, "is_of_a_handler", False)
            is_of_a_handler = is_answered or any(
                guest.was_raised_by_a_call(error) for guest in Guest.serving
            )
            if main.done() or not is_of_a_handler:
                raise
        else:
            return


class _Orders:
    """When the parent ordered something last: a worker that ends was told to by that."""

    __slots__ = ("last",)

    def __init__(self) -> None:
        self.last = time.monotonic()


def _run_worker(
    engine: _native.Engine, config: ServerConfig, inherited: _native.Inherited, life: Life
) -> None:
    """Run a parent's worker. Where the log is JSON, what ends it is a line of that, too."""
    orders, code = _Orders(), 1
    try:
        run_in(new_loop(), _work(engine, config, inherited, life, orders))
        code = 0
    except Exception as error:
        if not is_json():
            raise
        log(ERROR, f"the worker failed: {type(error).__name__}: {error}", error)
        sys.exit(1)
    finally:
        _leave_in_time(orders.last + seconds_of(config.shutdown_timeout), code)


def _leave_in_time(deadline: float, code: int) -> None:
    """End this process by then, or soon, whoever else still keeps it.

    An interpreter that ends waits for threads and child processes that are no daemons, however long
    they take; the requests are finished by now, and the port is the successor's.
    """

    def leave() -> None:
        time.sleep(max(deadline - time.monotonic(), LEAVE_SECONDS_MIN))
        threads = [it.name for it in threading.enumerate() if not it.daemon and it is not main]
        children = [f"process {child.pid}" for child in multiprocessing.active_children()]
        kept_by = ", ".join([*(f"thread {name}" for name in threads), *children])
        log(
            WARNING,
            f"the worker (pid {os.getpid()}) does not wait any longer than shutdown_timeout for "
            f"what keeps it: {kept_by or 'the end of the interpreter'}",
        )
        os._exit(code)

    main = threading.main_thread()
    # A process that has no thread left to give ends as it can: its parent kills it in the end.
    with suppress(RuntimeError):
        threading.Thread(target=leave, name="spikard-leave", daemon=True).start()


LEAVE_SECONDS_MIN = 1.0
"""What an interpreter has to end at least, in seconds; a parent waits longer before it kills."""


async def _work(
    engine: _native.Engine,
    config: ServerConfig,
    inherited: _native.Inherited,
    life: Life,
    orders: _Orders,
) -> None:
    """Serve as a parent's worker: take its orders, and no Ctrl-C."""
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    is_unwanted = False

    def give_up() -> None:
        nonlocal is_unwanted
        is_unwanted = True
        loop.remove_reader(inherited.control_fd)
        if task is not None:
            task.cancel()

    # A worker that is not ready gets no order but to leave, and a start may take long.
    loop.add_reader(inherited.control_fd, give_up)
    try:
        with _on_signals((signal.SIGTERM,), give_up):
            await life.__aenter__()
    except asyncio.CancelledError:
        if is_unwanted:
            return
        raise
    finally:
        loop.remove_reader(inherited.control_fd)
    try:
        await _obey(engine, config, inherited, orders)
    finally:
        await life.__aexit__(*sys.exc_info())


async def _obey(
    engine: _native.Engine, config: ServerConfig, inherited: _native.Inherited, orders: _Orders
) -> None:
    """Serve, and do what the parent says."""
    loop = asyncio.get_running_loop()
    guest = Guest(engine, config, inherited.listener_fd(), config.port)
    name, _, why = guest.engine_name.partition(" ")

    def obey() -> None:
        orders.last = time.monotonic()
        if not guest.obey(inherited):
            loop.remove_reader(inherited.control_fd)

    loop.add_reader(inherited.control_fd, obey)
    if why and inherited.worker == 0:
        log(INFO, f"serving on {guest.engine_name}")
    # What was imported and registered lives as long as the worker: no collection need look at it.
    gc.collect()
    gc.freeze()
    try:
        inherited.ready(name)
        # A service manager may send SIGTERM to every process at once; only the parent counts.
        with _on_signals((signal.SIGTERM,), guest.stop):
            await guest.drained()
    finally:
        loop.remove_reader(inherited.control_fd)


async def _serve_here(
    engine: _native.Engine, config: ServerConfig, reason: str, life: Life
) -> None:
    """Serve in this process: the first signal stops, the second forces."""
    signals = 0

    def count() -> None:
        nonlocal signals
        signals += 1
        guest.stop(force=signals > 1)

    async with life:
        guest = Guest.listen(engine, config)
        _announce(guest, config, f"one worker in this process, as {reason}")
        with _on_signals((signal.SIGINT, signal.SIGTERM), count):
            await guest.drained()


@contextmanager
def _on_signals(numbers: tuple[signal.Signals, ...], act: Callable[[], None]) -> Iterator[None]:
    """Call a function on signals, where this thread may ask for them."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    loop = asyncio.get_running_loop()
    before = {number: signal.getsignal(number) for number in numbers}
    for number in numbers:
        loop.add_signal_handler(number, act)
    try:
        yield
    finally:
        for number, handler in before.items():
            loop.remove_signal_handler(number)
            if handler is not None:
                signal.signal(number, handler)


def _announce(guest: Guest, config: ServerConfig, how: str) -> None:
    host = f"[{config.host}]" if ":" in config.host else config.host
    where = f"http://{host}:{guest.port}"
    if not guest.port:
        where = f"unix:{config.uds}" if config.uds else "a unix socket"
    log(INFO, f"listening on {where}, {guest.engine_name}, {how}")


def _bound_to_this_process() -> str | None:
    """Return why the program cannot be started again, or None if it can."""
    main = sys.modules.get("__main__")
    is_file = os.path.exists(getattr(main, "__file__", None) or "")
    is_known = is_file or getattr(main, "__spec__", None) is not None or "-c" in sys.orig_argv
    if threading.current_thread() is not threading.main_thread():
        return "run() was not called on the main thread"
    if multiprocessing.parent_process() is not None:
        return "the process was started by multiprocessing"
    if hasattr(sys, "ps1") or sys.flags.interactive:
        return "the session is interactive"
    if not is_known:
        return "the program is not in a file"
    if not sys.executable:
        return "Python is embedded in another program"
    return None


def _command() -> list[str]:
    """Return the command that starts this program again, also after a change of directory."""
    arguments = sys.orig_argv[1:]
    main = sys.modules["__main__"]
    if getattr(main, "__spec__", None) is None and sys.argv[0] in arguments:
        path = getattr(main, "__file__", None) or sys.argv[0]
        arguments[arguments.index(sys.argv[0])] = path
    return [sys.executable, *arguments]


def _refuse_gevent() -> None:
    """Refuse a process that gevent has patched: its switches would freeze the worker."""
    monkey = sys.modules.get("gevent.monkey")
    if monkey is not None and any(map(monkey.is_module_patched, ("socket", "threading", "time"))):
        raise RuntimeError(
            "gevent has patched this process, and greenlets cannot run inside the server's turns; "
            "remove monkey.patch_all(), or keep gevent in a process of its own"
        )
