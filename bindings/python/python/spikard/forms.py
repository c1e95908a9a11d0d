"""Forms: one class of all fields, a parameter for each field, or whatever a request holds.

The engine converts and judges a form and hands it over as one JSON object; here that object becomes
what the annotations name.
Knows nothing of how forms are encoded.
"""

from __future__ import annotations

import typing
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import msgspec

from spikard import anatomy, decoding
from spikard import schema as schemas
from spikard.params import Marker
from spikard.problem import HttpProblem
from spikard.upload import UploadFile

__all__ = ["Fields", "file_members", "of_body", "whole", "with_files"]

ABSENT: Any = object()
_decode = msgspec.json.decode


def whole(
    annotation: Any, limits: Mapping[str, Any], schema: Mapping[str, Any] | None
) -> tuple[dict[str, Any], Callable[[bytes], Any]]:
    """Return the document and the decoder of a form that is one value. Raises TypeError."""
    document = {
        "media": "form",
        "schema": schema or schemas.body_schema(annotation, limits),
    }
    return document, decoding.body_decoder(annotation, is_judged=not schema)


class FileMember(NamedTuple):
    """A member of a form's class that is a file, or a list of files."""

    name: str
    """As the class has it in JSON."""
    rule: dict[str, Any]
    """What the engine is to ask of it."""


def file_members(annotation: Any) -> list[FileMember]:
    """Return the members of a form's class that are files; none of a class that JSON lists."""
    if not anatomy.is_structured(annotation) or anatomy.is_pydantic(annotation):
        return []
    if anatomy.is_positional(annotation):
        return []
    found = []
    for member in anatomy.fields(annotation):
        kind, notes = anatomy.unwrap(member.annotation)
        kind, inner_notes = anatomy.unwrap(anatomy.without_none(kind)[0])
        as_list = anatomy.is_list(kind)
        if (*typing.get_args(kind), kind)[0] is not UploadFile:
            continue
        markers = [note for note in (*notes, *inner_notes) if isinstance(note, Marker)]
        alias = next((marker.alias for marker in markers if marker.alias), member.name)
        rule = {
            **(markers[0].rule if markers else {}),
            "name": alias,
            "required": member.required,
            "multiple": as_list,
        }
        found.append(FileMember(member.name, rule))
    return found


def with_files(
    annotation: Any,
    members: list[FileMember],
    limits: Mapping[str, Any],
    schema: Mapping[str, Any] | None,
) -> tuple[dict[str, Any], Callable[[bytes, list[UploadFile]], Any]]:
    """Return the document of a form whose class has files, and what makes it. Raises TypeError."""
    names = frozenset(member.name for member in members)
    document = {
        "media": "form",
        "schema": schema or schemas.form_schema(annotation, limits, names),
    }
    convert = decoding.parameter_converter(annotation, is_judged=not schema)

    def make(body: bytes, uploads: list[UploadFile]) -> Any:
        values = _decode(body)
        for name, rule in members:
            files = [upload for upload in uploads if upload.name == rule["name"]]
            # A text under a file's name is none.
            values.pop(name, None)
            if files:
                values[name] = files if rule["multiple"] else files[-1]
        return values if convert is None else convert(values)

    return document, make


class Fields:
    """The fields of a form that a handler takes one by one."""

    __slots__ = ("document",)

    def __init__(self) -> None:
        """Begin without fields."""
        self.document: dict[str, Any] = {
            "media": "form",
            "required": False,
            "schema": {"type": "object", "properties": {}, "required": []},
        }

    def add(
        self,
        name: str,
        schema: Mapping[str, Any],
        converter: Callable[[Any], Any] | None,
        default: tuple[bool, Any] | None,
    ) -> Callable[[dict[str, Any]], Any]:
        """Add a field; return what takes its value from the fields. Raises TypeError."""
        whole = self.document["schema"]
        if name in whole["properties"]:
            raise TypeError(f"reads the form field '{name}', which another parameter reads too")
        own = dict(schema)
        definitions = own.pop("$defs", None)
        if definitions:
            whole.setdefault("$defs", {}).update(definitions)
        whole["properties"][name] = own
        if default is None:
            whole["required"].append(name)
            self.document["required"] = True

        def take(fields: dict[str, Any]) -> Any:
            value = fields.get(name, ABSENT)
            if value is ABSENT and default is not None:
                return default[1]() if default[0] else default[1]
            return value if converter is None else converter(value)

        return take


def of_body(document: str | None, body: bytes, uploads: list[UploadFile]) -> dict[str, Any]:
    """Return the fields of a request's form, with its files under their names.

    `document` is the engine's reading of the body; None if the body was read when it arrived, and
    is the object of its fields by now. Raises HttpProblem for a body that is no form.
    """
    if document is None:
        fields: dict[str, Any] = _decode(body) if body else {}
        files = uploads
    else:
        read = _decode(document)
        if "problem" in read:
            raise HttpProblem(**read["problem"])
        fields = read["fields"]
        files = [_file(body, **told) for told in read["files"]]
    for file in files:
        known = fields.get(file.name, ABSENT)
        if known is ABSENT:
            fields[file.name] = file
        else:
            fields[file.name] = [*(known if isinstance(known, list) else [known]), file]
    return fields


def _file(
    body: bytes,
    name: str,
    filename: str,
    content_type: str | None,
    headers: str,
    start: int,
    size: int,
) -> UploadFile:
    content = body[start : start + size]
    return UploadFile(name, filename, content_type or "", headers, size, content)
