"""Single values and collections of them, from every source and as what is returned."""

from __future__ import annotations

import enum
import sys
from collections.abc import Mapping, Sequence
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal, NewType, Optional, Union
from uuid import UUID

import annotated_types
import msgspec
import pytest
from serving import body, call, refused, row, rows

from spikard import Body, Cookie, Header, Query
from spikard import Path as InPath

TEXT = "6f1bc1b5-3a5d-4bd0-9ea7-4cbf0d2b1c0a"
UserId = NewType("UserId", int)
Small = Annotated[int, annotated_types.Interval(ge=0, lt=10)]


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Size(enum.IntEnum):
    SMALL = 1
    LARGE = 2


class Word(str, enum.Enum):
    A = "a"


VALUES = [
    (int, "7", 7, 7, 7),
    (float, "2.5", 2.5, 2.5, 2.5),
    (bool, "true", True, True, True),
    (str, "x", "x", "x", "x"),
    (UserId, "3", 3, 3, 3),
    (Small, "9", 9, 9, 9),
    (UUID, TEXT, TEXT, UUID(TEXT), TEXT),
    (date, "2024-02-29", "2024-02-29", date(2024, 2, 29), "2024-02-29"),
    (
        datetime,
        "2024-02-29T10:00:00Z",
        "2024-02-29T10:00:00Z",
        datetime(2024, 2, 29, 10, tzinfo=timezone.utc),
        "2024-02-29T10:00:00Z",
    ),
    (time, "10:30:00Z", "10:30:00Z", time(10, 30, tzinfo=timezone.utc), "10:30:00Z"),
    (timedelta, "PT90S", "PT90S", timedelta(seconds=90), "PT90S"),
    (Decimal, "1.10", "1.10", Decimal("1.10"), "1.10"),
    (Path, "a/b", "a/b", Path("a/b"), "a/b"),
    (Colour, "blue", "blue", Colour.BLUE, "blue"),
    (Size, "2", 2, Size.LARGE, 2),
    (Word, "a", "a", Word.A, "a"),
    (Literal["a", 1], "a", "a", "a", "a"),
    (Optional[int], "5", 5, 5, 5),  # noqa: UP045
    (int | None, "5", 5, 5, 5),
    (Union[int, UUID], TEXT, TEXT, UUID(TEXT), TEXT),
    (date | str, "x", "x", "x", "x"),
    (date | datetime, "2024-02-29", "2024-02-29", date(2024, 2, 29), "2024-02-29"),
]

if sys.version_info >= (3, 11):

    class Tone(enum.StrEnum):
        LOW = "low"

    VALUES.append((Tone, "low", "low", Tone.LOW, "low"))


@pytest.mark.parametrize(("annotation", "text", "sent", "value", "told"), VALUES)
def test_values_from_every_source(
    annotation: Any, text: str, sent: Any, value: Any, told: Any
) -> None:
    got: list[Any] = []

    def handler(p, q, h, c, b):
        got.extend([p, q, h, c, b])
        return got

    handler.__annotations__ |= {
        "p": annotation,
        "q": Annotated[annotation, Query()],
        "h": Annotated[annotation, Header()],
        "c": Annotated[annotation, Cookie],
        "b": Annotated[annotation, Body()],
    }
    in_path = text.replace("/", "%2F")
    reply = call(
        handler,
        f"/{in_path}?q={text}",
        "/{p}",
        "POST",
        headers={"h": text},
        cookies={"c": text},
        json=sent,
    )
    assert (reply.status_code, reply.json()) == (200, [told] * 5), reply.text
    assert got == [value] * 5
    assert {type(one) for one in got} == {type(value)}


