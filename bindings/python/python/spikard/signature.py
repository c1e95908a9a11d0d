"""A handler's signature as the engine sees it: where each parameter is read from.

Everything is decided when the decorator runs, and what cannot be decided is refused there, with a
sentence that names the function, its place and the fix.
Knows nothing of applications, or of how values are converted.
"""

from __future__ import annotations

import functools
import inspect
import re
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from spikard import anatomy, claims, decoding, forms, judging
from spikard import schema as schemas
from spikard._native import Request
from spikard.errors import RouteError
from spikard.params import Marker, Source
from spikard.upload import UploadFile, content

__all__ = ["Options", "Signature", "describe", "read"]

Default = tuple[bool, Any]
"""What stands in for an absent value: whether it is made anew by a call, and the object."""
BinderEntry = tuple[
    int,
    int,
    str,
    Callable[[Any], Any] | None,
    Default | None,
    tuple[str, ...] | str | Callable[[bytes], Any] | None,
]
Handler = Callable[..., Any]

# Kinds of binder entries, as (positional, by keyword).
ARGUMENT, BODY, REQUEST, GROUP, FILE, FORM = (0, 3), (1, 4), (2, 5), (6, 7), (8, 9), (10, 11)
CLAIMS, FIELD = (12, 13), (14, 15)

# The name that stands for all files of a form.
ANY_FILE = "*"

# Methods on which a dict or a list of models can only be meant as the body.
BODY_METHODS = frozenset(("POST", "PUT", "PATCH"))
# Methods whose requests have no body (RFC 9110 §9.3).
BODILESS_METHODS = frozenset(("GET", "HEAD", "OPTIONS", "TRACE"))


@dataclass(slots=True)
class Signature:
    """What a handler reads: the parts of its route document, and how it is called."""

    handler: Handler
    parameters: list[dict[str, Any]] = field(default_factory=list)
    body: dict[str, Any] | None = None
    fields: forms.Fields | None = None
    """The form fields read so far, if the handler takes them one by one."""
    returns: Any = Any
    """What it is annotated to return."""
    files: list[dict[str, Any]] = field(default_factory=list)
    binder: list[BinderEntry] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Options:
    """What the decorator says about a handler besides its signature."""

    path: str
    methods: tuple[str, ...]
    body_schema: Mapping[str, Any] | None = None
    parameter_schemas: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    scope: Mapping[str, Any] = field(default_factory=dict)
    """Local names at the decorator, for annotations that are strings."""


@dataclass(slots=True)
class _Parameter:
    """One parameter while it is read."""

    name: str
    kind: Any
    marker: Marker | None
    limits: dict[str, Any]
    nullable: bool
    default: Default | None
    by_keyword: bool
    typed: bool

    @property
    def annotation(self) -> Any:
        """The type, with None if the parameter may be that."""
        return self.kind | None if self.nullable and self.kind is not Any else self.kind

    @property
    def wire_name(self) -> str:
        """The name in a request."""
        alias = None if self.marker is None else self.marker.alias
        return alias or self.name

    def entry(
        self,
        kinds: tuple[int, int],
        index: int = 0,
        converter: Callable[[Any], Any] | None = None,
        group: tuple[str, ...] | str | Callable[[bytes], Any] | None = None,
    ) -> BinderEntry:
        """Return how it is bound."""
        kind = kinds[self.by_keyword]
        return (kind, index, self.name, converter, self.default, group)


def describe(handler: Handler) -> str:
    """Return a handler's name and place, for messages."""
    function = _function(handler)
    code = getattr(function, "__code__", None)
    name = getattr(function, "__qualname__", repr(handler))
    return name if code is None else f"{name} ({code.co_filename}:{code.co_firstlineno})"


