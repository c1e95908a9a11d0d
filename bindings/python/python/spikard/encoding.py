"""JSON out: one encoder for everything that a handler returns.

msgspec writes what it knows (dict, list, Struct, dataclass, attrs, datetime, UUID, Enum, Decimal,
...); pydantic's models write themselves; registered encoders say the rest.
Knows nothing of replies.
"""

from __future__ import annotations

import collections.abc
import inspect
from pathlib import PurePath
from typing import Any

import msgspec

from spikard import custom

__all__ = ["encode"]


def _plain(value: Any) -> Any:
    """Turn an object that msgspec does not know into one it does."""
    try:
        return custom.encode(value)
    except NotImplementedError:
        pass
    serializer = getattr(value, "__pydantic_serializer__", None)
    if serializer is not None:
        return msgspec.Raw(serializer.to_json(value, by_alias=True))
    if isinstance(value, PurePath):
        return str(value)
    if isinstance(value, collections.abc.Mapping):
        return dict(value)
    if isinstance(value, collections.abc.Sequence | collections.abc.Set | collections.deque):
        return list(value)
    if inspect.iscoroutine(value):
        value.close()
        raise TypeError("the handler returned a coroutine: make it `async def` and await it")
    raise TypeError(
        f"a {type(value).__name__} cannot be written as JSON; say how with register_encoder()"
    )


encode = msgspec.json.Encoder(enc_hook=_plain).encode
"""Return a value as compact JSON bytes. Raises TypeError for what has no JSON form."""
