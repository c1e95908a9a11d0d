"""Values from JSON: the functions that make what annotations name, each made once.

A value was judged by its schema before, so what is refused here is what no schema can say.
Knows nothing of handlers or sources.
"""

from __future__ import annotations

import enum
import typing
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from functools import partial
from typing import Annotated, Any, Literal, Union
from uuid import UUID

import msgspec

from spikard import custom, pydantic_models
from spikard.anatomy import (
    branches,
    has_validator,
    is_class,
    is_mixed_tuple,
    is_path,
    is_pydantic,
    is_structured,
    unwrap,
)
from spikard.defaults import completing
from spikard.leniency import is_about_float, tolerant
from spikard.upload import UploadFile

__all__ = ["body_decoder", "parameter_converter"]

# Values of these types arrive as they are.
PLAIN = (int, float, bool, str, dict, list, Any, object, type(None))


def body_decoder(annotation: Any, is_judged: bool = True) -> Callable[[bytes], Any]:
    """Return what makes the annotation's value from the bytes of a JSON body.

    `is_judged` says that the value fits the schema of the annotation, and not only another one.
    Raises TypeError.
    """
    if pydantic_models.takes(annotation):
        return pydantic_models.from_json(annotation)
    readable = _readable(annotation)
    strict = msgspec.json.Decoder(readable, dec_hook=_hook).decode
    # What fits the schema has no texts in the place of numbers, which it would take as well.
    lax = msgspec.json.Decoder(readable, strict=False, dec_hook=_hook).decode
    return completing(annotation, tolerant(strict, lax if is_judged else None))


def parameter_converter(annotation: Any, is_judged: bool = True) -> Callable[[Any], Any] | None:
    """Return what makes the annotation's value from a plain one, if they differ.

    `is_judged` says that the value fits the schema of the annotation, and not only another one.
    Raises TypeError.
    """
    if _is_plain(annotation):
        return None
    if pydantic_models.takes(annotation):
        return pydantic_models.from_value(annotation)
    if is_judged and (short := _short_way(annotation)) is not None:
        return short
    return completing(annotation, _converter(annotation, is_judged))


def _converter(annotation: Any, is_judged: bool = True) -> Callable[[Any], Any]:
    """Return what makes a value of a type that msgspec reads."""
    readable = _readable(annotation)
    # Items of a mixed tuple arrive as text: a schema says one type for all values of a name.
    strict = not is_mixed_tuple(annotation)
    convert = msgspec.convert
    # msgspec analyses a type at each call, except that it remembers the fields of classes.
    holder: Any = msgspec.defstruct("Holder", [("value", readable)], array_like=True, gc=False)

    def make(value: Any) -> Any:
        try:
            return convert([value], holder, strict=strict, dec_hook=_hook).value
        except msgspec.ValidationError:
            try:
                # Once more, for a message that tells the place without the holder.
                return convert(value, readable, strict=strict, dec_hook=_hook)
            except msgspec.ValidationError as error:
                if not is_judged or not is_about_float(error):
                    raise
            return convert(value, readable, strict=False, dec_hook=_hook)

    return make


def _short_way(annotation: Any) -> Callable[[Any], Any] | None:
    """Return a function of Python's own that makes a type from what its schema admits."""
    kind, _ = unwrap(annotation)
    if custom.schema_of(kind) is not None:
        return None
    if kind is date:
        return date.fromisoformat
    if kind is Decimal:
        return Decimal
    if kind in (UUID, datetime, time, timedelta):
        # Their formats have nothing that JSON would escape.
        decode = msgspec.json.Decoder(kind).decode
        return lambda text: decode(f'"{text}"')
    if is_path(kind):
        return typing.cast("Callable[[Any], Any]", kind)
    if is_class(kind) and issubclass(kind, enum.Enum) and not issubclass(kind, enum.Flag):
        return typing.cast("Callable[[Any], Any]", kind._value2member_map_.__getitem__)
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin in (set, frozenset) and _is_plain(arguments[0]):
        return typing.cast("Callable[[Any], Any]", origin)
    return None


