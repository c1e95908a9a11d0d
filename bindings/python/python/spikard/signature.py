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

from spikard import schema as schemas
from spikard._native import Request
from spikard.errors import RouteError
from spikard.params import Marker, Source

__all__ = ["Options", "Signature", "describe", "read"]

BinderEntry = tuple[int, int, str, Callable[[Any], Any] | None]
Handler = Callable[..., Any]

# Kinds of binder entries; by keyword they are three higher.
ARGUMENT, BODY, REQUEST = 0, 1, 2
BY_KEYWORD = 3

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
    # The default of the signature: None if there is none, else a tuple of it.
    own_default: tuple[Any] | None
    by_keyword: bool
    typed: bool

    @property
    def default(self) -> tuple[Any] | None:
        """The default that the engine must supply, as Python does not."""
        if self.own_default is not None:
            return None
        if self.marker is not None and self.marker.default is not ...:
            return (self.marker.default,)
        return (None,) if self.nullable else None


def describe(handler: Handler) -> str:
    """Return a handler's name and place, for messages."""
    function = _function(handler)
    code = getattr(function, "__code__", None)
    name = getattr(function, "__qualname__", repr(handler))
    return name if code is None else f"{name} ({code.co_filename}:{code.co_firstlineno})"


def read(handler: Handler, options: Options) -> Signature:
    """Read a handler's signature.

    Raises RouteError for what has no place: a parameter without annotation, a type without a JSON
    form, a second body.
    """
    signature = Signature(handler)
    names = frozenset(a or b for a, b in PATH_NAME.findall(options.path))
    hints = _hints(handler, options.scope)
    fill: dict[str, Any] = {}
    for entry in _entries(handler):
        try:
            parameter = _parameter(entry, hints, names)
            place = _place(parameter, names, options.methods)
            offset = BY_KEYWORD if parameter.by_keyword or fill else 0
            if place == "request":
                signature.binder.append((REQUEST + offset, 0, parameter.name, None))
            elif place == "body":
                if parameter.default is not None:
                    # An absent body is not handed over, so Python has to know its default.
                    fill[parameter.name] = parameter.default[0]
                    offset = BY_KEYWORD
                _add_body(signature, parameter, options, offset)
            else:
                _add_argument(signature, parameter, place, options, offset)
        except TypeError as error:
            raise RouteError(f"{describe(handler)}: parameter '{entry.name}' {error}") from None
    takes_request = any(kind % BY_KEYWORD == REQUEST for kind, *_ in signature.binder)
    if signature.body is None and takes_request and set(options.methods) - BODILESS_METHODS:
        # The handler may want the body from the request; a body nobody asks for is thrown away.
        signature.body = {"media": "bytes", "required": False}
    if fill:
        signature.handler = functools.partial(handler, **fill)
    return signature


def _parameter(
    entry: inspect.Parameter, hints: Mapping[str, Any], names: frozenset[str]
) -> _Parameter:
    """Read one parameter. Raises TypeError with the end of a sentence."""
    if entry.kind in (entry.VAR_POSITIONAL, entry.VAR_KEYWORD):
        raise TypeError("stands for any number of values; name each parameter instead")
    default = entry.default
    known = hints.get(entry.name, REQUEST_HINT if entry.name == "request" else None)
    kind, notes = schemas.unwrap(Any if known is None else known)
    marker = _marker((default, *notes))
    if known is None and marker is None and entry.name not in names:
        raise TypeError(
            "has no annotation; write its type, for example "
            f"`{entry.name}: str`, or `{entry.name}: Request` for the request itself"
        )
    kind, nullable = schemas.without_none(kind)
    has_default = default is not entry.empty and not isinstance(default, Marker | Source)
    if has_default and entry.kind is entry.POSITIONAL_ONLY:
        raise TypeError("is positional-only and has a default; take the `/` out of the signature")
    return _Parameter(
        entry.name,
        kind,
        marker,
        schemas.limits_of((marker, *notes)),
        nullable,
        (default,) if has_default else None,
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


def _place(parameter: _Parameter, names: frozenset[str], methods: tuple[str, ...]) -> str:
    """Decide where a parameter is read from."""
    kind = parameter.kind
    if kind is Request:
        return "request"
    if parameter.marker is not None:
        return parameter.marker.place
    if parameter.name in names:
        return "path"
    if kind is bytes or any(map(schemas.is_structured, (kind, *typing.get_args(kind)))):
        return "body" if not _is_list(kind) or BODY_METHODS & set(methods) else "query"
    if BODY_METHODS & set(methods) and schemas.is_document(kind):
        return "body"
    return "query"


def _add_body(signature: Signature, parameter: _Parameter, options: Options, offset: int) -> None:
    """Add the body. Raises TypeError with the end of a sentence."""
    if signature.body is not None:
        first = next(name for kind, _, name, _ in signature.binder if kind in (BODY, BODY + 3))
        raise TypeError(
            f"is a second body beside '{first}'; make one class of both, "
            "or say where it is read from, for example with Query()"
        )
    kind = parameter.kind
    if kind is bytes:
        document: dict[str, Any] = {"media": "bytes"}
        decode = None
    else:
        annotation = schemas.normal(kind, parameter.limits)
        if parameter.nullable:
            annotation = annotation | None if annotation is not Any else Any
        own = parameter.marker.schema if parameter.marker is not None else None
        schema = options.body_schema or own or schemas.body_schema(annotation)
        document = {"media": "json", "schema": schema}
        decode = schemas.body_decoder(annotation)
    document["required"] = parameter.own_default is None and parameter.default is None
    signature.body = document
    signature.binder.append((BODY + offset, 0, parameter.name, decode))


def _add_argument(
    signature: Signature, parameter: _Parameter, place: str, options: Options, offset: int
) -> None:
    """Add a parameter that is not the body. Raises TypeError with the end of a sentence."""
    document: dict[str, Any] = {"name": parameter.name, "source": place}
    marker, converter = parameter.marker, None
    if marker is not None and marker.alias is not None:
        document["alias"] = marker.alias
    if parameter.typed and parameter.kind is not Any:
        annotation = schemas.normal(parameter.kind, parameter.limits)
        document["schema"] = schemas.parameter_schema(annotation)
        nullable = annotation | None if parameter.nullable else annotation
        converter = schemas.parameter_converter(nullable)
    elif parameter.limits:
        document["schema"] = schemas.parameter_schema(schemas.normal(str, parameter.limits))
    if marker is not None and marker.schema is not None:
        document["schema"] = marker.schema
    if parameter.name in options.parameter_schemas:
        document["schema"] = options.parameter_schemas[parameter.name]
    if place != "path":
        default = parameter.default
        document["required"] = parameter.own_default is None and default is None
        if default is not None:
            document["default"] = msgspec.to_builtins(default[0])
    index = len(signature.parameters)
    signature.parameters.append(document)
    signature.binder.append((ARGUMENT + offset, index, parameter.name, converter))


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


def _is_list(kind: Any) -> bool:
    return typing.get_origin(kind) in (list, set, frozenset, tuple)


# `{name}`, `{name:hint}` and `:name`; the engine judges the pattern as a whole.
PATH_NAME = re.compile(r"\{([^{}:]+)(?::[^{}]*)?\}|(?<=/):([A-Za-z_]\w*)")
REQUEST_HINT = Request
