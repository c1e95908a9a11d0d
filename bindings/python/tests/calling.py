"""What suites of handlers share: one handler served and called, and classes of values.

Knows nothing of single tests.
"""

from __future__ import annotations

import dataclasses
import enum
from typing import Any

import msgspec

from spikard import Spikard
from spikard.testing import TestClient


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Item(msgspec.Struct):
    name: str
    price: float = 0.0


@dataclasses.dataclass
class Point:
    x: int
    y: int = 0


def call(
    handler: Any, path: str = "/", route: str = "/", method: str = "GET", **options: Any
) -> Any:
    """Serve one handler, call it once, and return the reply."""
    app = Spikard()
    app.route(route, method)(handler)
    with TestClient(app) as client:
        return client.request(method, path, **options)
