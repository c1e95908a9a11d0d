"""What is refused at the decorator, word by word, and what the program teaches the package."""

from __future__ import annotations

import dataclasses
import enum
import sys
from typing import Annotated, Any, Literal, TypeVar

import annotated_types
import msgspec
import pytest
from serving import body, call, refused, row, rows
from typing_extensions import TypeAliasType

import spikard
from spikard import (
    Body,
    Header,
    Path,
    Query,
    RouteError,
    Spikard,
    register_decoder,
    register_encoder,
)

T = TypeVar("T")


class Item(msgspec.Struct):
    name: str


@dataclasses.dataclass
class Point:
    x: int


class Unknown:
    """No type of a value."""


class Mixed(enum.Enum):
    A = "a"
    ONE = 1


class Blurred(msgspec.Struct):
    either: Point | Spot


@dataclasses.dataclass
class Spot:
    y: int


class Lost(msgspec.Struct):
    other: Nowhere  # noqa: F821


def two_bodies(a: Item, b: Point): ...
def unannotated(a): ...
def unsupported(a: Unknown): ...
def held(a: list[Unknown] = Body()): ...
def any_number(*values: int): ...
def any_keyword(**values: int): ...
def undefined(a: Nowhere): ...  # noqa: F821
def lost(a: Lost): ...
def bounded(a: Annotated[str, Query(ge=1)]): ...
def mixed(a: Mixed): ...
def blurred(a: Blurred): ...
def checked(a: Annotated[int, annotated_types.Predicate(bool)]): ...
def elsewhere(a: Annotated[int, Path()]): ...
def empty_group(a: Annotated[Empty, Query()]): ...
def generator():
    yield 1


class Empty(msgspec.Struct):
    pass


@pytest.mark.parametrize(
    ("handler", "words"),
    [
        (
            two_bodies,
            "parameter 'b' is a second body beside 'a'; make one class of both, or say where it "
            "is read from, for example with Query()",
        ),
        (
            unannotated,
            "parameter 'a' has no annotation; write its type, for example `a: str`, or "
            "`a: Request` for the request itself",
        ),
        (
            unsupported,
            "parameter 'a' is or holds Unknown, a type without a JSON form; tell how it is made "
            "with register_decoder(Unknown, ...)",
        ),
        (
            held,
            "parameter 'a' is or holds Unknown, a type without a JSON form; tell how it is made "
            "with register_decoder(Unknown, ...)",
        ),
        (
            any_number,
            "parameter 'values' stands for any number of values; name each parameter instead",
        ),
        (
            any_keyword,
            "parameter 'values' stands for any number of values; name each parameter instead",
        ),
        (
            undefined,
            "an annotation names 'Nowhere', which is not defined where the route is registered; "
            "define or import it above the handler",
        ),
        (
            lost,
            "parameter 'a' holds Lost, which names 'Nowhere'; define or import it in the module "
            "test_registration, where annotations of classes are looked up",
        ),
        (
            bounded,
            "parameter 'a' has a limit, 'ge', that its type does not have; take it away",
        ),
        (
            mixed,
            "parameter 'a' is or holds Mixed; an Enum's values are either all str or all int",
        ),
        (
            blurred,
            "parameter 'a' cannot be read from JSON (Type unions may not contain more than one "
            "dataclass or attrs type - type `test_registration.Point | test_registration.Spot` "
            "is not supported); change that, or give Structs in a union tags",
        ),
        (
            checked,
            "parameter 'a' has a predicate, which is checked nowhere; register_decoder() a class "
            "of your own",
        ),
        (
            elsewhere,
            "parameter 'a' is read from the path, but '/' has no {a}; put it there, or read the "
            "value from elsewhere",
        ),
        (
            empty_group,
            "parameter 'a' has no members that a request could name; give its class some",
        ),
        (generator, "a handler returns its result; it does not yield"),
    ],
)
def test_refusals_name_function_place_and_fix(handler: Any, words: str) -> None:
    with pytest.raises(RouteError) as caught:
        Spikard().route("/", "POST")(handler)
    line = handler.__code__.co_firstlineno
    assert str(caught.value) == f"{handler.__name__} ({__file__}:{line}): {words}"


def test_refusals_of_paths() -> None:
    def defaulted(id: int = 1): ...
    def missing(other: int): ...
    def misnamed(id: Annotated[int, Path(alias="key")]): ...

    app = Spikard()
    place = f"test_refusals_of_paths.<locals>.{{}} ({__file__}:{{}}): {{}}"
    for handler, words in [
        (
            defaulted,
            "parameter 'id' has a default, but a path always holds its value; take the default "
            "away",
        ),
        (
            missing,
            "the path '/items/{id:int}' has {id}, which the function does not take; add "
            "`id: str` to its parameters",
        ),
        (
            misnamed,
            "parameter 'id' is read from the path, but '/items/{id:int}' has no {key}; put it "
            "there, or read the value from elsewhere",
        ),
    ]:
        with pytest.raises(RouteError) as caught:
            app.get("/items/{id:int}")(handler)
        line = handler.__code__.co_firstlineno
        assert str(caught.value) == place.format(handler.__name__, line, words)
    assert app.routes == ()