@pytest.mark.parametrize(
    ("annotation", "sent", "value", "told"),
    [
        (list[date], ["2024-02-29"], [date(2024, 2, 29)], ...),
        (set[int], [1, 1, 2], {1, 2}, [1, 2]),
        (frozenset[Size], [1], frozenset([Size.SMALL]), ...),
        (tuple[int, ...], [1, 2], (1, 2), ...),
        (tuple[int, str], [1, "a"], (1, "a"), ...),
        (Sequence[int], [1], [1], ...),
        (Mapping[str, Decimal], {"a": 1.5}, {"a": Decimal("1.5")}, {"a": "1.5"}),
        (dict[int, str], {"1": "a"}, {1: "a"}, ...),
        (dict[UUID, Path], {TEXT: "a"}, {UUID(TEXT): Path("a")}, ...),
        (dict[Colour, list[timedelta]], {"red": ["PT1S"]}, {Colour.RED: [timedelta(0, 1)]}, ...),
        (list[date | str], ["2024-02-29", "b"], [date(2024, 2, 29), "b"], ...),
        (list[Path | None], ["a", None], [Path("a"), None], ...),
        (list[bytes], ["eA=="], [b"x"], ...),
        (dict, {"a": [1]}, {"a": [1]}, ...),
        (object, [1, None], [1, None], ...),
    ],
)
def test_bodies_are_collections(annotation: Any, sent: Any, value: Any, told: Any) -> None:
    got, answered = body(Annotated[annotation, Body()], sent)
    assert (got, type(got)) == (value, type(value))
    assert answered == (sent if told is ... else told)


def test_numbers_of_a_body_are_exact() -> None:
    got: list[Any] = []

    def handler(value: Annotated[list[Decimal], Body()]):
        got.extend(value)

    text = "12345678901234567890123.0123456789"
    data = f'[{text}, "{text}"]'
    reply = call(handler, method="POST", data=data, headers={"content-type": "application/json"})
    assert (reply.status_code, got) == (200, [Decimal(text)] * 2)


