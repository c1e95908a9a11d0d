"""Types as the engine and msgspec see them: JSON Schemas, and the functions that make values.

The engine judges with the schema; what it delivers is plain, and a converter or decoder makes the
type of the annotation from it.
Knows nothing of handlers, sources or names.
"""

from __future__ import annotations

import dataclasses
import importlib
import types
import typing
from collections.abc import Callable
from datetime import datetime, time
from functools import partial
from typing import Annotated, Any, Literal, Union

import msgspec

from spikard.defaults import completing
from spikard.params import LIMITS

__all__ = [
    "body_decoder",
    "body_schema",
    "is_document",
    "is_structured",
    "limits_of",
    "normal",
    "parameter_converter",
    "parameter_schema",
    "unwrap",
    "without_none",
]

# Values of these types arrive as they are.
PLAIN = (int, float, bool, str, dict, list, Any, type(None))


def unwrap(annotation: Any) -> tuple[Any, tuple[Any, ...]]:
    """Take `Annotated`, `NewType` and `type` aliases off; return the type and what was noted."""
    notes: tuple[Any, ...] = ()
    while True:
        if typing.get_origin(annotation) is Annotated:
            notes += annotation.__metadata__
            annotation = annotation.__origin__
        elif hasattr(annotation, "__supertype__"):
            annotation = annotation.__supertype__
        elif type(annotation).__name__ == "TypeAliasType":
            annotation = annotation.__value__
        else:
            return annotation, notes


def without_none(annotation: Any) -> tuple[Any, bool]:
    """Return a type without its None, and whether it had one."""
    branches = _branches(annotation)
    rest = [branch for branch in branches if branch is not type(None)]
    if len(rest) == len(branches) or not rest:
        return annotation, False
    return Union[tuple(rest)], True


def normal(annotation: Any, limits: dict[str, Any] | None = None) -> Any:
    """Say a type in msgspec's words: limits of other vocabularies, and RFC 3339 with offsets."""
    kind, notes = unwrap(annotation)
    limits = {**limits_of(notes), **(limits or {})}
    if kind is datetime or kind is time:
        # RFC 3339 has no times without an offset, and neither have the engine's formats.
        return Annotated[kind, msgspec.Meta(tz=True)]
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin in (Union, types.UnionType):
        return Union[tuple(normal(branch, limits) for branch in arguments)]
    if arguments and origin is not Literal and not is_structured(kind):
        kind = origin[tuple(map(_normal_argument, arguments))]
    if kind is type(None) or not limits:
        return kind
    return Annotated[kind, msgspec.Meta(**limits)]


def limits_of(notes: tuple[Any, ...]) -> dict[str, Any]:
    """Return the limits among what an annotation notes; of several for one thing, the first."""
    limits: dict[str, Any] = {}
    for note in notes:
        for name in LIMITS:
            limit = getattr(note, name, None)
            if limit is not None:
                limits.setdefault(name, limit)
    return limits


def is_structured(kind: Any) -> bool:
    """Whether a type is a class with named fields: Struct, dataclass, TypedDict, pydantic, ..."""
    kind = typing.get_origin(kind) or kind
    if not isinstance(kind, type):
        return False
    return (
        issubclass(kind, msgspec.Struct)
        or dataclasses.is_dataclass(kind)
        or typing.is_typeddict(kind)
        or (issubclass(kind, tuple) and hasattr(kind, "_fields"))
        or hasattr(kind, "__attrs_attrs__")
        or hasattr(kind, "__pydantic_validator__")
    )


def is_document(kind: Any) -> bool:
    """Whether a type can only be meant as a JSON body: also dicts, and lists of such."""
    branches = [unwrap(branch)[0] for branch in _branches(kind) if branch is not type(None)]
    return any(
        is_structured(branch)
        or branch in (dict, Any)
        or typing.get_origin(branch) is dict
        or any(map(is_document, _items(branch)))
        for branch in branches
    )


def parameter_schema(annotation: Any) -> dict[str, Any]:
    """Return the JSON Schema of a value outside the body. Raises TypeError for other types."""
    schema = msgspec.json.schema(annotation)
    definitions = schema.pop("$defs", {})
    reference = schema.pop("$ref", None)
    if reference is not None:
        schema = {**definitions[reference.rpartition("/")[2]], **schema}
    if definitions and "'$ref'" in repr(schema):
        schema["$defs"] = definitions
    return typing.cast("dict[str, Any]", _typed(schema))


