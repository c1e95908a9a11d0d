"""A table of header fields that ignores case and keeps repeated lines.

Checks nothing: the engine refuses names and values that HTTP cannot carry.
Knows nothing of requests or replies.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, MutableMapping
from typing import cast

__all__ = ["HeaderInit", "Headers"]

# What a table may be made of: one value per name, or pairs in order with repeats.
HeaderInit = Mapping[str, str] | Iterable[tuple[str, str]]


class Headers(MutableMapping[str, str]):
    """Header fields in order. A name may occur several times; looking one up finds the first."""

    __slots__ = ("_fields",)

    def __init__(self, fields: HeaderInit | None = None) -> None:
        """Copy `fields`, a mapping or pairs."""
        given = fields.items() if isinstance(fields, Mapping) else fields or ()
        pairs = cast("Iterable[tuple[str, str]]", given)
        self._fields = [(name, value) for name, value in pairs]

    def __getitem__(self, name: str) -> str:
        wanted = name.lower()
        for known, value in self._fields:
            if known.lower() == wanted:
                return value
        raise KeyError(name)

    def __setitem__(self, name: str, value: str) -> None:
        wanted = name.lower()
        self._fields = [field for field in self._fields if field[0].lower() != wanted]
        self._fields.append((name, value))

    def __delitem__(self, name: str) -> None:
        wanted = name.lower()
        kept = [field for field in self._fields if field[0].lower() != wanted]
        if len(kept) == len(self._fields):
            raise KeyError(name)
        self._fields = kept

    def __iter__(self) -> Iterator[str]:
        return iter(dict.fromkeys(name.lower() for name, _ in self._fields))

    def __len__(self) -> int:
        return len({name.lower() for name, _ in self._fields})

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and bool(self.getlist(name))

    def __repr__(self) -> str:
        return f"Headers({self._fields!r})"

    def add(self, name: str, value: str) -> None:
        """Append a line, also if the name is there already (`Set-Cookie`)."""
        self._fields.append((name, value))

    def getlist(self, name: str) -> list[str]:
        """Return the values of every line with this name, in order."""
        wanted = name.lower()
        return [value for known, value in self._fields if known.lower() == wanted]

    def pairs(self) -> list[tuple[str, str]]:
        """Return every line in order, repeats included."""
        return list(self._fields)