@pytest.mark.parametrize(
    ("annotation", "sent", "expected"),
    [
        (
            list[Small],
            [10],
            [row("less_than", ["body", "0"], "Input should be less than 10", 10, lt=10)],
        ),
        (
            tuple[int, str],
            [1],
            [
                row(
                    "too_short",
                    ["body"],
                    "List should have at least 2 items after validation",
                    [1],
                    min_length=2,
                )
            ],
        ),
        (
            dict[str, Colour],
            {"a": "green"},
            [
                row(
                    "enum",
                    ["body", "a"],
                    "Input should be 'red' or 'blue'",
                    "green",
                    expected="'red' or 'blue'",
                )
            ],
        ),
        (
            list[datetime],
            ["2024-02-29T10:00:00"],
            [
                row(
                    "datetime_parsing",
                    ["body", "0"],
                    "Input should be a valid datetime",
                    "2024-02-29T10:00:00",
                )
            ],
        ),
        (
            Annotated[list[int], annotated_types.Len(1, 2)],
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
        (
            Annotated[Decimal, annotated_types.Gt(0)],
            0,
            [row("greater_than", ["body"], "Input should be greater than 0", 0, gt=0)],
        ),
        (
            list[timedelta],
            ["P1Y"],
            [row("duration_parsing", ["body", "0"], "Input should be a valid duration", "P1Y")],
        ),
        (
            list[int],
            [1.5],
            [
                row(
                    "int_parsing",
                    ["body", "0"],
                    "Input should be a valid integer, unable to parse string as an integer",
                    1.5,
                )
            ],
        ),
    ],
)
def test_refusals_of_collections(annotation: Any, sent: Any, expected: list[Any]) -> None:
    assert refused(Annotated[annotation, Body()], sent) == expected


def test_faults_of_every_source_and_both_stages_in_order() -> None:
    def handler(
        a: Annotated[timedelta, InPath()],
        z: timedelta,
        b: timedelta,
        x_wait: Annotated[timedelta, Header()],
        c: Annotated[timedelta, Cookie()],
    ):
        raise AssertionError("never called")

    year = "P1Y"
    reply = call(
        handler,
        f"/{year}?b={year}&z={year}",
        "/{a}",
        headers={"x-wait": year},
        cookies={"c": year},
    )
    words = "Input should be a valid duration"
    assert rows(reply) == [
        row("duration_parsing", loc, words, year)
        for loc in (
            ["path", "a"],
            ["query", "b"],
            ["query", "z"],
            ["headers", "x-wait"],
            ["cookie", "c"],
        )
    ]


MADE: list[int] = []


def count() -> int:
    MADE.append(1)
    return len(MADE)


def test_defaults() -> None:
    MADE.clear()

    def handler(
        a: int,
        b: list[int] = Query(default_factory=list),
        c: Annotated[int, Query(default_factory=count)] = Query(),
        d: date = date(2024, 1, 2),
        e: Annotated[Colour, Query(Colour.RED)] = Colour.BLUE,
        /,
        *,
        f: Path | None,
        g: str = Query("g", alias="gee"),
    ):
        b.append(a)
        return [a, b, c, d, e, f, g]

    first = call(handler, "/?a=1")
    assert first.json() == [1, [1], 1, "2024-01-02", "blue", None, "g"]
    second = call(handler, "/?a=2&b=9&e=red&f=x&gee=y")
    assert second.json() == [2, [9, 2], 2, "2024-01-02", "red", "x", "y"]
    with pytest.raises(TypeError, match="exclude each other"):
        Query(1, default_factory=count)


def test_returns_of_types_of_their_own_kind() -> None:
    import collections

    def handler():
        return [
            collections.deque([1]),
            collections.UserDict(a=1),
            {"a": 1}.keys(),
            range(2),
            {Colour.RED: Size.SMALL},
            msgspec.Raw(b"[1]"),
        ]

    assert call(handler).json() == [[1], {"a": 1}, ["a"], [0, 1], {"red": 1}, [1]]


@pytest.mark.parametrize(
    ("annotation", "query", "expected"),
    [
        (Annotated[int, Query(alias="z", ge=1)] | None, "z=4", 4),
        (Annotated[int, Query(alias="z", ge=1)] | None, "", None),
        (Annotated[int, Query(alias="z", ge=1)] | None, "z=0", "greater_than_equal"),
        (date, "v=0000-01-01", "date_parsing"),
        (datetime, "v=0000-01-01T00:00:00Z", "datetime_parsing"),
        (timedelta, "v=P99999999999D", "duration_parsing"),
        (Decimal, "v=1e99999", "string_pattern_mismatch"),
        (Decimal, "v=NaN", "string_pattern_mismatch"),
        (date, "v=20240101", "date_parsing"),
        (Colour, "v=RED", "enum"),
        (tuple[int, str], "v=1&v=2", [1, "2"]),
        (tuple[int, str], "v=x&v=2", "int_parsing"),
        (tuple[int, str], "v=1", "too_short"),
        (tuple[int, int], "v=1&v=2", [1, 2]),
        (tuple[int, date] | None, "v=1&v=2024-01-01", [1, "2024-01-01"]),
        (int | list[int], "v=1&v=2", [1, 2]),
        (dict[str, Small], "v[a]=1", {"a": 1}),
        (dict[str, Small], "v[a]=10", "less_than"),
        (set[UUID] | None, f"v={TEXT}", [TEXT]),
    ],
)
def test_queries_of_several_values(annotation: Any, query: str, expected: Any) -> None:
    def handler(v):
        return v

    handler.__annotations__["v"] = annotation
    reply = call(handler, f"/?{query}")
    if reply.status_code == 200:
        assert reply.json() == expected
    else:
        assert [one["type"] for one in rows(reply)] == [expected]


@pytest.mark.parametrize(
    ("annotation", "sent", "kind", "words"),
    [
        (date, "x", "date_parsing", "Input should be a valid date"),
        (UUID, "x", "uuid_parsing", "Input should be a valid UUID"),
        (Colour, "x", "value_error", "Invalid enum value 'x'"),
        (set[int], "x", "value_error", "Expected `array`, got `str`"),
    ],
)
def test_types_hold_where_schemas_are_replaced(
    annotation: Any, sent: Any, kind: str, words: str
) -> None:
    def handler(v):
        return v

    handler.__annotations__["v"] = Annotated[annotation, Query(schema={"type": "string"})]
    assert rows(call(handler, f"/?v={sent}")) == [row(kind, ["query", "v"], words, sent)]