def read(handler: Handler, options: Options) -> Signature:
    """Read a handler's signature.

    Raises RouteError for what has no place: a parameter without annotation, a type without a JSON
    form, a second body, a name that is on one side of the path only.
    """
    signature = Signature(handler)
    names = [a or b for a, b in PATH_NAME.findall(options.path)]
    hints = _hints(handler, options.scope)
    signature.returns = hints.get("return", Any)
    for entry in _entries(handler):
        try:
            parameter = _parameter(entry, hints, frozenset(names))
            place = _place(parameter, names, options)
            if place == "request":
                signature.binder.append(parameter.entry(REQUEST))
            elif place == "body":
                _add_body(signature, parameter, options)
            elif place == "claims":
                converter = claims.reader(parameter.annotation)
                signature.binder.append(parameter.entry(CLAIMS, converter=converter))
            elif place == "form":
                _add_form(signature, parameter, options)
            elif place == "file":
                _add_file(signature, parameter)
            elif place != "path" and anatomy.is_structured(parameter.kind):
                _add_group(signature, parameter, place)
            else:
                _add_argument(signature, parameter, place, options)
        except TypeError as error:
            raise RouteError(f"{describe(handler)}: parameter '{entry.name}' {error}") from None
        except RecursionError:
            raise RouteError(
                f"{describe(handler)}: parameter '{entry.name}' is or holds an alias that names "
                "itself; make a class of it"
            ) from None
    takes_request = any(entry[0] in REQUEST for entry in signature.binder)
    _add_rest_of_path(signature, names, options.path, takes_request)
    _check_files(signature)
    if signature.files:
        # The engine reads a form for them, with fields or without.
        return signature
    if signature.body is None and takes_request and set(options.methods) - BODILESS_METHODS:
        # The handler may want the body from the request; a body nobody asks for is thrown away.
        signature.body = {"media": "bytes", "required": False}
    return signature


def _parameter(
    entry: inspect.Parameter, hints: Mapping[str, Any], names: frozenset[str]
) -> _Parameter:
    """Read one parameter. Raises TypeError with the end of a sentence."""
    if entry.kind in (entry.VAR_POSITIONAL, entry.VAR_KEYWORD):
        raise TypeError("stands for any number of values; name each parameter instead")
    known = hints.get(entry.name, REQUEST_HINT if entry.name == "request" else None)
    kind, notes = anatomy.unwrap(Any if known is None else known)
    # `Annotated[int, Query()] | None` says the same as `Annotated[int | None, Query()]`.
    inner, nullable = anatomy.without_none(kind)
    kind, inner_notes = anatomy.unwrap(inner)
    notes += inner_notes
    given: tuple[Any, ...] = () if entry.default is entry.empty else (entry.default,)
    marker = _marker((*given, *notes))
    if known is None and marker is None and entry.name not in names:
        raise TypeError(
            "has no annotation; write its type, for example "
            f"`{entry.name}: str`, or `{entry.name}: Request` for the request itself"
        )
    if anatomy.is_pydantic(known) or anatomy.is_pydantic(inner):
        # A validator of pydantic's that is noted belongs to the type, and so do limits.
        kind = inner if nullable else known
        limits = anatomy.limits_of((marker,))
    else:
        limits = anatomy.limits_of((*given, *notes))
    return _Parameter(
        entry.name,
        kind,
        marker,
        limits,
        nullable,
        _default(given, notes, nullable),
        entry.kind is entry.KEYWORD_ONLY,
        known is not None,
    )


def _marker(notes: tuple[Any, ...]) -> Marker | None:
    """Return the first marker of a default and what an annotation notes, also a bare `Query`."""
    for note in notes:
        if isinstance(note, Marker):
            return note
        if isinstance(note, Source):
            return Marker(note.place)
    return None


def _default(given: tuple[Any, ...], notes: tuple[Any, ...], nullable: bool) -> Default | None:
    """Return what stands in for an absent value: the signature's, a marker's, else None."""
    for note in (*given, *notes):
        if isinstance(note, Source) or type(note).__name__ == "PydanticUndefinedType":
            continue
        if isinstance(note, Marker) or _is_pydantic_field(note):
            if note.default_factory is not None:
                return (True, note.default_factory)
            if note.default is not ... and "Undefined" not in type(note.default).__name__:
                return (False, note.default)
        elif note in given:
            return (False, note)
    return (False, None) if nullable else None


def _is_pydantic_field(note: Any) -> bool:
    return type(note).__name__ == "FieldInfo" and type(note).__module__.startswith("pydantic")


def _place(parameter: _Parameter, names: list[str], options: Options) -> str:
    """Decide where a parameter is read from. Raises TypeError with the end of a sentence."""
    kind = parameter.kind
    if kind is Request:
        return "request"
    place = None if parameter.marker is None else parameter.marker.place
    if place == "path" or (place is None and parameter.name in names):
        if parameter.wire_name not in names:
            raise TypeError(
                f"is read from the path, but '{options.path}' has no "
                f"{{{parameter.wire_name}}}; put it there, or read the value from elsewhere"
            )
        if parameter.default is not None and not parameter.nullable:
            raise TypeError(
                "has a default, but a path always holds its value; take the default away"
            )
        return "path"
    if place is not None:
        return place
    if UploadFile in (kind, *typing.get_args(kind)):
        return "file"
    takes_body = not BODY_METHODS.isdisjoint(options.methods)
    inner = (kind, *typing.get_args(kind))
    if kind is bytes or any(map(anatomy.is_structured, inner)):
        return "body" if takes_body or not anatomy.is_list(kind) else "query"
    return "body" if takes_body and anatomy.is_document(kind) else "query"


