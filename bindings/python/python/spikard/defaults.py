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

from spikard.anatomy import fields, is_structured, unwrap

T = typing.TypeVar("T")


def completing(annotation: Any, decode: Callable[[T], Any]) -> Callable[[T], Any]:
    """Return the decoder, completed where its values can hold dataclasses with plain defaults."""
    if not _reaches_defaults(annotation, set()):
        return decode

    def decode_completely(data: T) -> Any:
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
            if hasattr(value, field.name):
                complete(getattr(value, field.name))
    else:
        for field in getattr(type(value), "__attrs_attrs__", ()):
            complete(getattr(value, field.name))


def _reaches_defaults(annotation: Any, seen: set[int]) -> bool:
    kind, _ = unwrap(annotation)
    if id(kind) in seen:
        return False
    seen.add(id(kind))
    origin = typing.get_origin(kind) or kind
    inner = list(typing.get_args(kind))
    if is_structured(kind) and not hasattr(origin, "__pydantic_validator__"):
        if dataclasses.is_dataclass(origin) and any(map(_is_plain_default, _kept(origin))):
            return True
        inner += [field.annotation for field in fields(kind)]
    return any(_reaches_defaults(item, seen) for item in inner)


def _kept(kind: Any) -> tuple[dataclasses.Field[Any], ...]:
    """Return the fields of a dataclass whose instances keep them in a dict."""
    return () if "__slots__" in kind.__dict__ else dataclasses.fields(kind)


def _is_plain_default(field: dataclasses.Field[Any]) -> bool:
    return field.default is not dataclasses.MISSING
