"""Where `def` handlers run: proven-fast promotion, over a real socket.

A handler that waits for a peer stays on the pool however fast the peer is, so its one slow call
does not stop the event loop; a handler that only computes moves to the loop's thread.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator

import pytest

from spikard import Spikard
from spikard.testing import TestClient

ROUND_TRIPS = 1000
STALL_S = 2.0
# Longest p99 of another route meanwhile. A stall of the loop is four times that, and a busy machine
# is not.
OTHER_S = 0.5


@pytest.fixture
def peer() -> Iterator[tuple[str, int]]:
    """A server on localhost that answers each byte at once, but waits where the byte is `s`."""
    listener = socket.create_server(("127.0.0.1", 0))

    def answer(connection: socket.socket) -> None:
        with connection:
            while byte := connection.recv(1):
                if byte == b"s":
                    time.sleep(STALL_S)
                connection.sendall(byte)

    def accept() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=answer, args=(connection,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    yield listener.getsockname()
    listener.close()


def asks(address: tuple[str, int]) -> Spikard:
    app = Spikard()
    local = threading.local()

    @app.get("/ask/{byte}")
    def ask(byte: str) -> dict[str, str | int]:
        if not hasattr(local, "peer"):
            local.peer = socket.create_connection(address)
        local.peer.sendall(byte.encode())
        return {"thread": threading.get_ident(), "said": local.peer.recv(1).decode()}

    @app.get("/compute")
    def compute() -> int:
        return threading.get_ident()

    @app.get("/other")
    async def other() -> int:
        return threading.get_ident()

    return app


def test_handler_that_waits_is_never_promoted(peer: tuple[str, int]) -> None:
    with TestClient(asks(peer), transport="socket") as client:
        threads = {client.get("/ask/f").json()["thread"] for _ in range(ROUND_TRIPS)}
        loop = client.get("/other").json()
        took: list[float] = []

        def stall() -> None:
            with socket.create_connection(("127.0.0.1", client.port)) as slow:
                slow.sendall(b"GET /ask/s HTTP/1.1\r\nhost: x\r\n\r\n")
                slow.recv(4096)

        slow = threading.Thread(target=stall)
        slow.start()
        began = time.perf_counter()
        while time.perf_counter() - began < STALL_S - 0.5:
            sent = time.perf_counter()
            assert client.get("/other").json() == loop
            took.append(time.perf_counter() - sent)
        slow.join()
    assert loop not in threads
    assert len(took) > 20
    assert sorted(took)[int(len(took) * 0.99)] < OTHER_S


def test_handler_that_computes_moves_to_the_loop(peer: tuple[str, int]) -> None:
    with TestClient(asks(peer), transport="socket") as client:
        loop = client.get("/other").json()
        assert client.get("/compute").json() != loop
        deadline = time.monotonic() + 20
        # 64 calls in a row, each short and without a wait; a busy machine may need more.
        while client.get("/compute").json() != loop:
            assert time.monotonic() < deadline, "never promoted"
