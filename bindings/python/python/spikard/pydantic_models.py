"""pydantic's types: their schemas, and what makes their values.

pydantic is imported only where a type of it is met, so it is there already.
Knows nothing of how refusals are told.
"""

from __future__ import annotations

import dataclasses
import functools
import importlib
import typing
from collections.abc import Callable
from typing import Any

import msgspec

from spikard.anatomy import is_pydantic, unwrap

__all__ = ["from_json", "from_value", "schema", "takes", "writes", "written_schema"]


def takes(annotation: Any) -> bool:
    """Whether pydantic is to read a type: one of its own, or made of such."""
    return _reaches(annotation) and _adapter_or_none(annotation) is not None


def _reaches(annotation: Any) -> bool:
    if is_pydantic(annotation):
        return True
    kind, _ = unwrap(annotation)
    return any(map(_reaches, typing.get_args(kind)))


def from_json(annotation: Any) -> Callable[[bytes], Any]:
    """Return what makes a value from JSON bytes. Raises pydantic's ValidationError."""
    return typing.cast("Callable[[bytes], Any]", _adapter(annotation).validate_json)


def from_value(annotation: Any) -> Callable[[Any], Any]:
    """Return what makes a value from a plain one, as if that were JSON."""
    validate, encode = _adapter(annotation).validate_json, msgspec.json.encode
    return lambda value: validate(encode(value))


def schema(annotation: Any) -> dict[str, Any]:
    """Return the JSON Schema of what pydantic takes; where only its code can judge, of anything."""
    generator = _generator()
    return typing.cast(
        "dict[str, Any]", _adapter(annotation).json_schema(schema_generator=generator)
    )


def writes(kind: Any) -> bool:
    """Whether pydantic writes the instances of a class; its dataclasses are written as any."""
    return hasattr(kind, "__pydantic_serializer__") and not dataclasses.is_dataclass(kind)


def written_schema(kind: Any) -> dict[str, Any]:
    """Return the JSON Schema of what pydantic writes; where only its code knows, of anything."""
    generator = _generator()
    return typing.cast(
        "dict[str, Any]",
        _adapter(kind).json_schema(mode="serialization", schema_generator=generator),
    )


def _adapter(annotation: Any) -> Any:
    adapter = _adapter_or_none(annotation)
    if adapter is None:
        raise TypeError(f"is {annotation!r}, which pydantic does not read")
    return adapter


def _adapter_or_none(annotation: Any) -> Any:
    """Return pydantic's reader of a type, unless the type holds what is not pydantic's to read."""
    pydantic = importlib.import_module("pydantic")
    try:
        return pydantic.TypeAdapter(annotation)
    except pydantic.errors.PydanticSchemaGenerationError:
        return None


@functools.cache
def _generator() -> Any:
    """Return pydantic's writer of schemas, made lenient where its validators see raw values."""
    base: Any = importlib.import_module("pydantic.json_schema").GenerateJsonSchema

    class Lenient(base):  # type: ignore[misc]
        """Says nothing of what validators of the user's decide before types are looked at."""

        def function_before_schema(self, schema: Any) -> Any:
            return self._after_code(schema)

        def function_wrap_schema(self, schema: Any) -> Any:
            return self._after_code(schema)

        def function_plain_schema(self, schema: Any) -> Any:
            return self._after_code(schema)

        def _after_code(self, schema: Any) -> Any:
            if self.mode == "serialization":
                return self.generate_inner(schema["schema"]) if "schema" in schema else {}
            told = schema.get("json_schema_input_schema")
            return self.generate_inner(told) if told is not None else {}

        def ser_schema(self, schema: Any) -> Any:
            """Say nothing of what a serializer of the user's makes, unless it says so itself."""
            is_code = schema["type"].startswith("function-")
            if is_code and schema.get("return_schema") is None:
                return {}
            return super().ser_schema(schema)

        def datetime_schema(self, schema: Any) -> Any:
            return self._without_format(super().datetime_schema(schema))

        def time_schema(self, schema: Any) -> Any:
            return self._without_format(super().time_schema(schema))

        def timedelta_schema(self, schema: Any) -> Any:
            return self._without_format(super().timedelta_schema(schema))

        def _without_format(self, schema: Any) -> Any:
            """Leave out a format that not all that is written has: offsets, durations below 0."""
            if self.mode == "serialization":
                schema.pop("format", None)
            return schema

        def handle_invalid_for_json_schema(self, schema: Any, error_info: str) -> Any:
            return {}

        def model_schema(self, schema: Any) -> Any:
            """Leave out members that have several names: which one is sent is pydantic's matter."""
            written = super().model_schema(schema)
            if self.mode == "serialization":
                return written
            for name in _names_with_others(schema["cls"]):
                written.get("properties", {}).pop(name, None)
                if name in written.get("required", ()):
                    written["required"].remove(name)
                if written.get("additionalProperties") is False:
                    del written["additionalProperties"]
            return written

    return Lenient


def _names_with_others(model: Any) -> list[str]:
    """Return the schema's names of fields that may be sent under other names too."""
    config = getattr(model, "model_config", {})
    by_name = config.get("populate_by_name") or config.get("validate_by_name")
    names = []
    for name, field in getattr(model, "model_fields", {}).items():
        alias = field.validation_alias
        if alias is None:
            continue
        if isinstance(alias, str):
            names += [alias] if by_name else []
        else:
            choices = getattr(alias, "choices", [alias])
            paths = [getattr(choice, "path", [choice])[0] for choice in choices]
            names += [name, *(path for path in paths if isinstance(path, str))]
    return names
