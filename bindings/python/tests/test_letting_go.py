"""Workers end on the thread of their loop, whoever else is about when they do."""

from __future__ import annotations

import gc
import sys
import threading
import time
from typing import Any

import pytest

from spikard import Spikard
from spikard.testing import TestClient


def test_a_thread_that_wakes_the_loop_does_not_hold_the_worker(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    complaints: list[str] = []
    monkeypatch.setattr(sys, "unraisablehook", lambda told: complaints.append(str(told.exc_value)))
    app = Spikard()
    slow = threading.Event()

    @app.get("/", blocking=True)
    def handler() -> int:
        return 7

    client = TestClient(app)
    wake = client._loop.call_soon_threadsafe

    def call_soon_threadsafe(callback: Any, *arguments: Any, **keywords: Any) -> Any:
        handle = wake(callback, *arguments, **keywords)
        # What Python calls a thread that is not its own.
        if threading.current_thread().name.startswith("Dummy"):
            # The client has its reply and ends before the thread goes on.
            time.sleep(0.3)
            slow.set()
        return handle

    monkeypatch.setattr(client._loop, "call_soon_threadsafe", call_soon_threadsafe)
    assert client.get("/").json() == 7
    client.close()
    assert not slow.is_set()
    del client
    assert slow.wait(5)
    time.sleep(0.05)
    gc.collect()
    assert complaints == []
