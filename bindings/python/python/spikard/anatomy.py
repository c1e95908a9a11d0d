"""Annotations taken apart: what a type is, what was noted about it, and the fields of classes.

Knows nothing of JSON, sources or handlers. Never imports pydantic or attrs: their classes are known
by what they carry.
"""

from __future__ import annotations

import collections.abc
import dataclasses
import inspect
import sys
import types
import typing
from collections.abc import Iterator, Mapping
from pathlib import PurePath
from typing import Annotated, Any, Generic, NamedTuple, TypeVar, Union

import msgspec

from spikard.params import LIMITS

__all__ = [
    "DICTS",
    "LISTS",
    "Field",
    "branches",
    "fields",
    "has_validator",
    "holds_validator",
    "is_attrs",
    "is_class",
    "is_document",
    "is_list",
    "is_mixed_tuple",
    "is_named_tuple",
    "is_path",
    "is_pydantic",
    "is_structured",
    "is_typed_dict",
    "limits_of",
    "unwrap",
    "without_none",
]

# Words around the type of a TypedDict's key, and around those of dataclasses.
QUALIFIERS = ("Required", "NotRequired", "ReadOnly", "Final")

LISTS = (
    list,
    set,
    frozenset,
    tuple,
    collections.abc.Sequence,
    collections.abc.MutableSequence,
    collections.abc.Collection,
    collections.abc.Set,
    collections.abc.MutableSet,
)
DICTS = (dict, collections.abc.Mapping, collections.abc.MutableMapping)


class Field(NamedTuple):
    """One named member of a class."""

    name: str
    """As in JSON."""
    annotation: Any
    required: bool


def unwrap(annotation: Any) -> tuple[Any, tuple[Any, ...]]:
    """Take `Annotated`, `NewType` and `type` aliases off; return the type and what was noted."""
    notes: tuple[Any, ...] = ()
    while True:
        origin = typing.get_origin(annotation)
        if origin is Annotated:
            notes += annotation.__metadata__
            annotation = annotation.__origin__
        elif hasattr(annotation, "__supertype__"):
            annotation = annotation.__supertype__
        elif type(annotation).__name__ == "TypeAliasType":
            annotation = annotation.__value__
        elif type(origin).__name__ == "TypeAliasType":
            known = zip(origin.__type_params__, typing.get_args(annotation), strict=False)
            annotation = _substitute(origin.__value__, dict(known))
        elif getattr(origin, "_name", None) in QUALIFIERS:
            annotation = typing.get_args(annotation)[0]
        else:
            return annotation, notes


def branches(annotation: Any) -> list[Any]:
    """Return what a type may be: the branches of a union, or the type itself."""
    kind, _ = unwrap(annotation)
    if typing.get_origin(kind) in (Union, types.UnionType):
        return list(typing.get_args(kind))
    return [kind]


def without_none(annotation: Any) -> tuple[Any, bool]:
    """Return a type without its None, and whether it had one."""
    found = branches(annotation)
    rest = [branch for branch in found if branch is not type(None)]
    if len(rest) == len(found) or not rest:
        return annotation, False
    return Union[tuple(rest)], True


def limits_of(notes: tuple[Any, ...]) -> dict[str, Any]:
    """Return the limits among what an annotation notes; of several for one thing, the first.

    Raises TypeError for a note that only code can check.
    """
    limits: dict[str, Any] = {}
    for note in _flat(notes):
        if hasattr(note, "func") and type(note).__module__.startswith("annotated_types"):
            raise TypeError(
                "has a predicate, which is checked nowhere; register_decoder() a class of your own"
            )
        for name in LIMITS:
            limit = getattr(note, name, None)
            if limit is not None:
                limits.setdefault(name, limit)
    return limits


def _flat(notes: tuple[Any, ...]) -> Iterator[Any]:
    """Return notes, with those that pydantic's `Field` keeps."""
    for note in notes:
        yield note
        if type(note).__module__.startswith("pydantic"):
            yield from getattr(note, "metadata", ())


def is_class(kind: Any) -> bool:
    """Whether a type is a class, not one with arguments; Python 3.10 takes `list[int]` for one."""
    return isinstance(kind, type) and typing.get_origin(kind) is None


def is_structured(kind: Any) -> bool:
    """Whether a type is a class with named fields: Struct, dataclass, TypedDict, pydantic, ..."""
    kind = typing.get_origin(kind) or kind
    return is_class(kind) and (
        issubclass(kind, msgspec.Struct)
        or dataclasses.is_dataclass(kind)
        or is_typed_dict(kind)
        or is_named_tuple(kind)
        or is_attrs(kind)
        or hasattr(kind, "__pydantic_validator__")
    )


def is_document(kind: Any) -> bool:
    """Whether a type can only be meant as a JSON body: also dicts, and lists of such."""
    found = [unwrap(branch)[0] for branch in branches(kind) if branch is not type(None)]
    return any(
        is_structured(branch)
        or branch in (dict, Any)
        or typing.get_origin(branch) in DICTS
        or any(map(is_document, _items(branch)))
        for branch in found
    )


def _items(kind: Any) -> list[Any]:
    """Return the types of the items of a list, set or tuple."""
    if is_list(kind):
        return [argument for argument in typing.get_args(kind) if argument is not ...]
    return []


def is_list(kind: Any) -> bool:
    """Whether a type is a list, set or tuple of some type."""
    return typing.get_origin(kind) in LISTS


