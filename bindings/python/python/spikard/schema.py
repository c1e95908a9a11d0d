"""Types as JSON Schemas: what the engine judges values by.

Whatever a schema can say is said here, so that one answer lists every fault of a request; what it
cannot say is found when the value is made.
Knows nothing of handlers or sources, or of how values are made.
"""

from __future__ import annotations

import enum
import re
import typing
from collections.abc import Callable, Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, Literal, TypeVar
from uuid import UUID

import msgspec

from spikard import anatomy, custom, pydantic_models
from spikard.anatomy import DICTS, LISTS, branches, is_structured, limits_of, unwrap

__all__ = ["Schema", "Writer", "body_schema", "group_schemas", "parameter_schema"]

Schema = dict[str, Any]

SIMPLE: dict[Any, Schema] = {
    Any: {},
    object: {},
    type(None): {"type": "null"},
    bool: {"type": "boolean"},
    int: {"type": "integer"},
    float: {"type": "number"},
    str: {"type": "string"},
    datetime: {"type": "string", "format": "date-time"},
    date: {"type": "string", "format": "date"},
    time: {"type": "string", "format": "time"},
    timedelta: {"type": "string", "format": "duration"},
    UUID: {"type": "string", "format": "uuid"},
    bytes: {"type": "string", "contentEncoding": "base64"},
    bytearray: {"type": "string", "contentEncoding": "base64"},
}
# Neither NaN nor infinities, which JSON cannot say either, nor an exponent that fills the memory of
# whoever makes an integer of it.
DECIMAL_PATTERN = r"^[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,4})?$"

NUMBER_LIMITS = {
    "gt": "exclusiveMinimum",
    "ge": "minimum",
    "lt": "exclusiveMaximum",
    "le": "maximum",
    "multiple_of": "multipleOf",
}
LIMITS_OF: dict[str, dict[str, str]] = {
    "integer": NUMBER_LIMITS,
    "number": NUMBER_LIMITS,
    "string": {"min_length": "minLength", "max_length": "maxLength", "pattern": "pattern"},
    "array": {"min_length": "minItems", "max_length": "maxItems"},
    "object": {"min_length": "minProperties", "max_length": "maxProperties"},
}
JSON_TYPES: dict[type, str] = {
    bool: "boolean",
    float: "number",
    int: "integer",
    str: "string",
    type(None): "null",
}


def body_schema(annotation: Any, limits: Mapping[str, Any]) -> Schema | None:
    """Return the JSON Schema of a body, if it asks for anything. Raises TypeError."""
    if pydantic_models.takes(annotation):
        return _limited(pydantic_models.schema(annotation), limits)
    return Writer().document(annotation, limits) or None


def form_schema(annotation: Any, limits: Mapping[str, Any], files: frozenset[str]) -> Schema | None:
    """Return the JSON Schema of a form's texts: of a class, but of its members that are files."""

    class TextWriter(Writer):
        """Leaves out the files of the form's own class."""

        def members(self, kind: Any) -> list[anatomy.Field]:
            members = super().members(kind)
            if kind is not form:
                return members
            return [member for member in members if member.name not in files]

    form, _ = unwrap(anatomy.without_none(annotation)[0])
    return TextWriter().document(annotation, limits) or None


def parameter_schema(annotation: Any, limits: Mapping[str, Any]) -> Schema:
    """Return the JSON Schema of a value outside the body. Raises TypeError for other types."""
    if pydantic_models.takes(annotation):
        return _limited(_flat(pydantic_models.schema(annotation)), limits)
    return _flat(Writer(textual=True).document(annotation, limits))


def group_schemas(annotation: Any) -> dict[str, tuple[Schema, bool]]:
    """Return, for each member of a structured class, its JSON Schema and whether it is required."""
    schema = parameter_schema(annotation, {})
    definitions = schema.get("$defs")
    required = schema.get("required", ())
    group = {}
    for name, member in schema.get("properties", {}).items():
        alone = _without_null(member)
        if definitions and "'$ref'" in repr(alone):
            alone = {**alone, "$defs": definitions}
        group[name] = (_flat(alone), name in required)
    return group


