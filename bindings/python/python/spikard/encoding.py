"""JSON out: one encoder for everything that a handler returns.

msgspec writes what it knows (dict, list, Struct, dataclass, datetime, UUID, Enum, Decimal, ...);
objects with `model_dump` (pydantic) are asked for plain values.
Knows nothing of replies.
"""

from __future__ import annotations

import inspect
from typing import Any

import msgspec

__all__ = ["encode"]


def _plain(value: Any) -> Any:
    """Turn an object that msgspec does not know into one it does."""
    dump = getattr(value, "model_dump", None)
    if callable(dump):
        return dump(mode="json")
    if inspect.iscoroutine(value):
        value.close()
        raise TypeError("the handler returned a coroutine: make it `async def` and await it")
    raise TypeError(f"a {type(value).__name__} cannot be written as JSON")


encode = msgspec.json.Encoder(enc_hook=_plain).encode
"""Return a value as compact JSON bytes. Raises TypeError for what has no JSON form."""
