"""msgspec.Struct: names, tags, defaults, unknown members, and classes inside of each other."""

from __future__ import annotations

from typing import Annotated, Any, Generic, Literal, TypeVar, Union

import annotated_types
import msgspec
import pytest
from serving import body, refused, row

from spikard import Body

T = TypeVar("T")


class Camel(msgspec.Struct, rename="camel"):
    first_name: str
    last_name: str = "?"
    nick_names: list[str] = []


class Strict(msgspec.Struct, forbid_unknown_fields=True):
    a: int


class Cat(msgspec.Struct, tag="cat"):
    lives: int


class Dog(msgspec.Struct, tag="dog"):
    name: Annotated[str, msgspec.Meta(min_length=2)]


class Tree(msgspec.Struct):
    value: int
    children: list[Tree] = []


class Page(msgspec.Struct, Generic[T]):
    items: list[T]
    total: Annotated[int, annotated_types.Ge(0)]


class Chosen(Page[Cat]):
    cursor: str | None = None


class Patch(msgspec.Struct, omit_defaults=True):
    name: str | msgspec.UnsetType = msgspec.UNSET


class Row(msgspec.Struct, array_like=True):
    key: str
    value: int = 0


class Even(msgspec.Struct):
    number: int

    def __post_init__(self) -> None:
        if self.number % 2:
            raise ValueError("must be even")
        if self.number == 100:
            raise KeyError("a mistake of the program's")


class Evens(msgspec.Struct):
    all: list[Even]
    by_name: dict[str, Even] = {}


@pytest.mark.parametrize("transport", ["inject", "socket"])
@pytest.mark.parametrize(
    ("annotation", "sent", "value"),
    [
        (Camel, {"firstName": "A", "nickNames": ["x"]}, Camel("A", "?", ["x"])),
        (Strict, {"a": 1}, Strict(1)),
        (Cat | Dog, {"type": "dog", "name": "Rex"}, Dog("Rex")),
        (list[Cat | Dog], [{"type": "cat", "lives": 9}], [Cat(9)]),
        (Tree, {"value": 1, "children": [{"value": 2}]}, Tree(1, [Tree(2)])),
        (Page[Cat], {"items": [{"type": "cat", "lives": 1}], "total": 1}, Page([Cat(1)], 1)),
        (Chosen, {"items": [], "total": 0, "cursor": None}, Chosen([], 0)),
        (Patch, {}, Patch()),
        (Patch, {"name": "a"}, Patch("a")),
        (Row, ["a", 1], Row("a", 1)),
        (Even, {"number": 2}, Even(2)),
        (dict[str, Strict], {"x": {"a": 1}}, {"x": Strict(1)}),
        (tuple[Strict, int], [{"a": 1}, 2], (Strict(1), 2)),
        (Annotated[Strict, Body()], {"a": 1}, Strict(1)),
        (Union[Strict, list[Strict]], [{"a": 1}], [Strict(1)]),
    ],
)
def test_bodies_are_structs(annotation: Any, sent: Any, value: Any, transport: str) -> None:
    got, told = body(annotation, sent, transport=transport)
    assert (got, type(got)) == (value, type(value))
    assert told == msgspec.json.decode(msgspec.json.encode(value))


@pytest.mark.parametrize(
    ("annotation", "sent", "expected"),
    [
        (Camel, {}, [row("missing", ["body", "firstName"], "Field required", {})]),
        (
            Strict,
            {"a": "x", "b": 1},
            [
                row(
                    "int_parsing",
                    ["body", "a"],
                    "Input should be a valid integer, unable to parse string as an integer",
                    "x",
                ),
                row("extra_forbidden", ["body", "b"], "Extra inputs are not permitted", 1),
            ],
        ),
        (
            Dog,
            {"type": "cat", "name": "R"},
            [
                row(
                    "string_too_short",
                    ["body", "name"],
                    "String should have at least 2 characters",
                    "R",
                    min_length=2,
                ),
                row("enum", ["body", "type"], "Input should be 'dog'", "cat", expected="'dog'"),
            ],
        ),
        (
            Tree,
            {"value": 1, "children": [{"value": 2}, {}]},
            [row("missing", ["body", "children", "1", "value"], "Field required", {})],
        ),
        (
            Page[Literal["a"]],
            {"items": ["b"], "total": -1},
            [
                row("enum", ["body", "items", "0"], "Input should be 'a'", "b", expected="'a'"),
                row(
                    "greater_than_equal",
                    ["body", "total"],
                    "Input should be greater than or equal to 0",
                    -1,
                    ge=0,
                ),
            ],
        ),
        (Even, {"number": 3}, [row("value_error", ["body"], "must be even", {"number": 3})]),
        (
            Evens,
            {"all": [{"number": 2}, {"number": 3}]},
            [row("value_error", ["body", "all", "1"], "must be even", {"number": 3})],
        ),
        (
            list[Even] | Strict,
            [{"number": 1}],
            [row("value_error", ["body", "0"], "must be even", {"number": 1})],
        ),
    ],
)
def test_refusals_of_structs(annotation: Any, sent: Any, expected: list[Any]) -> None:
    assert refused(annotation, sent) == expected