def test_refusal_of_a_route_that_is_there_already() -> None:
    app = Spikard()

    @app.get("/items/{id}")
    def first(id: str): ...

    def second(name: str): ...

    with pytest.raises(RouteError) as caught:
        app.get("/items/{name}")(second)
    line = second.__code__.co_firstlineno
    name = "test_refusal_of_a_route_that_is_there_already.<locals>.second"
    assert str(caught.value) == (
        f"{name} ({__file__}:{line}): route 'second' (GET /items/{{name}}): the "
        "route 'first' (/items/{id}) already takes GET on this shape; change one of the two"
    )
    assert len(app.routes) == 1


def test_refusal_without_an_application(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Spikard, "current_instance", None)
    with pytest.raises(RuntimeError) as caught:
        spikard.get("/")
    assert str(caught.value) == (
        "@get has no application to register on: write `app = Spikard()` above it, or use "
        "`@app.get`"
    )


class Money:
    """A type of the program's own."""

    def __init__(self, cents: int) -> None:
        self.cents = cents

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Money) and other.cents == self.cents

    __hash__ = None


def money(value: Any) -> Money:
    if value < 0:
        raise ValueError("money is not negative")
    return Money(value)


class Temperature(msgspec.Struct):
    kelvin: float


class Bill(msgspec.Struct):
    total: Money
    parts: list[Money] = []


@pytest.fixture
def registered(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("_decoders", "_encoders"):
        monkeypatch.setattr(spikard.custom, name, {})
    monkeypatch.setattr(spikard.custom, "_general", [])
    register_decoder(Money, money, schema={"type": "integer"})
    register_encoder(Money, lambda value: value.cents)
    register_decoder(Temperature, lambda value: Temperature(value + 273.15))


@pytest.mark.usefixtures("registered")
def test_registered_types_everywhere() -> None:
    assert body(Bill, {"total": 1, "parts": [2]}) == (
        Bill(Money(1), [Money(2)]),
        {"total": 1, "parts": [2]},
    )
    assert body(Annotated[Money | None, Body()], 3) == (Money(3), 3)
    assert body(Annotated[list[Temperature], Body()], [0])[0] == [Temperature(273.15)]

    def handler(cost: Money, limit: Annotated[Money, Header()] = Money(9)):
        return [cost, limit]

    assert call(handler, "/?cost=5").json() == [5, 9]
    assert call(handler, "/?cost=5", headers={"limit": "7"}).json() == [5, 7]
    assert rows(call(handler, "/?cost=-1", headers={"limit": "-2"})) == [
        row("value_error", ["query", "cost"], "money is not negative", -1),
        row("value_error", ["headers", "limit"], "money is not negative", -2),
    ]
    assert refused(Bill, {"total": 1, "parts": [2, -1]}) == [
        row("value_error", ["body", "parts", "1"], "money is not negative", -1)
    ]
    assert [one["type"] for one in refused(Bill, {"total": "x"})] == ["int_parsing"]


@pytest.mark.usefixtures("registered")
def test_general_decoders_pass_on_what_they_do_not_know() -> None:
    def nothing(kind: Any, value: Any) -> Any:
        raise NotImplementedError

    def reversing(kind: Any, value: Any) -> Any:
        if kind is not Unknown:
            raise NotImplementedError
        made = Unknown()
        made.__dict__["text"] = value[::-1]
        return made

    register_decoder(nothing)
    register_decoder(reversing)

    def handler(a: Unknown):
        return a.__dict__

    assert call(handler, "/?a=xyz").json() == {"text": "zyx"}


class Filters(msgspec.Struct, rename={"words": "q"}):
    words: list[str] = []
    limit: Annotated[int, annotated_types.Le(100)] = 10
    kind: Literal["a", "b"] | None = None
    point: Point | None = None


@dataclasses.dataclass
class Client:
    user_agent: str
    x_depth: int = 0


def test_classes_gather_values_of_one_source() -> None:
    def handler(
        filters: Annotated[Filters, Query()], client: Annotated[Client, Header()], page: int = 1
    ):
        return [filters, client, page]

    reply = call(handler, "/?q=a&q=b&kind=b&point[x]=3&page=2", headers={"user-agent": "me"})
    assert reply.json() == [
        {"q": ["a", "b"], "limit": 10, "kind": "b", "point": {"x": 3}},
        {"user_agent": "me", "x_depth": 0},
        2,
    ]
    reply = call(handler, "/?limit=101&kind=c", headers={"x-depth": "x", "user-agent": "me"})
    assert [(one["loc"], one["type"]) for one in rows(reply)] == [
        (["query", "kind"], "enum"),
        (["query", "limit"], "less_than_equal"),
        (["headers", "x-depth"], "int_parsing"),
    ]


Items = TypeAliasType("Items", list[Item])
Pair = TypeAliasType("Pair", tuple[T, T], type_params=(T,))


def test_type_aliases() -> None:
    assert body(Items, [{"name": "a"}]) == ([Item("a")], [{"name": "a"}])
    assert body(dict[str, Items] | None, {"a": []}) == ({"a": []}, {"a": []})
    pair = Annotated[Pair[int], Body()]
    assert body(pair, [1, 2]) == ((1, 2), [1, 2])


if sys.version_info >= (3, 12):

    def test_aliases_that_name_themselves_are_refused() -> None:
        names: dict[str, Any] = {}
        exec("type Tree = dict[str, Tree] | int", names)

        def handler(tree): ...

        handler.__annotations__["tree"] = names["Tree"]
        with pytest.raises(RouteError) as caught:
            Spikard().post("/")(handler)
        assert str(caught.value).endswith(
            ": parameter 'tree' is or holds an alias that names itself; make a class of it"
        )
