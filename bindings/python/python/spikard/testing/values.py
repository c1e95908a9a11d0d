"""Names and values as callers of a client give them.

Knows nothing of how they are encoded.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, cast

__all__ = ["Params", "pairs", "text"]

Params = Mapping[str, Any] | Iterable[tuple[str, Any]]


def pairs(params: Params) -> Iterable[tuple[str, Any]]:
    """Return names and values, whatever they were given as."""
    given = params.items() if isinstance(params, Mapping) else params
    return cast("Iterable[tuple[str, Any]]", given)


def text(value: Any) -> Any:
    """Return a value as it is written in a query or form; lists become repeated names."""
    if isinstance(value, list | tuple | set):
        return [text(entry) for entry in value]
    return str(value).lower() if isinstance(value, bool) else value