def _add_body(signature: Signature, parameter: _Parameter, options: Options) -> None:
    """Add the body. Raises TypeError with the end of a sentence."""
    _refuse_second_body(signature)
    decode, judge = None, None
    if parameter.kind is bytes:
        document: dict[str, Any] = {"media": "bytes"}
    else:
        annotation = parameter.annotation
        own = parameter.marker.schema if parameter.marker is not None else None
        schema = options.body_schema or own or schemas.body_schema(annotation, parameter.limits)
        document = {"media": "json", "schema": schema}
        is_judged = not (options.body_schema or own)
        decode = decoding.body_decoder(annotation, is_judged)
        if is_judged and not parameter.limits and judging.decides(annotation):
            judge = msgspec.json.Decoder(annotation).decode
            document["host_judges"] = True
    document["required"] = parameter.default is None
    signature.body = document
    signature.binder.append(parameter.entry(BODY, converter=decode, group=judge))


def _add_form(signature: Signature, parameter: _Parameter, options: Options) -> None:
    """Add a form, or one field of it. Raises TypeError with the end of a sentence."""
    kind = parameter.kind
    own = parameter.marker.schema if parameter.marker is not None else None
    if anatomy.is_structured(kind) or typing.get_origin(kind) is dict or kind is dict:
        _refuse_second_body(signature)
        schema = options.body_schema or own
        members = forms.file_members(kind)
        made: tuple[dict[str, Any], Callable[..., Any]]
        if members:
            for member in members:
                if parameter.default is not None:
                    # There need not be a form at all.
                    member.rule["required"] = False
                _add_file_rule(signature, member.rule)
            made = forms.with_files(parameter.annotation, members, parameter.limits, schema)
        else:
            made = forms.whole(parameter.annotation, parameter.limits, schema)
        signature.body = {**made[0], "required": parameter.default is None}
        signature.binder.append(parameter.entry(FORM if members else BODY, converter=made[1]))
        return
    if signature.fields is None:
        _refuse_second_body(signature)
        signature.fields = forms.Fields()
        signature.body = signature.fields.document
    schema = own or schemas.parameter_schema(
        kind if parameter.typed and kind is not Any else str, parameter.limits
    )
    converter = decoding.parameter_converter(parameter.annotation) if parameter.typed else None
    take = signature.fields.add(parameter.wire_name, schema, converter, parameter.default)
    signature.binder.append(parameter.entry(FIELD, converter=take))


def _add_file(signature: Signature, parameter: _Parameter) -> None:
    """Add a file, or the files of a name. Raises TypeError with the end of a sentence."""
    kind, name = parameter.kind, parameter.wire_name
    as_list = anatomy.is_list(kind)
    inner = typing.get_args(kind)[0] if as_list and typing.get_args(kind) else kind
    if parameter.typed and inner not in (UploadFile, bytes):
        raise TypeError("is a file, so it is an UploadFile, bytes, or a list of these")
    _add_file_rule(
        signature,
        {
            **(parameter.marker.rule if parameter.marker is not None else {}),
            "name": name,
            "required": parameter.default is None and name != ANY_FILE,
            "multiple": as_list,
        },
    )
    converter: Callable[[Any], Any] | None = None
    if inner is bytes:
        converter = _contents if as_list else content
    if as_list and name == ANY_FILE and parameter.default is None:
        parameter.default = (True, list)
    signature.binder.append(parameter.entry(FILE, int(as_list), converter, name))


def _add_file_rule(signature: Signature, rule: dict[str, Any]) -> None:
    """Add a file's rule. Raises TypeError if its name has one."""
    name = rule["name"]
    if any(other["name"] == name for other in signature.files):
        raise TypeError(f"reads the file '{name}', which another parameter reads too")
    signature.files.append(rule)


def _contents(files: list[UploadFile]) -> list[bytes]:
    """Return the whole content of each file."""
    return [content(file) for file in files]


