"""The test clients: one for ordinary code, one for coroutines.

`TestClient` runs the application on a loop of its own, in a thread of its own; `AsyncTestClient`
runs it on the loop of the test, so that handlers share the test's connections and tasks.
Knows nothing of HTTP: requests are written and replies read elsewhere.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import threading
import weakref
from collections.abc import Coroutine, Mapping
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypedDict, TypeVar

from spikard.server import new_loop
from spikard.testing.carrier import Carrier, InjectCarrier, SocketCarrier
from spikard.testing.request import write

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Self, Unpack

    from spikard._generated.config import ServerConfig
    from spikard.app import Spikard
    from spikard.headers import HeaderInit
    from spikard.testing.multipart import Files
    from spikard.testing.reply import Reply
    from spikard.testing.values import Params

__all__ = ["AsyncTestClient", "RequestOptions", "TestClient"]

T = TypeVar("T")
Transport = Literal["inject", "socket"]
EngineName = Literal["auto", "io_uring", "epoll"]

# Longest wait for a reply, in seconds: over the engine's own default deadlines.
REPLY_SECONDS_MAX = 60.0


class RequestOptions(TypedDict, total=False):
    """What a request has besides method and path."""

    json: Any
    """The body, as any value."""
    data: bytes | str | Params | None
    """The body, as it is; a mapping or pairs are the fields of a form."""
    files: Files | None
    """Files of a multipart form: by name, each as its content, as (filename, content) or as
    (filename, content, media type)."""
    params: Params | None
    """The query: a mapping or pairs; lists become repeated names."""
    headers: HeaderInit | None
    """Header fields: a mapping or pairs."""
    cookies: Mapping[str, str] | None
    """Cookies by name."""


class _Opening:
    """How a client reaches its application."""

    __slots__ = ("_arguments", "_kind", "life")

    def __init__(
        self,
        app: Spikard,
        config: ServerConfig | Mapping[str, Any] | None,
        transport: Transport,
        engine: EngineName | None,
    ) -> None:
        """Build the application. Raises ConfigError, or ValueError for an unknown transport."""
        if transport not in ("inject", "socket"):
            raise ValueError(f"transport is 'inject' or 'socket', not {transport!r}")
        self._kind: type[InjectCarrier | SocketCarrier] = (
            InjectCarrier if transport == "inject" else SocketCarrier
        )
        changes = {"host": "127.0.0.1", "port": 0, "workers": 1, "engine": engine}
        built, _, settings = app.build(config, **changes)
        self._arguments = (built, settings)
        self.life = app._life(settings)

    async def open(self) -> Carrier:
        """Make the worker in the running loop."""
        return self._kind(*self._arguments)

    async def live(self, opened: concurrent.futures.Future[_Running]) -> None:
        """Start the application, hand it out, and end it once told to: all in this task."""
        try:
            async with self.life:
                running = _Running(await self.open(), asyncio.Event())
                opened.set_result(running)
                await running.ending.wait()
                await running.carrier.close()
        except BaseException as error:
            if opened.done():
                raise
            opened.set_exception(error)


class _Running(NamedTuple):
    """An application that runs, and how it is told to end."""

    carrier: Carrier
    ending: asyncio.Event


class TestClient:
    """Calls an application as a client does, and waits for each reply.

    Usable with or without `with`; without, call `close()` or let it be collected.
    """

    # Not a test, whatever its name says to pytest.
    __test__ = False

    def __init__(
        self,
        app: Spikard,
        *,
        config: ServerConfig | Mapping[str, Any] | None = None,
        transport: Transport = "inject",
        engine: EngineName | None = None,
    ) -> None:
        """Start the application, its `on_startup` functions and its lifespan first.

        They end with `close()`. What a start raises is raised here. `transport` is "inject", in
        process, or "socket", on a free port; `engine` replaces that of the `config`. Raises
        ConfigError, or OSError if the engine does not work here.
        """
        opening = _Opening(app, config, transport, engine)
        self._loop = new_loop()
        self._thread = threading.Thread(
            target=_serve, args=(self._loop,), name="spikard-test-client", daemon=True
        )
        self._thread.start()
        opened: concurrent.futures.Future[_Running] = concurrent.futures.Future()
        life = asyncio.run_coroutine_threadsafe(opening.live(opened), self._loop)
        try:
            running = opened.result(REPLY_SECONDS_MAX)
        except BaseException:
            _end(self._loop, self._thread, life, None)
            raise
        self._carrier = running.carrier
        arguments = (self._loop, self._thread, life, running.ending)
        self._close = weakref.finalize(self, _end, *arguments)

    @property
    def port(self) -> int | None:
        """The port of the transport "socket"."""
        return self._carrier.port

    @property
    def engine_name(self) -> str:
        """Which engine moves the bytes, and why; "inject" in process."""
        return self._carrier.engine_name

    def request(self, method: str, path: str, **options: Unpack[RequestOptions]) -> Reply:
        """Send a request and return its reply. See `RequestOptions`."""
        return self.raw(write(method, path, **options), method)

    def raw(self, request: bytes, method: str = "GET") -> Reply:
        """Send bytes as they are; `method` decides whether their reply has a body."""
        return self._wait(self._carrier.exchange(request, method))

    def get(self, path: str, **options: Unpack[RequestOptions]) -> Reply:
        """Send a GET request."""
        return self.request("GET", path, **options)

    def post(self, path: str, **options: Unpack[RequestOptions]) -> Reply:
        """Send a POST request."""
        return self.request("POST", path, **options)

    def put(self, path: str, **options: Unpack[RequestOptions]) -> Reply:
        """Send a PUT request."""
        return self.request("PUT", path, **options)

    def patch(self, path: str, **options: Unpack[RequestOptions]) -> Reply:
        """Send a PATCH request."""
        return self.request("PATCH", path, **options)

    def delete(self, path: str, **options: Unpack[RequestOptions]) -> Reply:
        """Send a DELETE request."""
        return self.request("DELETE", path, **options)

    def head(self, path: str, **options: Unpack[RequestOptions]) -> Reply:
        """Send a HEAD request."""
        return self.request("HEAD", path, **options)

    def options(self, path: str, **options: Unpack[RequestOptions]) -> Reply:
        """Send an OPTIONS request."""
        return self.request("OPTIONS", path, **options)

    def close(self) -> None:
        """End the application. Closing twice is harmless."""
        self._close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _wait(self, coroutine: Coroutine[Any, Any, T]) -> T:
        future = asyncio.run_coroutine_threadsafe(coroutine, self._loop)
        return future.result(REPLY_SECONDS_MAX)


class AsyncTestClient:
    """Calls an application from a coroutine, on the coroutine's own loop (`async with`)."""

    def __init__(
        self,
        app: Spikard,
        *,
        config: ServerConfig | Mapping[str, Any] | None = None,
        transport: Transport = "inject",
        engine: EngineName | None = None,
    ) -> None:
        """See `TestClient`. The application starts with the `async with`."""
        self._opening = _Opening(app, config, transport, engine)
        self._carrier: Carrier | None = None

    @property
    def port(self) -> int | None:
        """The port of the transport "socket"."""
        return self._open().port

    @property
    def engine_name(self) -> str:
        """Which engine moves the bytes, and why; "inject" in process."""
        return self._open().engine_name

    async def request(self, method: str, path: str, **options: Unpack[RequestOptions]) -> Reply:
        """Send a request and return its reply. See `RequestOptions`."""
        return await self.raw(write(method, path, **options), method)

    async def raw(self, request: bytes, method: str = "GET") -> Reply:
        """Send bytes as they are; `method` decides whether their reply has a body."""
        exchange = self._open().exchange(request, method)
        return await asyncio.wait_for(exchange, REPLY_SECONDS_MAX)

    async def get(self, path: str, **options: Unpack[RequestOptions]) -> Reply:
        """Send a GET request."""
        return await self.request("GET", path, **options)

    async def post(self, path: str, **options: Unpack[RequestOptions]) -> Reply:
        """Send a POST request."""
        return await self.request("POST", path, **options)

    async def put(self, path: str, **options: Unpack[RequestOptions]) -> Reply:
        """Send a PUT request."""
        return await self.request("PUT", path, **options)

    async def patch(self, path: str, **options: Unpack[RequestOptions]) -> Reply:
        """Send a PATCH request."""
        return await self.request("PATCH", path, **options)

    async def delete(self, path: str, **options: Unpack[RequestOptions]) -> Reply:
        """Send a DELETE request."""
        return await self.request("DELETE", path, **options)

    async def head(self, path: str, **options: Unpack[RequestOptions]) -> Reply:
        """Send a HEAD request."""
        return await self.request("HEAD", path, **options)

    async def options(self, path: str, **options: Unpack[RequestOptions]) -> Reply:
        """Send an OPTIONS request."""
        return await self.request("OPTIONS", path, **options)

    async def __aenter__(self) -> Self:
        await self._opening.life.__aenter__()
        try:
            self._carrier = await self._opening.open()
        except BaseException as error:
            await self._opening.life.__aexit__(type(error), error, error.__traceback__)
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        carrier, self._carrier = self._open(), None
        try:
            await carrier.close()
        finally:
            await self._opening.life.__aexit__(kind, error, trace)

    def _open(self) -> Carrier:
        if self._carrier is None:
            raise RuntimeError("use the client inside `async with AsyncTestClient(app) as client`")
        return self._carrier


def _serve(loop: asyncio.AbstractEventLoop) -> None:
    """Run a client's loop until it is stopped. Its thread is where all of it ends."""
    asyncio.set_event_loop(loop)
    is_over = False
    try:
        while not is_over:
            # A handler's ends the loop, as asyncio has it, and its call is still to be answered.
            with contextlib.suppress(SystemExit):
                loop.run_forever()
                is_over = True
    finally:
        loop.close()


def _end(
    loop: asyncio.AbstractEventLoop,
    thread: threading.Thread,
    life: concurrent.futures.Future[None],
    ending: asyncio.Event | None,
) -> None:
    """End a client's application, its loop and its thread, from any other thread."""
    if thread.is_alive():
        if ending is None:
            life.cancel()
        else:
            loop.call_soon_threadsafe(ending.set)
        with contextlib.suppress(
            concurrent.futures.TimeoutError, concurrent.futures.CancelledError
        ):
            life.result(REPLY_SECONDS_MAX)
    loop.call_soon_threadsafe(loop.stop)
    thread.join(REPLY_SECONDS_MAX)
