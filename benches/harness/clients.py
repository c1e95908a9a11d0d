"""The clients of a soak: each does one thing for ever, on raw sockets, and accounts for it.

They are paced, not saturating: a client that has no time to read would measure itself.
"""

import asyncio
import json
import random
import socket
import struct
import time
from contextlib import asynccontextmanager

from harness import wire

ANSWER_S_MAX = 15
HELLO = (200, {"message": "Hello, World!"})
ITEM = {"name": "a lamp", "price": 12.5}


class Connection:
    """A connection and what has been read from it."""

    def __init__(self, client):
        self.client = client
        self.buffer = bytearray()

    async def send(self, data):
        """Send bytes, all of them."""
        await asyncio.get_running_loop().sock_sendall(self.client, data)

    async def reply(self):
        """Return (status, decoded JSON) of the next reply."""
        async with deadline():
            while (reply := wire.split_reply(self.buffer)) is None:
                piece = await asyncio.get_running_loop().sock_recv(self.client, 65536)
                if not piece:
                    raise EOFError(f"closed after {bytes(self.buffer[:80])!r}")
                self.buffer += piece
        status, body, taken = reply
        del self.buffer[:taken]
        return status, json.loads(body)

    async def end(self):
        """Read to the end, which must come without a further byte."""
        async with deadline():
            rest = await asyncio.get_running_loop().sock_recv(self.client, 65536)
        if rest or self.buffer:
            raise EOFError(f"bytes behind the last reply: {bytes(self.buffer + rest)[:80]!r}")

    def reset(self):
        """Make the close a reset, which tells the server at once that nobody reads."""
        linger = struct.pack("ii", 1, 0)
        self.client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)


@asynccontextmanager
async def deadline():
    """Raise TimeoutError in the task after ANSWER_S_MAX; for Pythons without asyncio.timeout."""
    task = asyncio.current_task()
    timer = asyncio.get_running_loop().call_later(ANSWER_S_MAX, task.cancel, "late")
    try:
        yield
    except asyncio.CancelledError as error:
        if error.args == ("late",):
            raise TimeoutError(f"no answer within {ANSWER_S_MAX} s") from None
        raise
    finally:
        timer.cancel()


class Clients:
    """All kinds of clients of one server. Each method is one life: connect, act, leave."""

    def __init__(self, port, ledger):
        self.port = port
        self.ledger = ledger

    @asynccontextmanager
    async def connection(self):
        """Open a connection; it is closed on the way out."""
        client = socket.socket()
        client.setblocking(False)
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.ledger.open_connections += 1
        try:
            await asyncio.get_running_loop().sock_connect(client, ("127.0.0.1", self.port))
            yield Connection(client)
        finally:
            self.ledger.open_connections -= 1
            client.close()

    async def ask(self, kind, connection, request, expected):
        """Send one request and account for its answer."""
        self.ledger.send(kind)
        await connection.send(request)
        self.ledger.answer(kind, expected=expected, got=await connection.reply())

    async def short(self, kind):
        """A connection for one request."""
        async with self.connection() as connection:
            request = b"GET /hello HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
            await self.ask(kind, connection, request, HELLO)
            await connection.end()

    async def keep_alive(self, kind):
        """Many requests, one after the other."""
        async with self.connection() as connection:
            for _ in range(50):
                number = random.randrange(10**6)
                expected = (200, {"id": number, "name": f"User {number}"})
                began = time.perf_counter()
                await self.ask(kind, connection, wire.get(f"/users/{number}"), expected)
                self.ledger.latencies_ms.append(1000 * (time.perf_counter() - began))
                await asyncio.sleep(0.02)

    async def pipelined(self, kind):
        """Bursts of requests in one write; answers come in their order."""
        async with self.connection() as connection:
            for _ in range(10):
                numbers = [random.randrange(10**6) for _ in range(8)]
                self.ledger.send(kind, len(numbers))
                await connection.send(b"".join(wire.get(f"/users/{each}") for each in numbers))
                for each in numbers:
                    expected = (200, {"id": each, "name": f"User {each}"})
                    self.ledger.answer(kind, expected=expected, got=await connection.reply())
                await asyncio.sleep(0.05)

    async def waits(self, kind):
        """Handlers that await."""
        async with self.connection() as connection:
            for _ in range(20):
                milliseconds = random.randrange(21)
                expected = (200, {"waited": milliseconds})
                await self.ask(kind, connection, wire.get(f"/wait/{milliseconds}"), expected)

    async def blocks(self, kind):
        """Handlers that hold a thread of the pool."""
        async with self.connection() as connection:
            for _ in range(10):
                await self.ask(kind, connection, wire.get("/block/50"), (200, {"waited": 50}))

    async def fast(self, kind):
        """A plain function that never waits, beside those that do."""
        async with self.connection() as connection:
            for _ in range(50):
                began = time.perf_counter()
                await self.ask(kind, connection, wire.get("/sync"), HELLO)
                self.ledger.latencies_ms.append(1000 * (time.perf_counter() - began))
                await asyncio.sleep(0.02)

    async def posts(self, kind):
        """Bodies: one that is right, and one that is not."""
        async with self.connection() as connection:
            for _ in range(10):
                good = wire.post("/items", json.dumps(ITEM).encode())
                await self.ask(kind, connection, good, (200, {"item": ITEM}))
                self.ledger.send(kind)
                await connection.send(wire.post("/items", b'{"name": 7}'))
                status, _ = await connection.reply()
                self.ledger.answer(kind, expected=422, got=status)
                await asyncio.sleep(0.05)

    async def slow(self, kind):
        """One byte at a time."""
        async with self.connection() as connection:
            self.ledger.send(kind)
            for byte in b"GET /hello HTTP/1.1\r\nHost: a\r\n\r\n":
                await connection.send(bytes([byte]))
                await asyncio.sleep(0.05)
            self.ledger.answer(kind, expected=HELLO, got=await connection.reply())

    async def leaves_in_head(self, kind):
        """Goes after half a head."""
        await self._leave(kind, b"GET /hello HTTP/1.1\r\nHo")

    async def leaves_in_body(self, kind):
        """Goes after half a body."""
        whole = wire.post("/items", json.dumps(ITEM).encode())
        await self._leave(kind, whole[:-10])

    async def leaves_at_once(self, kind):
        """Goes right after sending; the handler is still at work."""
        await self._leave(kind, wire.get(random.choice(["/wait/20", "/block/50", "/hello"])))

    async def resets(self, kind):
        """Goes with a reset while the handler is at work."""
        request = wire.get(random.choice(["/wait/200", "/block/50"]))
        await self._leave(kind, request, wait_s=0.02, reset=True)

    async def _leave(self, kind, data, *, wait_s=0.0, reset=False):
        async with self.connection() as connection:
            self.ledger.send(kind)
            await connection.send(data)
            await asyncio.sleep(wait_s)
            if reset:
                connection.reset()
        self.ledger.abandon(kind)
        await asyncio.sleep(0.05)


CROWD = {
    "short": (4, 0.02),
    "keep_alive": (16, 0.05),
    "pipelined": (4, 0.05),
    "waits": (12, 0.02),
    "blocks": (16, 0.02),
    "fast": (8, 0.05),
    "posts": (4, 0.05),
    "slow": (8, 0.05),
    "leaves_in_head": (2, 0.02),
    "leaves_in_body": (2, 0.02),
    "leaves_at_once": (2, 0.02),
    "resets": (2, 0.02),
}
"""Kind of client: how many at a time, and the pause between two lives in seconds."""
