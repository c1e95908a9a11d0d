"""Markers that say where a parameter is read from, and what it must satisfy.

A marker stands as a default (`q: str = Query(alias="search")`) or in an annotation
(`q: Annotated[str, Query(alias="search")] = ""`); `q: Query[str]` is short for the latter;
type checkers only know the long form.
Knows nothing of how a value is read.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, Any, Literal

__all__ = ["Body", "Claims", "Cookie", "File", "Form", "Header", "Marker", "Path", "Query"]

Place = Literal["path", "query", "header", "cookie", "body", "form", "file", "claims"]


class Marker:
    """What one use of a source says, such as `Query(alias="q", max_length=20)`."""

    __slots__ = (
        "alias",
        "default",
        "default_factory",
        "ge",
        "gt",
        "le",
        "lt",
        "max_length",
        "min_length",
        "multiple_of",
        "pattern",
        "place",
        "rule",
        "schema",
    )

    def __init__(
        self,
        place: Place,
        default: Any = ...,
        alias: str | None = None,
        schema: dict[str, Any] | None = None,
        default_factory: Callable[[], Any] | None = None,
        **limits: Any,
    ) -> None:
        """See `Source.__call__`."""
        if default is not ... and default_factory is not None:
            raise TypeError("a default and a default_factory exclude each other; give one of them")
        self.place = place
        self.default = default
        self.default_factory = default_factory
        self.alias = alias
        self.schema = schema
        self.rule: dict[str, Any] = {}
        for name in LIMITS:
            setattr(self, name, limits.get(name))

    def __repr__(self) -> str:
        return f"{self.place.capitalize()}(...)"


class Source:
    """A place that parameters are read from. Calling it makes a marker."""

    __slots__ = ("place",)

    def __init__(self, place: Place) -> None:
        self.place: Place = place

    # The result is Any, as the marker stands where a value of the annotated type does.
    def __call__(
        self,
        default: Any = ...,
        *,
        default_factory: Callable[[], Any] | None = None,
        alias: str | None = None,
        gt: float | None = None,
        ge: float | None = None,
        lt: float | None = None,
        le: float | None = None,
        multiple_of: float | None = None,
        min_length: int | None = None,
        max_length: int | None = None,
        pattern: str | None = None,
        schema: dict[str, Any] | None = None,
    ) -> Any:
        """Say that a parameter is read from here.

        `default` applies when the value is absent; `...`, which is the default, means none. What
        `default_factory` returns applies instead, made anew for each request.
        `alias` is the name on the wire. `gt` to `multiple_of` bound numbers; `min_length` and
        `max_length` bound the characters of text or the items of a list; `pattern` is a regular
        expression, searched for anywhere in the text. `schema`, a JSON Schema, replaces the one of
        the annotation.
        """
        return Marker(
            self.place,
            default,
            alias,
            schema,
            default_factory,
            gt=gt,
            ge=ge,
            lt=lt,
            le=le,
            multiple_of=multiple_of,
            min_length=min_length,
            max_length=max_length,
            pattern=pattern,
        )

    def __getitem__(self, kind: Any) -> Any:
        """Return the annotation of a value of type `kind` that is read from here."""
        return Annotated[kind, self]

    def __repr__(self) -> str:
        return self.place.capitalize()


class FileSource(Source):
    """The files of a form. Calling it makes a marker with a rule."""

    __slots__ = ()

    def __call__(  # type: ignore[override]
        self,
        default: Any = ...,
        *,
        default_factory: Callable[[], Any] | None = None,
        alias: str | None = None,
        max_size: int | None = None,
        types: Sequence[str] = (),
        check_magic: bool = False,
        allow_empty: bool = False,
    ) -> Any:
        """Say that a parameter is a file, or a list of files, and what it must be.

        `max_size` is in bytes, and no more of a file is kept while it arrives. `types` are the
        media types that it may say it is, such as `"image/png"` or `"image/*"`; `check_magic` wants
        its first bytes to fit what it says. A file of no bytes is refused unless `allow_empty`.
        `default`, `default_factory` and `alias` are as for other sources.
        """
        marker = Marker(self.place, default, alias, None, default_factory)
        marker.rule = {
            "max_size": max_size,
            "types": list(types),
            "check_magic": check_magic,
            "allow_empty": allow_empty,
        }
        return marker


# What bounds a value, under the names that msgspec and annotated_types use too.
LIMITS = ("gt", "ge", "lt", "le", "multiple_of", "min_length", "max_length", "pattern")

Path = Source("path")
"""A segment of the path."""
Query = Source("query")
"""The query string."""
Header = Source("header")
"""A header field; `_` in the parameter's name stands for `-`."""
Cookie = Source("cookie")
"""A cookie."""
Body = Source("body")
"""The request body: JSON, or as it is for `bytes`."""
Form = Source("form")
"""A field of a form; all of its fields for a class with named fields."""
Claims = Source("claims")
"""The claims of the token that let the request in: a dict, or a class of those that are needed."""
File = FileSource("file")
"""A file of a multipart form, or all files of a name for a list."""
