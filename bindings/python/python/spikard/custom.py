"""Types of the program's own: how they are made from JSON, and written as JSON.

Knows nothing of handlers; whoever makes or writes values asks here for what it does not know.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar, overload

__all__ = [
    "decode",
    "encode",
    "is_known",
    "register_decoder",
    "register_encoder",
    "schema_of",
]

T = TypeVar("T")

_decoders: dict[Any, tuple[Callable[[Any], Any], Mapping[str, Any]]] = {}
_general: list[Callable[[Any, Any], Any]] = []
_encoders: dict[type, Callable[[Any], Any]] = {}


@overload
def register_decoder(
    kind: type[T], decoder: Callable[[Any], T], *, schema: Mapping[str, Any] | None = None
) -> None: ...
@overload
def register_decoder(kind: Callable[[Any, Any], Any]) -> None: ...
def register_decoder(
    kind: Any,
    decoder: Callable[[Any], Any] | None = None,
    *,
    schema: Mapping[str, Any] | None = None,
) -> None:
    """Say how values of a type are made, in routes that are registered from now on.

    `decoder` gets a plain JSON value, which fits the JSON Schema `schema` if one is given; the
    message of a ValueError or TypeError that it raises is told to the client. With one argument,
    `f(type, value)`, it is asked for every type that nobody else knows, and raises
    NotImplementedError for those that it does not know either.
    """
    if decoder is None:
        _general.append(kind)
    else:
        _decoders[kind] = (decoder, schema or {})


def register_encoder(kind: type[T], encoder: Callable[[T], Any]) -> None:
    """Say how values of a type, and of classes derived from it, are written.

    `encoder` returns anything that can be written: dict, list, str, a dataclass, ...
    """
    _encoders[kind] = encoder


def schema_of(kind: Any) -> Mapping[str, Any] | None:
    """Return the schema of a type with a decoder of its own."""
    found = _find(kind)
    return None if found is None else found[1]


def is_known(kind: Any) -> bool:
    """Whether some decoder may make values of a type that nothing else makes."""
    return _find(kind) is not None or (isinstance(kind, type) and bool(_general))


def decode(kind: Any, value: Any) -> Any:
    """Make a value. Raises what the decoder raises, or NotImplementedError if there is none."""
    found = _find(kind)
    if found is not None:
        return found[0](value)
    for general in _general:
        try:
            return general(kind, value)
        except NotImplementedError:
            continue
    raise NotImplementedError(f"no decoder makes a {kind!r}")


def encode(value: Any) -> Any:
    """Return what to write for a value. Raises NotImplementedError if no encoder knows it."""
    for base in type(value).__mro__:
        encoder = _encoders.get(base)
        if encoder is not None:
            return encoder(value)
    raise NotImplementedError


def _find(kind: Any) -> tuple[Callable[[Any], Any], Mapping[str, Any]] | None:
    try:
        return _decoders.get(kind)
    except TypeError:  # not hashable
        return None