def _hook(kind: Any, value: Any) -> Any:
    """Make a value of a type that msgspec does not know."""
    if is_class(kind) and issubclass(kind, _StandIn):
        return kind.make(value)
    if kind is object or (kind is UploadFile and isinstance(value, UploadFile)):
        return value
    if custom.schema_of(kind) is None and is_path(kind):
        return kind(value)
    if is_pydantic(kind):
        try:
            return _model(kind)(value)
        except TypeError as error:
            # A mistake in a validator: msgspec would tell its text to the client.
            raise RuntimeError("a validator failed") from error
    return custom.decode(kind, value)


_models: dict[Any, Callable[[Any], Any]] = {}


def _model(kind: Any) -> Callable[[Any], Any]:
    """Return what makes a pydantic model inside of other types, made once."""
    if kind not in _models:
        _models[kind] = pydantic_models.from_value(kind)
    return _models[kind]


def _readable(annotation: Any) -> Any:
    """Return a type that msgspec reads: itself, or with what it does not read replaced.

    Raises TypeError where a class has a union among its fields that cannot be told apart.
    """
    kind, notes = unwrap(annotation)
    if custom.schema_of(kind) is not None:
        # Asked even where msgspec would read the type in its own way.
        return _stand_in(partial(custom.decode, kind))
    if has_validator(annotation) and pydantic_models.takes(annotation):
        return _stand_in(pydantic_models.from_value(annotation))
    options, arguments = branches(kind), typing.get_args(kind)
    origin = typing.get_origin(kind)
    if len(options) > 1:
        kind = Union[tuple(map(_readable, options))]
        if not _is_readable(kind):
            return _choice(options)
    elif arguments and origin is not Literal and not is_structured(kind):
        replaced = tuple(each if each is ... else _readable(each) for each in arguments)
        kind = origin[replaced] if replaced != arguments else kind
    for note in notes:
        # Other notes are the schema's matter.
        kind = Annotated[kind, note] if isinstance(note, msgspec.Meta) else kind
    try:
        msgspec.json.Decoder(kind, dec_hook=_hook)
    except TypeError as error:
        raise TypeError(
            f"cannot be read from JSON ({error}); change that, or give Structs in a union tags"
        ) from None
    return kind


def _is_readable(annotation: Any) -> bool:
    try:
        msgspec.json.Decoder(annotation, dec_hook=_hook)
    except TypeError:
        return False
    return True


class _Anything(type):
    """The class of stand-ins: whatever they make is what was asked for."""

    def __instancecheck__(cls, instance: object) -> bool:
        return True


class _StandIn(metaclass=_Anything):
    """Stands for a type that msgspec does not read, or not as it should."""

    make: Callable[[Any], Any]


def _stand_in(make: Callable[[Any], Any]) -> Any:
    return _Anything("StandIn", (_StandIn,), {"make": staticmethod(make)})


def _choice(options: list[Any]) -> Any:
    """Return a type whose values are those of the first option that fits."""
    rest = [option for option in options if option is not type(None)]
    readers = [
        pydantic_models.from_value(option) if pydantic_models.takes(option) else _converter(option)
        for option in rest
    ]
    kind = _stand_in(partial(_first_of, readers))
    return Union[kind, None] if len(rest) < len(options) else kind


def _first_of(readers: list[Callable[[Any], Any]], value: Any) -> Any:
    """Make a value with the first of several readers that takes it."""
    refusal: ValueError | None = None
    for read in readers:
        try:
            return read(value)
        except ValueError as error:
            # What a validator said is of more use than that a type did not fit.
            if refusal is None or refusal.__cause__ is None:
                refusal = error
    raise refusal or ValueError("no type fits")


def _is_plain(annotation: Any) -> bool:
    """Whether the engine's value is the annotation's already."""
    if custom.schema_of(annotation) is not None or is_pydantic(annotation):
        return False
    kind, _ = unwrap(annotation)
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin is Literal:
        return True
    if origin in (list, dict):
        # Keys of objects are text.
        return all(map(_is_plain, arguments)) and (origin is list or arguments[0] in (str, Any))
    if len(branches(kind)) > 1:
        return all(map(_is_plain, arguments))
    return kind in PLAIN