def _without_null(schema: Schema) -> Schema:
    """Return a schema without a branch for null: outside the body that is absence."""
    rest = [branch for branch in schema.get("anyOf", ()) if branch != {"type": "null"}]
    rest_of_it = {key: value for key, value in schema.items() if key not in ("anyOf", "default")}
    return {**rest_of_it, **rest[0]} if len(rest) == 1 else schema


def _flat(schema: Schema) -> Schema:
    """Return a schema whose own keywords say its type, not a reference."""
    schema = dict(schema)
    definitions = schema.pop("$defs", {})
    while (reference := schema.pop("$ref", None)) is not None:
        schema = {**definitions[reference.rpartition("/")[2]], **schema}
    if definitions and "'$ref'" in repr(schema):
        schema["$defs"] = definitions
    return schema


class Writer:
    """Writes one schema, and the definitions that it refers to."""

    def __init__(self, textual: bool = False) -> None:
        # Whether numbers are text, as they are outside bodies.
        self.textual = textual
        self.definitions: dict[str, Schema] = {}
        self.names: dict[Any, str] = {}

    def document(self, annotation: Any, limits: Mapping[str, Any]) -> Schema:
        """Return the schema with its definitions."""
        schema = self.of(annotation, limits)
        return {**schema, "$defs": self.definitions} if self.definitions else schema

    def of(self, annotation: Any, outer: Mapping[str, Any] = {}) -> Schema:
        """Return the schema of a type, within limits noted outside of it."""
        if type(annotation).__name__ == "TypeAliasType":
            return self.defined(annotation, lambda: self.of(annotation.__value__), outer)
        kind, notes = unwrap(annotation)
        limits = {**limits_of(notes), **outer}
        adopted = self.foreign(annotation, kind)
        if adopted is not None:
            return adopted
        options = branches(kind)
        if len(options) > 1:
            return self.union(options, limits)
        schema = self.bare(kind, any(name in NUMBER_LIMITS for name in limits))
        for note in notes:
            if isinstance(note, msgspec.Meta) and note.extra_json_schema:
                schema = {**schema, **note.extra_json_schema}
            if isinstance(note, msgspec.Meta) and note.tz is False:
                schema = {"type": "string"}
        return _limited(schema, limits)

    def foreign(self, annotation: Any, kind: Any) -> Schema | None:
        """Return the schema of a type that another library reads."""
        if pydantic_models.takes(annotation):
            return self.adopted(pydantic_models.schema(annotation), kind)
        return None

    def registered(self, kind: Any) -> Mapping[str, Any] | None:
        """Return the schema that is registered for a type."""
        return custom.schema_of(kind)

    def is_required(self, member: anatomy.Field, kind: Any) -> bool:
        """Whether a class's member is always there."""
        return member.required

    def bare(self, kind: Any, is_limited: bool = False) -> Schema:
        """Return the schema of a type without limits."""
        registered = self.registered(kind)
        if registered is not None:
            return dict(registered)
        origin, arguments = typing.get_origin(kind) or kind, typing.get_args(kind)
        if _is_hashable(kind) and kind in SIMPLE:
            return dict(SIMPLE[kind])
        if kind is Decimal:
            return self.decimal(is_limited)
        if origin is Literal:
            return _choice(list(arguments))
        if is_structured(kind):
            return self.defined(kind, lambda: self.structured(kind))
        if origin in LISTS:
            return self.sequence(origin, arguments)
        if origin in DICTS:
            return self.mapping(arguments)
        if anatomy.is_path(kind):
            return {"type": "string"}
        if isinstance(kind, TypeVar):
            return self.of(kind.__bound__ or Any)
        if anatomy.is_class(kind) and issubclass(kind, enum.Enum):
            return self.enumeration(kind)
        if custom.is_known(kind):
            return {}
        raise TypeError(
            f"is or holds {_name(kind)}, a type without a JSON form; tell how it is made with "
            f"register_decoder({_name(kind)}, ...)"
        )

    def decimal(self, is_limited: bool) -> Schema:
        """Return the schema of a Decimal: limits bind numbers, so then it has to be one."""
        if is_limited:
            return {"type": "number"}
        # Outside bodies a number would be read as a float, and lose its last digits.
        kinds = "string" if self.textual else ["number", "string"]
        return {"type": kinds, "pattern": DECIMAL_PATTERN}

    def union(self, options: list[Any], limits: Mapping[str, Any]) -> Schema:
        """Return the schema of one of several types."""
        schemas: list[Schema] = []
        for option in options:
            if option is not msgspec.UnsetType:
                schema = self.of(option)
                fitting = _fitting(schema, limits)
                schemas.append({**schema, **fitting})
        if {} in schemas:
            return {}
        return schemas[0] if len(schemas) == 1 else {"anyOf": schemas}

    def enumeration(self, kind: type[enum.Enum]) -> Schema:
        """Return the schema of an Enum: one of its values."""
        values = [member.value for member in kind]
        if issubclass(kind, enum.Flag):
            return {"type": "integer", "minimum": 0}
        if not any(all(isinstance(value, base) for value in values) for base in (int, str)):
            raise TypeError(
                f"is or holds {kind.__qualname__}; an Enum's values are either all str or all int"
            )
        return _choice(values)

    def sequence(self, origin: Any, arguments: tuple[Any, ...]) -> Schema:
        """Return the schema of a list, set or tuple."""
        if origin is tuple and arguments and arguments[-1] is not ...:
            items = [] if arguments == ((),) else [self.of(item) for item in arguments]
            length = {"minItems": len(items), "maxItems": len(items)}
            if items and all(item == items[0] for item in items):
                return {"type": "array", "items": items[0], **length}
            if self.textual:
                return {"type": "array", "items": {"type": "string"}, **length}
            return {"type": "array", "prefixItems": items, **length}
        each = self.of(arguments[0]) if arguments else {}
        return {"type": "array", "items": each} if each else {"type": "array"}

    def mapping(self, arguments: tuple[Any, ...]) -> Schema:
        """Return the schema of a dict."""
        schema: Schema = {"type": "object"}
        if not arguments:
            return schema
        values = self.of(arguments[1])
        if values:
            schema["additionalProperties"] = values
        names = self.of(arguments[0])
        if names.get("type") == "integer":
            names = {"pattern": r"^-?\d+$"}
        names = {key: value for key, value in names.items() if key != "type"}
        if names:
            schema["propertyNames"] = names
        return schema

    def defined(
        self, key: Any, write: Callable[[], Schema], limits: Mapping[str, Any] = {}
    ) -> Schema:
        """Return a reference to a definition, which is written once: it may refer to itself."""
        if key not in self.names:
            self.names[key] = name = self.free_name(_name(key))
            self.definitions[name] = {}
            self.definitions[name] = write()
        return {"$ref": f"#/$defs/{self.names[key]}"}

    def free_name(self, wanted: str) -> str:
        """Return a name that no definition has."""
        wanted = re.sub(r"\W+", "_", wanted).strip("_")
        name, number = wanted, 2
        while name in self.definitions:
            name, number = f"{wanted}_{number}", number + 1
        return name

    def members(self, kind: Any) -> list[anatomy.Field]:
        """Return the members of a class that JSON names."""
        return anatomy.fields(kind)

    def structured(self, kind: Any) -> Schema:
        """Return the schema of a class with named fields."""
        origin = typing.get_origin(kind) or kind
        members = self.members(kind)
        for member in members:
            if anatomy.holds_validator(member.annotation):
                raise TypeError(
                    f"holds {origin.__qualname__}, where '{member.name}' has a validator that only "
                    "pydantic's own classes call; make it one of them"
                )
        config = getattr(origin, "__struct_config__", None)
        if anatomy.is_positional(kind):
            return self.positional(members, config)
        properties: dict[str, Schema] = {}
        required: list[str] = []
        if config is not None and config.tag is not None:
            properties[config.tag_field] = _choice([config.tag])
            required.append(config.tag_field)
        for member in members:
            properties[member.name] = self.of(member.annotation)
            if self.is_required(member, origin):
                required.append(member.name)
        schema: Schema = {"type": "object", "properties": properties, "required": required}
        if config is not None and config.forbid_unknown_fields:
            schema["additionalProperties"] = False
        return schema

    def positional(self, members: list[anatomy.Field], config: Any) -> Schema:
        """Return the schema of a class that is a list in JSON."""
        items = [self.of(member.annotation) for member in members]
        required = sum(member.required for member in members)
        if config is not None and config.tag is not None:
            items.insert(0, _choice([config.tag]))
            required += 1
        schema: Schema = {"type": "array", "prefixItems": items, "minItems": required}
        if config is None or config.forbid_unknown_fields:
            schema["maxItems"] = len(items)
        return schema

    def adopted(self, schema: Schema, kind: Any) -> Schema:
        """Return another library's schema, its definitions among our own."""
        schema = dict(schema)
        definitions = schema.pop("$defs", {})
        if definitions:
            key = ("adopted", repr(kind))
            prefix = self.names.setdefault(key, f"{len(self.names)}.")
            for name, definition in definitions.items():
                self.definitions[prefix + name] = _moved(definition, prefix)
        return typing.cast("Schema", _moved(schema, prefix)) if definitions else schema


