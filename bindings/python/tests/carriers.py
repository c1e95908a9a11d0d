"""The ways to carry a request to an application under test: in process, and over each engine."""

from __future__ import annotations

from typing import Any

import pytest

from spikard import Spikard
from spikard.testing import TestClient

CARRIERS = pytest.mark.parametrize(
    "carrier",
    [
        {"transport": "inject"},
        {"transport": "socket", "engine": "epoll"},
        {"transport": "socket", "engine": "io_uring"},
    ],
    ids=["inject", "epoll", "io_uring"],
)


def opened(app: Spikard, carrier: dict[str, Any]) -> TestClient:
    try:
        return TestClient(app, **carrier)
    except OSError as error:
        if carrier.get("engine") != "io_uring":
            raise
        pytest.skip(f"no io_uring here: {error}")