def is_mixed_tuple(annotation: Any) -> bool:
    """Whether a type is a tuple of a fixed length, with items of several types."""
    kind, _ = unwrap(without_none(annotation)[0])
    arguments = typing.get_args(kind)
    return (
        typing.get_origin(kind) is tuple
        and ... not in arguments
        and any(argument != arguments[0] for argument in arguments)
    )


def is_typed_dict(kind: Any) -> bool:
    """Whether a type is a TypedDict, of whichever module."""
    return is_class(kind) and issubclass(kind, dict) and hasattr(kind, "__required_keys__")


def is_named_tuple(kind: Any) -> bool:
    """Whether a type is a NamedTuple."""
    return is_class(kind) and issubclass(kind, tuple) and hasattr(kind, "_fields")


def is_attrs(kind: Any) -> bool:
    """Whether a type is an attrs class."""
    return is_class(kind) and "__attrs_attrs__" in kind.__dict__


def is_path(kind: Any) -> bool:
    """Whether a type is one of pathlib."""
    return is_class(kind) and issubclass(kind, PurePath)


def is_pydantic(annotation: Any) -> bool:
    """Whether a type is pydantic's, or is annotated with one of its validators."""
    kind, _ = unwrap(annotation)
    kind = typing.get_origin(kind) or kind
    own = ("__get_pydantic_core_schema__", "__pydantic_validator__")
    return (isinstance(kind, type) and any(hasattr(kind, name) for name in own)) or has_validator(
        annotation
    )


def has_validator(annotation: Any) -> bool:
    """Whether a type is annotated with a validator of pydantic's."""
    _, notes = unwrap(annotation)
    return any(hasattr(note, "__get_pydantic_core_schema__") for note in notes)


def holds_validator(annotation: Any) -> bool:
    """Whether a type, or one of its arguments, is annotated with a validator of pydantic's."""
    kind, _ = unwrap(annotation)
    return has_validator(annotation) or any(map(holds_validator, typing.get_args(kind)))


def is_positional(kind: Any) -> bool:
    """Whether a structured class is a list in JSON."""
    origin = typing.get_origin(kind) or kind
    config = getattr(origin, "__struct_config__", None)
    return is_named_tuple(origin) or (config is not None and config.array_like)


def fields(kind: Any) -> list[Field]:
    """Return the members of a structured class that is not pydantic's. Raises TypeError."""
    origin = typing.get_origin(kind) or kind
    hints = _hints(kind)
    if issubclass(origin, msgspec.Struct):
        return [
            Field(field.encode_name, hints[field.name], field.required)
            for field in msgspec.structs.fields(origin)
        ]
    if is_typed_dict(origin):
        return [Field(name, hint, _is_required(name, hint, origin)) for name, hint in hints.items()]
    if is_named_tuple(origin):
        defaults = origin._field_defaults
        return [Field(name, hints.get(name, Any), name not in defaults) for name in origin._fields]
    if is_attrs(origin):
        # It is imported, for a class of it is there.
        nothing = sys.modules["attr"].NOTHING
        return [
            Field(field.name, hints.get(field.name, Any), field.default is nothing)
            for field in origin.__attrs_attrs__
            if field.init
        ]
    return [
        Field(field.name, hints[field.name], _has_no_default(field))
        for field in dataclasses.fields(origin)
        if field.init
    ]


def _is_required(name: str, hint: Any, origin: Any) -> bool:
    """Whether a TypedDict must have a key; where annotations are strings, it does not know."""
    word = getattr(typing.get_origin(hint), "_name", None)
    if word in ("Required", "NotRequired"):
        return bool(word == "Required")
    return bool(name in origin.__required_keys__)


def _has_no_default(field: dataclasses.Field[Any]) -> bool:
    return field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING


def _hints(kind: Any) -> dict[str, Any]:
    """Return the annotations of a class, with strings resolved and type variables replaced."""
    origin = typing.get_origin(kind) or kind
    try:
        hints = typing.get_type_hints(origin, include_extras=True)
    except NameError as error:
        raise TypeError(
            f"holds {origin.__qualname__}, which names {error.name!r}; define or import it in the "
            f"module {origin.__module__}, where annotations of classes are looked up"
        ) from None
    replaced = dict(_generic(kind, hints))
    return {name: replaced.get(name, hint) for name, hint in hints.items()}


def _generic(kind: Any, hints: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Return the hints of generic classes with their arguments in place, base classes first."""
    origin, arguments = typing.get_origin(kind) or kind, typing.get_args(kind)
    known = dict(zip(getattr(origin, "__parameters__", ()), arguments, strict=False))
    for base in getattr(origin, "__orig_bases__", ()):
        if isinstance(typing.get_origin(base), type) and typing.get_origin(base) is not Generic:
            yield from _generic(_substitute(base, known), hints)
    for name in inspect.get_annotations(origin):
        if name in hints:
            yield name, _substitute(hints[name], known)


def _substitute(annotation: Any, known: Mapping[Any, Any]) -> Any:
    """Return an annotation with type variables replaced by what is known of them."""
    if isinstance(annotation, TypeVar):
        if annotation in known:
            return known[annotation]
        constraints = annotation.__constraints__
        return Union[constraints] if constraints else (annotation.__bound__ or Any)
    parameters = getattr(annotation, "__parameters__", ())
    if not parameters or typing.get_origin(annotation) is None:
        return annotation
    return annotation[tuple(_substitute(parameter, known) for parameter in parameters)]