def _moved(schema: Any, prefix: str) -> Any:
    """Return a schema whose references lead to definitions with this before their names."""
    if isinstance(schema, list):
        return [_moved(entry, prefix) for entry in schema]
    if not isinstance(schema, dict):
        return schema
    moved = {key: _moved(value, prefix) for key, value in schema.items()}
    if isinstance(moved.get("$ref"), str):
        moved["$ref"] = moved["$ref"].replace("#/$defs/", f"#/$defs/{prefix}", 1)
    return moved


def _choice(values: list[Any]) -> Schema:
    """Return the schema of one of several values; outside bodies its type decides the reading."""
    # In this order: True is an int too.
    names = {
        next(name for kind, name in JSON_TYPES.items() if isinstance(value, kind))
        for value in values
    }
    return {"type": names.pop() if len(names) == 1 else sorted(names), "enum": values}


def _limited(schema: Schema, limits: Mapping[str, Any]) -> Schema:
    """Return a schema with limits. Raises TypeError for those that its type does not have."""
    fitting = _fitting(schema, limits)
    if schema and len(fitting) < len(limits):
        known = _limit_names(schema)
        unfit = next(name for name in limits if name not in known)
        raise TypeError(f"has a limit, {unfit!r}, that its type does not have; take it away")
    return {**schema, **fitting}


def _fitting(schema: Schema, limits: Mapping[str, Any]) -> Schema:
    """Return the limits that a schema's type has, as keywords."""
    known = _limit_names(schema)
    return {known[name]: limit for name, limit in limits.items() if name in known}


def _limit_names(schema: Schema) -> dict[str, str]:
    kinds = schema.get("type", [])
    if not schema:
        # Text, as long as nothing is said.
        return {**LIMITS_OF["string"], **LIMITS_OF["number"]}
    names: dict[str, str] = {}
    for kind in [kinds] if isinstance(kinds, str) else kinds:
        names.update(LIMITS_OF.get(kind, {}))
    return names


def _is_hashable(kind: Any) -> bool:
    try:
        hash(kind)
    except TypeError:
        return False
    return True


def _name(kind: Any) -> str:
    """Return a type's name, for definitions and messages."""
    if typing.get_args(kind) or not hasattr(kind, "__name__"):
        return repr(kind).replace("typing.", "")
    return str(kind.__name__)
