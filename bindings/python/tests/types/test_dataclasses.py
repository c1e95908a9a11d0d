"""dataclasses, attrs classes, TypedDict and NamedTuple, as bodies and as what is returned."""

from __future__ import annotations

import dataclasses
from typing import Annotated, Any, Generic, NamedTuple, TypeVar

import attrs
import msgspec
import pytest
from serving import body, call, refused, row
from typing_extensions import NotRequired, Required, TypedDict

T = TypeVar("T")
INTEGER = "Input should be a valid integer, unable to parse string as an integer"


@dataclasses.dataclass
class Point:
    x: int
    y: int = 0
    tags: list[str] = dataclasses.field(default_factory=list)


@dataclasses.dataclass(slots=True, frozen=True, kw_only=True)
class Slotted:
    x: int
    y: int = 5


@dataclasses.dataclass
class Line(Generic[T]):
    start: Point
    end: Point | None = None
    data: T | None = None
    rest: list[Line[T]] = dataclasses.field(default_factory=list)


@dataclasses.dataclass
class Positive:
    n: Annotated[int, msgspec.Meta(lt=100)]

    def __post_init__(self) -> None:
        if self.n <= 0:
            raise ValueError("n must be positive")
        if self.n == 13:
            raise LookupError("secret of the program")


class Movie(TypedDict, total=False):
    title: Required[str]
    year: int


class Song(TypedDict):
    title: str
    year: NotRequired[int]


class Limits(NamedTuple):
    low: int
    high: int = 10


@attrs.define
class Account:
    name: str
    balance: int = attrs.field(default=0, validator=attrs.validators.ge(0))
    notes: list[str] = attrs.Factory(list)


@attrs.frozen
class Bank:
    accounts: dict[str, Account]


@pytest.mark.parametrize("transport", ["inject", "socket"])
@pytest.mark.parametrize(
    ("annotation", "sent", "value", "told"),
    [
        (Point, {"x": 1}, Point(1), {"x": 1, "y": 0, "tags": []}),
        (Slotted, {"x": 1}, Slotted(x=1), {"x": 1, "y": 5}),
        (
            Line[str],
            {"start": {"x": 1}, "data": "d", "rest": [{"start": {"x": 2, "y": 3}}]},
            Line(Point(1), None, "d", [Line(Point(2, 3))]),
            {
                "start": {"x": 1, "y": 0, "tags": []},
                "end": None,
                "data": "d",
                "rest": [
                    {
                        "start": {"x": 2, "y": 3, "tags": []},
                        "end": None,
                        "data": None,
                        "rest": [],
                    }
                ],
            },
        ),
        (Positive, {"n": 1}, Positive(1), {"n": 1}),
        (Movie, {"title": "M"}, {"title": "M"}, {"title": "M"}),
        (Song, {"title": "S", "year": 1}, {"title": "S", "year": 1}, {"title": "S", "year": 1}),
        (Limits, [1], Limits(1), [1, 10]),
        (Account, {"name": "a"}, Account("a"), {"name": "a", "balance": 0, "notes": []}),
        (
            Bank,
            {"accounts": {"x": {"name": "a", "balance": 2}}},
            Bank({"x": Account("a", 2)}),
            {"accounts": {"x": {"name": "a", "balance": 2, "notes": []}}},
        ),
        (Point | Account, {"name": "a"}, Account("a"), {"name": "a", "balance": 0, "notes": []}),
        (list[Point | Account], [{"x": 1}], [Point(1)], [{"x": 1, "y": 0, "tags": []}]),
        (Point | None, None, None, None),
    ],
)
def test_bodies_are_instances(
    annotation: Any, sent: Any, value: Any, told: Any, transport: str
) -> None:
    got, answered = body(annotation, sent, transport=transport)
    assert (got, type(got)) == (value, type(value))
    assert answered == told


@pytest.mark.parametrize(
    ("annotation", "sent", "expected"),
    [
        (
            Point,
            {"y": "a"},
            [
                row("missing", ["body", "x"], "Field required", {"y": "a"}),
                row("int_parsing", ["body", "y"], INTEGER, "a"),
            ],
        ),
        (
            Line[int],
            {"start": {"x": 1}, "rest": [{"start": {"x": 1}, "data": "d"}]},
            [row("int_parsing", ["body", "rest", "0", "data"], INTEGER, "d")],
        ),
        (Movie, {"year": 1}, [row("missing", ["body", "title"], "Field required", {"year": 1})]),
        (Song, {"year": 1}, [row("missing", ["body", "title"], "Field required", {"year": 1})]),
        (
            Limits,
            [],
            [
                row(
                    "too_short",
                    ["body"],
                    "List should have at least 1 item after validation",
                    [],
                    min_length=1,
                )
            ],
        ),
        (Positive, {"n": 0}, [row("value_error", ["body"], "n must be positive", {"n": 0})]),
        (
            list[Positive],
            [{"n": 1}, {"n": -1}],
            [row("value_error", ["body", "1"], "n must be positive", {"n": -1})],
        ),
        (
            Account,
            {"name": "a", "balance": -1},
            [
                row(
                    "value_error",
                    ["body"],
                    "'balance' must be >= 0: -1",
                    {"name": "a", "balance": -1},
                )
            ],
        ),
    ],
)
def test_refusals_of_instances(annotation: Any, sent: Any, expected: list[Any]) -> None:
    assert refused(annotation, sent) == expected


def test_mistakes_of_post_init_are_not_told() -> None:
    def handler(value: Positive):
        raise AssertionError("never called")

    reply = call(handler, method="POST", json={"n": 13})
    assert reply.status_code == 500
    assert "secret" not in reply.text
    assert reply.json()["detail"] == "Internal server error"
