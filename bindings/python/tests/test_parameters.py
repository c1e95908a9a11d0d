"""Parameters: where they are read from, and what values arrive."""

from __future__ import annotations

import enum
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Annotated, Any, Literal, NewType, Optional
from uuid import UUID

import msgspec
import pytest

from calling import Colour, call
from spikard import Cookie, Header, Path, Query, Request


class Size(enum.IntEnum):
    SMALL = 1
    LARGE = 2


UserId = NewType("UserId", int)


def seen(annotation: Any, query: str) -> Any:
    """The value of a query parameter `v`, as the handler saw it."""
    got: list[Any] = []

    def handler(v):
        got.append(v)

    handler.__annotations__["v"] = annotation
    reply = call(handler, f"/?{query}")
    assert reply.status_code == 200, reply.text
    return got[0]


@pytest.mark.parametrize(
    ("annotation", "query", "value"),
    [
        (int, "v=-7", -7),
        (float, "v=2", 2.0),
        (bool, "v=TRUE", True),
        (bool, "v=", False),
        (str, "v=a%20b", "a b"),
        (UserId, "v=3", 3),
        (
            UUID,
            "v=6f1bc1b5-3a5d-4bd0-9ea7-4cbf0d2b1c0a",
            UUID("6f1bc1b5-3a5d-4bd0-9ea7-4cbf0d2b1c0a"),
        ),
        (date, "v=2024-02-29", date(2024, 2, 29)),
        (datetime, "v=2024-02-29T10:00:00Z", datetime(2024, 2, 29, 10, tzinfo=timezone.utc)),
        (time, "v=10:30:00Z", time(10, 30, tzinfo=timezone.utc)),
        (timedelta, "v=PT90S", timedelta(seconds=90)),
        (Decimal, "v=1.10", Decimal("1.10")),
        (Colour, "v=blue", Colour.BLUE),
        (Size, "v=2", Size.LARGE),
        (Literal["a", "b"], "v=b", "b"),
        (Literal[1, 2], "v=2", 2),
        (list[int], "v=1&v=2", [1, 2]),
        (list[str], "v=x", ["x"]),
        (list[Colour], "v=red&v=blue", [Colour.RED, Colour.BLUE]),
        (set[int], "v=1&v=2", {1, 2}),
        (tuple[int, ...], "v=1&v=2", (1, 2)),
        (Optional[int], "v=5", 5),  # noqa: UP045
        (int | None, "", None),
        (UUID | None, "", None),
        (Annotated[int, Query(ge=1)], "v=1", 1),
        (Annotated[int, msgspec.Meta(ge=1)], "v=1", 1),
        (Query[int], "v=4", 4),
        (Annotated[int, Query], "v=4", 4),
    ],
)
def test_delivers_query_values_as_annotated(annotation: Any, query: str, value: Any) -> None:
    got = seen(annotation, query)
    assert got == value
    assert type(got) is type(value)


@pytest.mark.parametrize(
    ("annotation", "query", "fault"),
    [
        (int, "v=x", "int_parsing"),
        (int, "", "missing"),
        (UUID, "v=x", "uuid_parsing"),
        (datetime, "v=2024-02-29T10:00:00", "datetime_parsing"),
        (Colour, "v=green", "enum"),
        (Size, "v=3", "enum"),
        (Decimal, "v=x", "string_pattern_mismatch"),
        (Annotated[int, Query(ge=1)], "v=0", "greater_than_equal"),
        (Annotated[int, Query(gt=0, le=9)], "v=10", "less_than_equal"),
        (Annotated[str, Query(min_length=2)], "v=x", "string_too_short"),
        (Annotated[str, Query(pattern="^a")], "v=b", "string_pattern_mismatch"),
        (Annotated[list[int], Query(max_length=1)], "v=1&v=2", "too_long"),
        (Annotated[int, Query(lt=3)] | None, "v=3", "less_than"),
        (list[Annotated[int, msgspec.Meta(ge=1)]], "v=0", "greater_than_equal"),
    ],
)
def test_refuses_query_values_outside_their_type(annotation: Any, query: str, fault: str) -> None:
    def handler(v):
        raise AssertionError("never called")

    handler.__annotations__["v"] = annotation
    reply = call(handler, f"/?{query}")
    assert reply.status_code == 422
    assert [row["type"] for row in reply.json()["errors"]] == [fault]
    assert reply.json()["errors"][0]["loc"][:2] == ["query", "v"]


def test_reads_each_source() -> None:
    def handler(
        item_id: int,
        q: str = "none",
        x_token: str = Header(),
        lang: Annotated[str, Header(alias="Accept-Language")] = "en",
        session: str = Cookie(min_length=3),
        *,
        limit: int = Query(10, alias="max"),
    ):
        return [item_id, q, x_token, lang, session, limit]

    reply = call(
        handler,
        "/items/7",
        "/items/{item_id:int}",
        headers={"X-Token": "t"},
        cookies={"session": "abc"},
    )
    assert reply.json() == [7, "none", "t", "en", "abc", 10]
    reply = call(
        handler,
        "/items/7?q=x&max=3",
        "/items/{item_id:int}",
        headers={"x-token": "t", "accept-language": "de"},
        cookies={"session": "abc"},
    )
    assert reply.json() == [7, "x", "t", "de", "abc", 3]


def test_python_defaults_apply_to_what_is_absent() -> None:
    marker = object()

    def handler(a: int = 1, b: str | None = "b", c: list[int] = marker, d: UUID | None = None):
        return [a, b, c is marker, d]

    assert call(handler, "/").json() == [1, "b", True, None]
    assert call(handler, "/?c=1&d=").status_code == 422
    assert call(handler, "/?b=x").json() == [1, "x", True, None]


def test_limits_of_marker_and_annotation_unite() -> None:
    def handler(v: Annotated[int, msgspec.Meta(le=3)] = Query(ge=0)):
        return v

    assert [call(handler, f"/?v={v}").status_code for v in (-1, 0, 3, 4)] == [422, 200, 200, 422]


def test_default_of_a_marker_arrives_as_its_type() -> None:
    def handler(at: date = Query(date(2024, 1, 2)), kind: Colour = Query(Colour.RED)):
        return [at.year, kind.name]

    assert call(handler).json() == [2024, "RED"]


def test_path_values_are_refined_by_the_annotation() -> None:
    def handler(id: Annotated[int, Path(ge=1)]):
        return id

    assert call(handler, "/5", "/{id:int}").json() == 5
    assert call(handler, "/0", "/{id:int}").status_code == 422

    def bare(id):
        return [id]

    assert call(bare, "/5", "/{id:int}").json() == [5]
    assert call(bare, "/5", "/{id}").json() == ["5"]
    assert call(bare, "/5", "/:id").json() == ["5"]


def test_path_names_that_the_function_does_not_take_are_in_the_request() -> None:
    def handler(b: int, request: Request):
        return [b, request.path_params]

    assert call(handler, "/x/2", "/{a}/{b:int}").json() == [2, {"a": "x", "b": 2}]