def _check_files(signature: Signature) -> None:
    """Refuse a body beside files that is no form. Raises RouteError."""
    if not signature.files or signature.body is None or signature.body["media"] == "form":
        return
    body = next(entry[2] for entry in signature.binder if entry[0] in BODY)
    file = next(entry[2] for entry in signature.binder if entry[0] in FILE)
    raise RouteError(
        f"{describe(signature.handler)}: parameter '{body}' is a body beside the file '{file}', "
        "and files come with a form; write Form() for it"
    )


def _refuse_second_body(signature: Signature) -> None:
    """Raise TypeError if there is a body already."""
    if signature.body is None:
        return
    first = next(entry[2] for entry in signature.binder if entry[0] in (*BODY, *FORM, *FIELD))
    raise TypeError(
        f"is a second body beside '{first}'; make one class of both, "
        "or say where it is read from, for example with Query()"
    )


def _add_argument(
    signature: Signature, parameter: _Parameter, place: str, options: Options
) -> None:
    """Add a parameter that is not the body. Raises TypeError with the end of a sentence."""
    document: dict[str, Any] = {"name": parameter.name, "source": place}
    marker, converter = parameter.marker, None
    if marker is not None and marker.alias is not None:
        document["alias"] = marker.alias
    own: Mapping[str, Any] | None = None if marker is None else marker.schema
    own = options.parameter_schemas.get(parameter.name, own)
    if parameter.typed and parameter.kind is not Any:
        document["schema"] = schemas.parameter_schema(parameter.kind, parameter.limits)
        # What is sent is not null, so None is no matter of the converter's.
        converter = decoding.parameter_converter(
            parameter.kind if own is None else parameter.annotation,
            is_judged=own is None and not parameter.limits,
        )
    elif parameter.limits:
        document["schema"] = schemas.parameter_schema(str, parameter.limits)
    if own is not None:
        document["schema"] = own
    if place != "path":
        document["required"] = parameter.default is None
    index = len(signature.parameters)
    signature.parameters.append(document)
    signature.binder.append(parameter.entry(ARGUMENT, index, converter))


def _add_group(signature: Signature, parameter: _Parameter, place: str) -> None:
    """Add a class whose members are values of one source. Raises TypeError."""
    first = len(signature.parameters)
    members = schemas.group_schemas(parameter.kind)
    if not members:
        raise TypeError("has no members that a request could name; give its class some")
    for name, (schema, required) in members.items():
        signature.parameters.append(
            {"name": name, "source": place, "schema": schema, "required": required}
        )
    converter = decoding.parameter_converter(parameter.kind)
    signature.binder.append(parameter.entry(GROUP, first, converter, tuple(members)))


def _add_rest_of_path(
    signature: Signature, names: list[str], path: str, takes_request: bool
) -> None:
    """Settle what the path names and the function does not take. Raises RouteError."""
    taken = {
        parameter.get("alias", parameter["name"])
        for parameter in signature.parameters
        if parameter["source"] == "path"
    }
    for name in names:
        if name in taken:
            continue
        if not takes_request:
            raise RouteError(
                f"{describe(signature.handler)}: the path '{path}' has {{{name}}}, which the "
                f"function does not take; add `{name}: str` to its parameters"
            )
        signature.parameters.append({"name": name, "source": "path"})


def _entries(handler: Handler) -> list[inspect.Parameter]:
    """Return a handler's parameters, in order."""
    try:
        return list(inspect.signature(handler).parameters.values())
    except (TypeError, ValueError):
        raise RouteError(
            f"{describe(handler)}: Python does not know its parameters; wrap it in a function"
        ) from None


def _hints(handler: Handler, scope: Mapping[str, Any]) -> dict[str, Any]:
    """Return a handler's annotations, with those that are strings resolved."""
    function = _function(handler)
    try:
        return typing.get_type_hints(function, localns=dict(scope) or None, include_extras=True)
    except NameError as error:
        raise RouteError(
            f"{describe(handler)}: an annotation names {error.name!r}, which is not defined where "
            "the route is registered; define or import it above the handler"
        ) from None


def _function(handler: Handler) -> Any:
    """Return the function that carries the annotations of a handler."""
    function = inspect.unwrap(handler)
    while isinstance(function, functools.partial):
        function = function.func
    if inspect.isroutine(function) or inspect.isclass(function):
        return function
    return type(function).__call__


# `{name}`, `{name:hint}` and `:name`; the engine judges the pattern as a whole.
PATH_NAME = re.compile(r"\{([^{}:]+)(?::[^{}]*)?\}|(?<=/):([A-Za-z_]\w*)")
REQUEST_HINT = Request
