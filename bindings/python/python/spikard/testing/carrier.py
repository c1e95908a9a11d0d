"""Ways for a raw request to reach an application: in process, or over a socket of this machine.

Both run the application on the event loop they are opened in.
Knows nothing of how requests are written.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Protocol

from spikard import _native
from spikard.config import seconds_of
from spikard.server import Guest
from spikard.testing.reply import Reply, ReplyError, read

if TYPE_CHECKING:
    from spikard._generated.config import ServerConfig

__all__ = ["Carrier", "InjectCarrier", "SocketCarrier"]

# Most bytes asked of the socket at once.
READ_BYTES_MAX = 65_536


class Carrier(Protocol):
    """Carries requests to one application. Used and closed on the loop it was made in."""

    port: int | None
    engine_name: str

    async def exchange(self, request: bytes, method: str) -> Reply:
        """Send a request and return its reply."""
        ...

    async def close(self) -> None:
        """Free the application's worker."""
        ...


class InjectCarrier:
    """Hands requests to a worker without sockets."""

    port: int | None = None
    engine_name: str = "inject"

    def __init__(self, engine: _native.Engine, config: ServerConfig) -> None:
        """Make a worker in the running loop."""
        self._loop = asyncio.get_running_loop()
        self._worker: _native.InProcess | None = _native.InProcess(
            engine,
            self._loop,
            blocking_threads=config.blocking_threads,
            queue_timeout=seconds_of(config.queue_timeout),
        )

    async def exchange(self, request: bytes, method: str) -> Reply:
        """Send a request and return its reply."""
        if self._worker is None:
            raise RuntimeError("the client is closed")
        done: asyncio.Future[bytes] = self._loop.create_future()

        def arrived(reply: bytes) -> None:
            if not done.done():
                done.set_result(reply)

        self._worker.inject(request, arrived)
        data = await done
        found = read(data, method, whole=True)
        if found is None or found[1] != len(data):
            raise ReplyError("there are bytes after the reply")
        return found[0]

    async def close(self) -> None:
        """Free the worker. It must end on this thread, and so must the last name of it."""
        worker, self._worker = self._worker, None
        if worker is not None:
            worker.close()


class SocketCarrier:
    """Serves on a free port, and sends each request on a connection of its own."""

    def __init__(self, engine: _native.Engine, config: ServerConfig) -> None:
        """Start to serve in the running loop."""
        self._guest = Guest.listen(engine, config)
        self.port: int | None = self._guest.port
        self.engine_name = self._guest.engine_name
        self._host = config.host

    async def exchange(self, request: bytes, method: str) -> Reply:
        """Send a request and return its reply."""
        reader, writer = await asyncio.open_connection(self._host, self.port)
        try:
            writer.write(request)
            data = b""
            while True:
                piece = await reader.read(READ_BYTES_MAX)
                data += piece
                found = read(data, method, whole=not piece)
                if found is not None:
                    return found[0]
        finally:
            writer.close()

    async def close(self) -> None:
        """Stop, and free the worker."""
        self._guest.stop(force=True)
        await self._guest.drained()
