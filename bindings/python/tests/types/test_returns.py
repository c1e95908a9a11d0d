"""Return annotations: what is written for a type satisfies its schema, and what is not does not."""

from __future__ import annotations

import collections.abc
import dataclasses
import enum
import functools
import logging
from collections.abc import Awaitable, Sequence
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from pathlib import PurePath
from typing import Annotated, Any, Generic, Literal, NamedTuple, TypedDict, TypeVar
from uuid import UUID

import attrs
import msgspec
import pydantic
import pytest
from annotated_types import Ge, Len
from typing_extensions import NotRequired

from spikard import (
    Response,
    RouteError,
    ServerConfig,
    Spikard,
    register_decoder,
    register_encoder,
    returns,
)
from spikard.testing import TestClient

T = TypeVar("T")
PROBLEM = {
    "type": "https://spikard.dev/errors/internal-server-error",
    "title": "Internal Server Error",
    "status": 500,
    "detail": "Internal server error",
}
NAIVE = datetime(2024, 2, 29, 12, 30, 15, 250)
AWARE = datetime(2024, 2, 29, 12, 30, tzinfo=timezone(timedelta(hours=-3, minutes=-30)))


class Colour(enum.Enum):
    RED = "red"


class Mixed(enum.Enum):
    ONE = 1
    TWO = "two"


class Size(enum.IntFlag):
    SMALL = 1
    LARGE = 2


