"""Plain defaults of dataclasses, put into the instances that a decoder made.

The decoder leaves a plain default where the class keeps it, as a class attribute; whoever reads the
instance's own fields, as the encoder does, would not see it.
"""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Callable
from typing import Any

import msgspec


def completing(annotation: Any, decode: Callable[[bytes], Any]) -> Callable[[bytes], Any]:
    """Return the decoder, completed where its values can hold dataclasses."""
    if not _reaches_dataclass(annotation, set()):
        return decode

    def decode_completely(data: bytes) -> Any:
        value = decode(data)
        complete(value)
        return value

    return decode_completely


def complete(value: Any) -> None:
    """Set every plain default that is missing among an instance's own fields, at any depth."""
    if isinstance(value, list | tuple | set | frozenset):
        for item in value:
            complete(item)
    elif isinstance(value, dict):
        for item in value.values():
            complete(item)
    elif isinstance(value, msgspec.Struct):
        for name in value.__struct_fields__:
            complete(getattr(value, name))
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        own = getattr(value, "__dict__", None)
        for field in dataclasses.fields(value):
            if own is not None and field.name not in own and hasattr(value, field.name):
                # Past a frozen class's own refusal: the instance is still in the making.
                object.__setattr__(value, field.name, getattr(value, field.name))
            complete(getattr(value, field.name))


def _reaches_dataclass(kind: Any, seen: set[int]) -> bool:
    if id(kind) in seen:
        return False
    seen.add(id(kind))
    if dataclasses.is_dataclass(kind):
        return True
    inner = list(typing.get_args(kind))
    if isinstance(kind, type) and (issubclass(kind, msgspec.Struct) or typing.is_typeddict(kind)):
        inner += typing.get_type_hints(kind).values()
    return any(_reaches_dataclass(item, seen) for item in inner)
