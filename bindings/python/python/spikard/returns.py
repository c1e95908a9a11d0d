"""Types as JSON Schemas of what is written for them: what the engine judges replies by.

They ask for less than those of bodies where more is written than is read: datetimes without an
offset, Decimals as text, whatever a registered encoder makes.
Knows nothing of routes, or of how values are written.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from datetime import datetime, time, timedelta
from typing import Any

import msgspec

from spikard import anatomy, pydantic_models
from spikard.response import Response
from spikard.schema import Schema, Writer

__all__ = ["annotated_schema", "given_schema"]

# Times without an offset and durations below zero are written as well.
MOMENTS: dict[Any, Schema] = {
    datetime: {"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d"},
    time: {"type": "string", "pattern": r"^\d\d:\d\d:\d\d"},
    timedelta: {"type": "string", "pattern": r"^-?P"},
}


def annotated_schema(annotation: Any) -> Schema | None:
    """Return the JSON Schema of a return annotation, None where it promises nothing.

    An annotation is not written for a schema, so one that none can be made of is no mistake.
    """
    if annotation is type(None) or any(map(_is_response, anatomy.branches(annotation))):
        return None
    try:
        schema = _written(annotation)
        msgspec.json.encode(schema)
        return schema
    except Exception:
        # Other libraries' types have errors of their own.
        return None


def given_schema(given: Any) -> Mapping[str, Any] | None:
    """Return the JSON Schema that a route is given, itself or as a type.

    Raises TypeError with the end of a sentence.
    """
    if given is None or isinstance(given, Mapping):
        return given
    schema = _written(given)
    if schema is None and given not in (Any, object):
        raise TypeError(f"is {given!r}, no JSON Schema, and no type that one can be made of")
    return schema


def _written(annotation: Any) -> Schema | None:
    return _ReplyWriter().document(annotation, {}) or None


def _is_response(kind: Any) -> bool:
    """Whether a result of this type says itself what its content is."""
    kind, _ = anatomy.unwrap(kind)
    return anatomy.is_class(kind) and issubclass(kind, Response)


class _ReplyWriter(Writer):
    """Writes schemas of what is written."""

    def foreign(self, annotation: Any, kind: Any) -> Schema | None:
        if not pydantic_models.writes(kind):
            return None
        return self.adopted(pydantic_models.written_schema(kind), kind)

    def registered(self, kind: Any) -> Mapping[str, Any] | None:
        """Return None: what is registered for a type is how it is read."""
        return None

    def bare(self, kind: Any, is_limited: bool = False) -> Schema:
        try:
            moment = MOMENTS.get(kind) if anatomy.is_class(kind) else None
            return super().bare(kind) if moment is None else dict(moment)
        except TypeError:
            # An encoder, or nobody, knows what is written for it.
            return {}

    def is_required(self, member: anatomy.Field, kind: Any) -> bool:
        if msgspec.UnsetType in anatomy.branches(member.annotation):
            return False
        is_hidden = member.name.startswith("_") and (
            anatomy.is_attrs(kind) or dataclasses.is_dataclass(kind)
        )
        return member.required and not is_hidden
