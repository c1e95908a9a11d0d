"""Clients that call an application without a server, or over a real socket if asked to.

>>> from spikard.testing import TestClient
>>> with TestClient(app) as client:
...     assert client.get("/hello").json() == {"message": "Hello, World!"}
"""

from __future__ import annotations

from spikard.testing.client import AsyncTestClient, TestClient
from spikard.testing.reply import Reply, ReplyError

__all__ = ["AsyncTestClient", "Reply", "ReplyError", "TestClient"]