class Item(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    item_name: str
    price: Annotated[Decimal, msgspec.Meta(ge=0)] = Decimal("1.50")
    parts: list[Item] = []


class Sparse(msgspec.Struct, omit_defaults=True, tag="sparse"):
    kept: int
    maybe: int | msgspec.UnsetType = msgspec.UNSET
    at: datetime | None = None


class Unset(msgspec.Struct):
    never: int | msgspec.UnsetType


class Listed(msgspec.Struct, array_like=True, tag="listed"):
    low: int
    high: int = 10


class Page(msgspec.Struct, Generic[T]):
    items: list[T]


@dataclasses.dataclass
class Point:
    x: int
    _hidden: int = 3
    total: int = dataclasses.field(init=False, default=4)


@dataclasses.dataclass
class Hidden:
    _token: str
    name: str


class Movie(TypedDict):
    title: str
    year: NotRequired[int]


class Span(NamedTuple):
    low: int
    high: int = 10


@attrs.define
class Account:
    name: str
    _secret: str = "x"


class Money:
    def __init__(self, cents: int) -> None:
        self.cents = cents


class Stranger:
    pass


class User(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="forbid")

    full_name: str = pydantic.Field(alias="fullName", serialization_alias="name")
    friends: list[User] = []
    born: datetime | None = None
    wakes: time | None = None
    naps: timedelta | None = None
    worth: Decimal = Decimal(0)
    secret: str = pydantic.Field(default="", exclude=True)

    @pydantic.computed_field
    @property
    def initial(self) -> str:
        return self.full_name[0]


class Coded(pydantic.BaseModel):
    number: int
    tags: Annotated[list[str], pydantic.PlainSerializer(",".join)]
    size: Annotated[int, pydantic.PlainSerializer(str, return_type=str)]
    early: Annotated[int, pydantic.BeforeValidator(int)] = 1

    @pydantic.field_serializer("number")
    def _text(self, number):
        return str(number)


class Whole(pydantic.BaseModel):
    x: int

    @pydantic.model_serializer
    def _list(self):
        return [self.x]


class Numbers(pydantic.RootModel[list[int]]):
    pass


class Box(pydantic.BaseModel, Generic[T]):
    content: T


@pydantic.dataclasses.dataclass
class Plain:
    size: int = pydantic.Field(alias="Size")
    day: date = date(2024, 1, 1)


class Mine(Response):
    pass


register_decoder(Money, lambda value: Money(int(value)), schema={"type": "integer"})
register_encoder(Money, lambda value: f"{value.cents / 100:.2f} EUR")


def ask(annotation: Any, result: Any, **options: Any) -> Any:
    """The reply of a handler that is annotated so, returns this, and is judged."""
    app = Spikard()

    def handler():
        return result

    handler.__annotations__["return"] = annotation
    app.get("/", **{"response_validation": "error", **options})(handler)
    with TestClient(app) as client:
        return client.get("/")


ADA = User(
    fullName="Ada", born=NAIVE, wakes=time(7), naps=timedelta(hours=-1), worth=Decimal("1E5")
)
WRITTEN: list[tuple[Any, Any]] = [
    (int, 7),
    (float, 7),
    (float, 1e300),
    (bool, False),
    (str, "text"),
    (bytes, b"\x00"),
    (list[bytes], [b"\x00"]),
    (datetime, NAIVE),
    (list[datetime], [NAIVE, AWARE, datetime.now(timezone.utc)]),
    (dict[datetime, time], {NAIVE: time(1, 2, 3), AWARE: time(1, 2, tzinfo=timezone.utc)}),
    (list[timedelta], [timedelta(0), timedelta(days=-1), timedelta(weeks=60, microseconds=1)]),
    (list[date], [date(1, 1, 1), date(9999, 12, 31)]),
    (list[UUID], [UUID(int=0)]),
    (list[Decimal], [Decimal("1.10"), Decimal("-1E+5"), Decimal("0E-10")]),
    (Annotated[Decimal, Ge(1)], Decimal("1.5")),
    (dict[int, Annotated[int, Ge(0)]], {-1: 0}),
    (dict[Decimal, Any], {Decimal("1.5"): None}),
    (dict[Colour, int], {Colour.RED: 1}),
    (list[Colour], [Colour.RED]),
    (list[Mixed], [Mixed.ONE, Mixed.TWO]),
    (Size, Size.SMALL | Size.LARGE),
    (Literal["a", 1], 1),
    (PurePath, PurePath("a/b")),
    (set[int], {1, 2}),
    (frozenset[str], frozenset("a")),
    (tuple[int, str], (1, "a")),
    (tuple[int, ...], (1, 2, 3)),
    (collections.deque[int], collections.deque([1])),
    (Sequence[int], range(3)),
    (collections.abc.Mapping[str, int], {"a": 1}),
    (Item | None, None),
    (Item, Item("a", Decimal("1.10"), [Item("b")])),
    (Page[Item], Page([Item("a")])),
    (dict[str, Page[int]], {"a": Page([1])}),
    (Sparse, Sparse(1)),
    (Sparse, Sparse(1, 2, NAIVE)),
    (Unset, Unset(msgspec.UNSET)),
    (list[Sparse | Item], [Sparse(1)]),
    (Listed, Listed(1)),
    (Point, Point(1)),
    (Hidden, Hidden("t", "n")),
    (Movie, {"title": "a"}),
    (Span, Span(1)),
    (Account, Account("a")),
    (Money, Money(5)),
    (list[Money], [Money(5)]),
    (Stranger | None, None),
    (User, ADA),
    (list[User], [ADA, User(fullName="B", friends=[ADA])]),
    (dict[str, User | Item], {"a": ADA, "b": Item("a")}),
    (Coded, Coded(number=1, tags=["a"], size=2)),
    (Whole, Whole(x=1)),
    (Numbers, Numbers([1])),
    (Box[User], Box[User](content=ADA)),
    (Annotated[User, "noted"], ADA),
    (Plain, Plain(Size=1)),
    (list[Annotated[int, pydantic.PlainSerializer(str)]], [1]),
    (Annotated[list[int], Len(1, 2)], [1]),
]


@pytest.mark.parametrize(("annotation", "result"), WRITTEN, ids=lambda case: repr(case)[:40])
def test_what_is_written_for_a_type_satisfies_its_schema(annotation: Any, result: Any) -> None:
    reply = ask(annotation, result)
    assert reply.status_code == 200, returns.annotated_schema(annotation)
    assert reply.content == ask(annotation, result, response_validation="off").content


@pytest.mark.parametrize(
    ("annotation", "result"),
    [
        (int, ["7"]),
        (list[int], [1, "2"]),
        (list[datetime], ["today"]),
        (dict[str, int], {"a": None}),
        (Annotated[list[int], Len(1, 2)], []),
        (Item, {"itemName": 5}),
        (Item, {"item_name": "a"}),
        (Page[Item], {"items": [{"itemName": "a", "extra": 1}]}),
        (Sparse | None, {"type": "dense", "kept": 1}),
        (Point, {}),
        (Movie, {"title": "a", "year": "1999"}),
        (Span, (1, "2")),
        (Account, {"name": 1}),
        (list[Colour], ["blue"]),
        (User, {"fullName": "Ada"}),
        (list[User], [{**ADA.model_dump(mode="json", by_alias=True), "secret": "x"}]),
        (Coded, {"number": "1", "tags": "a"}),
        (Box[int], {"content": "x"}),
        (Plain, {"size": "x"}),
        (Item, None),
    ],
    ids=lambda case: repr(case)[:40],
)
def test_what_does_not_fit_is_a_500(annotation: Any, result: Any) -> None:
    reply = ask(annotation, result)
    assert (reply.status_code, reply.json()) == (500, PROBLEM)
    assert ask(annotation, result, response_validation="warn").status_code == 200
    assert ask(annotation, result, response_schema=None).status_code == 200


@pytest.mark.parametrize(
    "annotation",
    [
        None,
        Any,
        object,
        Stranger,
        Response,
        Mine,
        Item | Response,
        Annotated[Response, "noted"],
        Awaitable[Item],
        Annotated[int, Len(1)],
    ],
    ids=repr,
)
def test_annotations_that_promise_nothing_are_not_checked(annotation: Any) -> None:
    assert returns.annotated_schema(annotation) is None
    assert ask(annotation, {"any": "thing"}).status_code == 200


def test_a_schema_that_the_engine_cannot_compile_is_left_out_of_annotations_only() -> None:
    python_only = Annotated[str, msgspec.Meta(pattern=r"a\Z")]
    assert ask(list[python_only], ["a"]).status_code == 200
    with pytest.raises(RouteError, match=r"handler \(.*the response: the schema does not compile"):
        ask(Any, None, response_schema=list[python_only])


def test_an_explicit_schema_or_type_replaces_the_annotation() -> None:
    assert ask(int, {"a": 1}, response_schema=dict[str, int]).status_code == 200
    assert ask(Any, {"a": "b"}, response_schema=dict[str, int]).status_code == 500
    closed = {"additionalProperties": False}
    assert ask(Any, {"a": 1}, response_schema=closed).status_code == 500
    assert ask(closed, {}, response_schema=closed).status_code == 200
    assert ask(Any, {"a": 1}, response_schema=Any).status_code == 200


def test_options_that_say_nothing_are_refused_where_they_stand() -> None:
    with pytest.raises(
        RouteError, match=r"handler \(.*: response_schema is <.*Stranger'>, no JSON"
    ):
        ask(Any, None, response_schema=Stranger)
    with pytest.raises(
        RouteError, match=r"handler \(.*: response_schema has a limit, 'min_length'"
    ):
        ask(Any, None, response_schema=Annotated[int, Len(1)])
    with pytest.raises(
        RouteError, match=r'handler \(.*"loud" is not one of "off", "warn", "error"'
    ):
        ask(Any, None, response_validation="loud")


def test_wrapped_handlers_and_coroutines_promise_what_they_are_annotated_with() -> None:
    app = Spikard(ServerConfig(response_validation="error"))

    def plain(fits: bool) -> list[int]:
        return [1] if fits else ["1"]  # type: ignore[list-item]

    @app.get("/async")
    async def coroutine(fits: bool) -> list[int]:
        return plain(fits)

    app.get("/partial")(functools.partial(plain))
    with TestClient(app) as client:
        for path in ("/async", "/partial"):
            assert client.get(f"{path}?fits=1").status_code == 200
            assert client.get(f"{path}?fits=0").status_code == 500
            assert client.get(f"{path}?fits=x").status_code == 422


def test_nothing_is_judged_unless_the_configuration_says_so() -> None:
    app = Spikard()

    @app.get("/")
    def handler() -> list[int]:
        return ["1"]  # type: ignore[list-item]

    for validation, status in (("off", 200), ("warn", 200), ("error", 500)):
        with TestClient(app, config={"response_validation": validation}) as client:
            assert client.get("/").status_code == status
    with TestClient(app) as client:
        assert client.get("/").status_code == 200


def test_the_log_names_route_request_and_fault_but_no_value(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, "spikard")
    app = Spikard()

    @app.get("/items/{id}")
    def item(id: str) -> Item:
        return {"itemName": 5, "token": "hunter2"}  # type: ignore[return-value]

    for validation, level, outcome in (
        ("warn", "WARNING", "sent as it is"),
        ("error", "ERROR", "500"),
    ):
        caplog.clear()
        with TestClient(app, config={"response_validation": validation}) as client:
            client.get("/items/7", headers={"x-request-id": "abc"})
        assert [(record.levelname, record.getMessage()) for record in caplog.records] == [
            (
                level,
                f"item (/items/{{id}}) replied what its response schema does not allow, {outcome}: "
                "body.itemName string_type, body.token extra_forbidden [abc]",
            )
        ]