def parameter_converter(annotation: Any) -> Callable[[Any], Any] | None:
    """Return what makes the annotation's value from a plain one, if they differ."""
    if _is_plain(annotation):
        return None
    return partial(msgspec.convert, type=annotation)


def body_schema(annotation: Any) -> dict[str, Any] | None:
    """Return the JSON Schema of a body, if it asks for anything. Raises TypeError."""
    if annotation is Any:
        return None
    if _is_pydantic(annotation):
        return typing.cast("dict[str, Any]", _adapter(annotation).json_schema())
    models = _models(annotation)
    if models is None:
        return msgspec.json.schema(annotation)
    schemas, definitions = msgspec.json.schema_components(models, ref_template="#/$defs/{name}")
    return {"anyOf": list(schemas), "$defs": definitions}


def body_decoder(annotation: Any) -> Callable[[bytes], Any]:
    """Return what makes the annotation's value from the bytes of a JSON body."""
    if _is_pydantic(annotation):
        return typing.cast("Callable[[bytes], Any]", _adapter(annotation).validate_json)
    models = _models(annotation)
    if models is None:
        return completing(annotation, msgspec.json.Decoder(annotation).decode)
    decoders: list[Callable[[bytes], Any]] = [
        msgspec.json.Decoder(model).decode for model in models
    ]
    return completing(annotation, partial(_first_of, decoders))


def _first_of(decoders: list[Callable[[bytes], Any]], data: bytes) -> Any:
    """Decode as the first of several models that fits."""
    refusal: Exception = msgspec.ValidationError("no model fits")
    for decode in decoders:
        try:
            return decode(data)
        except msgspec.ValidationError as error:
            refusal = error
    raise refusal


def _models(annotation: Any) -> list[Any] | None:
    """Return the branches of a union of models that msgspec cannot tell apart by itself."""
    branches = _branches(annotation)
    if sum(map(is_structured, branches)) < 2:
        return None
    try:
        msgspec.json.Decoder(annotation)
    except TypeError:
        return branches
    return None


def _branches(annotation: Any) -> list[Any]:
    """Return what a type may be: the branches of a union, or the type itself."""
    kind, _ = unwrap(annotation)
    if typing.get_origin(kind) in (Union, types.UnionType):
        return list(typing.get_args(kind))
    return [kind]


def _items(kind: Any) -> list[Any]:
    """Return the types of the items of a list, set or tuple."""
    if typing.get_origin(kind) in (list, set, frozenset, tuple):
        return [argument for argument in typing.get_args(kind) if argument is not ...]
    return []


def _normal_argument(argument: Any) -> Any:
    return argument if argument is ... else normal(argument)


def _is_plain(annotation: Any) -> bool:
    """Whether the engine's value is the annotation's already."""
    kind, _ = unwrap(annotation)
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin is Literal:
        return True
    if origin in (list, dict, Union, types.UnionType):
        return all(map(_is_plain, arguments))
    return kind in PLAIN


def _is_pydantic(annotation: Any) -> bool:
    kind, _ = unwrap(annotation)
    return hasattr(kind, "__pydantic_validator__") or any(map(_is_pydantic, typing.get_args(kind)))


def _adapter(annotation: Any) -> Any:
    """Return pydantic's own reader; pydantic is there, for a class of it is."""
    return importlib.import_module("pydantic").TypeAdapter(annotation)


def _typed(schema: Any) -> Any:
    """Give every `enum` its type: outside bodies the engine converts text by it."""
    if isinstance(schema, list):
        return [_typed(entry) for entry in schema]
    if not isinstance(schema, dict):
        return schema
    typed = {key: _typed(entry) for key, entry in schema.items() if key != "enum"}
    if "enum" in schema:
        typed["enum"] = schema["enum"]
        names = {JSON_TYPES[type(value)] for value in schema["enum"] if type(value) in JSON_TYPES}
        typed.setdefault("type", names.pop() if len(names) == 1 else sorted(names))
    return typed


JSON_TYPES: dict[type, str] = {bool: "boolean", float: "number", int: "integer", str: "string"}
