"""Plain defaults of dataclasses, put into the instances that a decoder made.

The decoder leaves a plain default where the class keeps it, as a class attribute; whoever reads the
instance's own fields, as the encoder does, would not see it.
Which classes need it, and where they hold others that do, is found once for each class.
"""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

import msgspec

from spikard.anatomy import fields, is_attrs, is_structured, unwrap

__all__ = ["complete", "completing"]

T = TypeVar("T")


class _Plan(NamedTuple):
    """What is to be done with the instances of a class."""

    template: dict[str, Any] | None
    """Its fields in order, with their plain defaults; None where nothing is missing."""
    holders: tuple[str, ...]
    """Names of the fields that may hold what has to be completed."""


_plans: dict[type, _Plan | None] = {}


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
    kind = type(value)
    if kind is list or kind is tuple:
        for item in value:
            complete(item)
        return
    if kind is dict:
        for item in value.values():
            complete(item)
        return
    try:
        plan = _plans[kind]
    except KeyError:
        plan = _plans[kind] = _plan(kind)
    if plan is None:
        if isinstance(value, tuple | set | frozenset):
            for item in value:
                complete(item)
        return
    if plan.template is not None:
        own = value.__dict__
        if len(own) < len(plan.template):
            # Past a frozen class's own refusal: the instance is still in the making.
            object.__setattr__(value, "__dict__", plan.template | own)
    for name in plan.holders:
        complete(getattr(value, name))


def _plan(kind: type) -> _Plan | None:
    if not is_structured(kind) or hasattr(kind, "__pydantic_validator__"):
        return None
    is_dataclass = dataclasses.is_dataclass(kind)
    if not is_dataclass and not is_attrs(kind) and not issubclass(kind, msgspec.Struct):
        return None
    names: tuple[str, ...]
    if issubclass(kind, msgspec.Struct):
        names = kind.__struct_fields__
    else:
        names = tuple(field.name for field in fields(kind))
    reaching = (
        name
        for name, field in zip(names, fields(kind), strict=True)
        if _reaches_defaults(field.annotation, set())
    )
    template = None
    if is_dataclass and "__slots__" not in kind.__dict__:
        members = dataclasses.fields(kind)
        template = {field.name: field.default for field in members}
    return _Plan(template, tuple(reaching))


def _reaches_defaults(annotation: Any, seen: set[int]) -> bool:
    """Whether values of a type may hold a dataclass with plain defaults."""
    kind, _ = unwrap(annotation)
    if isinstance(kind, TypeVar):
        return True
    if id(kind) in seen:
        return False
    seen.add(id(kind))
    origin = typing.get_origin(kind) or kind
    inner = list(typing.get_args(kind))
    if is_structured(kind) and not hasattr(origin, "__pydantic_validator__"):
        if dataclasses.is_dataclass(origin) and _has_plain_default(origin):
            return True
        inner += [field.annotation for field in fields(kind)]
    return any(_reaches_defaults(item, seen) for item in inner)


def _has_plain_default(kind: Any) -> bool:
    """Whether a dataclass has plain defaults, and instances that keep their fields in a dict."""
    if "__slots__" in kind.__dict__:
        return False
    return any(field.default is not dataclasses.MISSING for field in dataclasses.fields(kind))
