"""Which types the decoder judges as strictly as the engine does by their schema.

Such a body is judged once: by the decoder that makes its value. Only when that refuses is the
engine asked for the rows, so a client sees the same answer. What is listed here was compared with
the schema keyword by keyword; of everything else the schema is judged first.
Knows nothing of HTTP.
"""

from __future__ import annotations

import typing
from typing import Any, Literal

import msgspec

from spikard import custom
from spikard.anatomy import branches, is_class, unwrap

__all__ = ["decides"]

SCALARS = (str, int, float, bool, type(None))

# Bounds that both compare alike: numbers as floats, lengths in characters and items. Patterns are
# of two dialects, and multiples are computed in two ways.
BOUNDS = ("gt", "ge", "lt", "le", "min_length", "max_length")
# What a note may say beside them; it says nothing about values.
WORDS = ("title", "description", "examples", "extra")


def decides(annotation: Any) -> bool:
    """Whether the strict decoder refuses every JSON text that the annotation's schema refuses."""
    return _decides(annotation, set())


def _decides(annotation: Any, seen: set[Any]) -> bool:
    kind, notes = unwrap(annotation)
    if not all(map(_is_plain_note, notes)):
        return False
    if kind in SCALARS:
        return True
    if custom.schema_of(kind) is not None:
        return False
    if typing.get_origin(kind) is Literal:
        return all(type(value) is str for value in typing.get_args(kind))
    ways = branches(kind)
    if len(ways) > 1:
        # With null at most: of others the decoder may take another way than the schema.
        rest = [way for way in ways if way is not type(None)]
        return not notes and len(rest) == 1 and _decides(rest[0], seen)
    if typing.get_origin(kind) is list:
        return _decides(typing.get_args(kind)[0], seen)
    if is_class(kind) and issubclass(kind, msgspec.Struct):
        return _decides_struct(kind, seen)
    return False


def _decides_struct(kind: type[msgspec.Struct], seen: set[Any]) -> bool:
    if kind in seen:
        return True
    seen.add(kind)
    config = kind.__struct_config__
    if config.array_like or config.tag is not None:
        return False
    try:
        fields = msgspec.structs.fields(kind)
    except (NameError, TypeError):
        # An annotation that cannot be read here is told of elsewhere.
        return False
    return all(_decides(field.type, seen) for field in fields)


def _is_plain_note(note: Any) -> bool:
    if not isinstance(note, msgspec.Meta):
        return False
    said = {name for name in dir(note) if not name.startswith("_")}
    return all(
        getattr(note, name) is None for name in said if name not in BOUNDS and name not in WORDS
    )
