"""pydantic: models alone and inside of other types, aliases, computed fields, validators."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from datetime import date
from decimal import Decimal
from typing import Annotated, Any, Generic, Literal, TypeVar

import msgspec
import pydantic
import pytest
from serving import body, call, refused, row

from spikard import Body, HttpProblem, Query, RouteError, Spikard

T = TypeVar("T")
INTEGER = "Input should be a valid integer, unable to parse string as an integer"


class Item(pydantic.BaseModel):
    name: Annotated[str, pydantic.Field(min_length=2)]
    price: Decimal = Decimal("1.5")
    day: date | None = None


class Order(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="forbid")

    item_list: list[Item] = pydantic.Field(alias="itemList")
    note: str = pydantic.Field(default="", serialization_alias="remark")

    @pydantic.computed_field
    @property
    def count(self) -> int:
        return len(self.item_list)


class Named(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(populate_by_name=True)

    full_name: str = pydantic.Field(alias="fullName")


class Several(pydantic.BaseModel):
    name: str = pydantic.Field(validation_alias=pydantic.AliasChoices("name", "title"))


class Node(pydantic.BaseModel):
    value: int
    next: Node | None = None


class Cat(pydantic.BaseModel):
    kind: Literal["cat"]
    lives: int


class Dog(pydantic.BaseModel):
    kind: Literal["dog"]
    name: str

    @pydantic.field_validator("name")
    @classmethod
    def _calm(cls, name: str) -> str:
        if name == "Rex":
            raise ValueError("too wild")
        return name


class Page(pydantic.BaseModel, Generic[T]):
    items: list[T]


class Checked(pydantic.BaseModel):
    low: int
    high: int
    words: list[str] = []

    @pydantic.field_validator("words", mode="before")
    @classmethod
    def _split(cls, words: Any) -> Any:
        return words.split(",") if isinstance(words, str) else words

    @pydantic.field_validator("low")
    @classmethod
    def _even(cls, low: int) -> int:
        if low == 13:
            raise RuntimeError("secret of the program")
        if low == 14:
            raise TypeError("secret of the program")
        if low == 15:
            raise HttpProblem(409, detail="15 is taken")
        if low % 2:
            raise AssertionError("low must be even")
        return low

    @pydantic.model_validator(mode="after")
    def _ordered(self) -> Checked:
        if self.low > self.high:
            raise ValueError("low is above high")
        return self


class Holder(msgspec.Struct):
    item: Item
    orders: list[Order] = []
    checked: dict[str, Checked] | None = None


@dataclasses.dataclass
class Kept:
    checks: list[Checked]


Pet = Annotated[Cat | Dog, pydantic.Field(discriminator="kind")]
Even = Annotated[int, pydantic.AfterValidator(lambda value: value + value % 2)]


@pytest.mark.parametrize("transport", ["inject", "socket"])
@pytest.mark.parametrize(
    ("annotation", "sent", "value", "told"),
    [
        (
            Item,
            {"name": "ab", "day": "2024-02-29"},
            Item(name="ab", day=date(2024, 2, 29)),
            {"name": "ab", "price": "1.5", "day": "2024-02-29"},
        ),
        (
            Order,
            {"itemList": [{"name": "ab", "price": 2.25}]},
            Order(itemList=[Item(name="ab", price=Decimal("2.25"))]),
            {
                "itemList": [{"name": "ab", "price": "2.25", "day": None}],
                "remark": "",
                "count": 1,
            },
        ),
        (Named, {"full_name": "A"}, Named(fullName="A"), {"fullName": "A"}),
        (Named, {"fullName": "A"}, Named(fullName="A"), {"fullName": "A"}),
        (Several, {"title": "A"}, Several(name="A"), {"name": "A"}),
        (
            Node,
            {"value": 1, "next": {"value": 2}},
            Node(value=1, next=Node(value=2)),
            {"value": 1, "next": {"value": 2, "next": None}},
        ),
        (
            list[Pet],
            [{"kind": "dog", "name": "Bo"}],
            [Dog(kind="dog", name="Bo")],
            [{"kind": "dog", "name": "Bo"}],
        ),
        (
            Page[Cat],
            {"items": [{"kind": "cat", "lives": 1}]},
            Page[Cat](items=[Cat(kind="cat", lives=1)]),
            {"items": [{"kind": "cat", "lives": 1}]},
        ),
        (
            Checked,
            {"low": 2, "high": 3, "words": "a,b"},
            Checked(low=2, high=3, words=["a", "b"]),
            {"low": 2, "high": 3, "words": ["a", "b"]},
        ),
        (
            Holder,
            {"item": {"name": "ab"}, "orders": [{"itemList": []}]},
            Holder(Item(name="ab"), [Order(itemList=[])]),
            {
                "item": {"name": "ab", "price": "1.5", "day": None},
                "orders": [{"itemList": [], "remark": "", "count": 0}],
                "checked": None,
            },
        ),
        (
            Kept | Item,
            {"checks": [{"low": 0, "high": 0}]},
            Kept([Checked(low=0, high=0)]),
            {"checks": [{"low": 0, "high": 0, "words": []}]},
        ),
        (dict[str, Cat], {"a": {"kind": "cat", "lives": 1}}, {"a": Cat(kind="cat", lives=1)}, ...),
        (Item | None, None, None, None),
        (Annotated[list[Even], Body()], [1, 2], [2, 2], [2, 2]),
    ],
)
def test_bodies_are_models(
    annotation: Any, sent: Any, value: Any, told: Any, transport: str
) -> None:
    got, answered = body(annotation, sent, transport=transport)
    assert (got, type(got)) == (value, type(value))
    assert answered == (sent if told is ... else told)


@pytest.mark.parametrize(
    ("annotation", "sent", "expected"),
    [
        (
            Item,
            {"name": "a", "day": "x"},
            [
                row("date_parsing", ["body", "day"], "Input should be a valid date", "x"),
                row(
                    "string_too_short",
                    ["body", "name"],
                    "String should have at least 2 characters",
                    "a",
                    min_length=2,
                ),
            ],
        ),
        (
            Order,
            {"itemList": [{}], "more": 1},
            [
                row("missing", ["body", "itemList", "0", "name"], "Field required", {}),
                row("extra_forbidden", ["body", "more"], "Extra inputs are not permitted", 1),
            ],
        ),
        (Named, {}, [row("missing", ["body", "fullName"], "Field required", {})]),
        (
            Checked,
            {"low": 1, "high": 2},
            [row("assertion_error", ["body", "low"], "Assertion failed, low must be even", 1)],
        ),
        (
            Checked,
            {"low": 4, "high": 2},
            [
                row(
                    "value_error",
                    ["body"],
                    "Value error, low is above high",
                    {"low": 4, "high": 2},
                )
            ],
        ),
        (
            Checked,
            {"low": 2, "high": 2, "words": [1]},
            [row("string_type", ["body", "words", "0"], "Input should be a valid string", 1)],
        ),
        (
            list[Pet],
            [{"kind": "dog", "name": "Bo"}, {"kind": "dog", "name": "Rex"}],
            [row("value_error", ["body", "1", "name"], "Value error, too wild", "Rex")],
        ),
        (
            Holder,
            {"item": {"name": "ab"}, "orders": [{"itemList": [{"name": "x"}]}]},
            [
                row(
                    "string_too_short",
                    ["body", "orders", "0", "itemList", "0", "name"],
                    "String should have at least 2 characters",
                    "x",
                    min_length=2,
                )
            ],
        ),
        (
            Kept,
            {"checks": [{"low": 0, "high": 1}, {"low": 1, "high": 1}]},
            [
                row(
                    "assertion_error",
                    ["body", "checks", "1", "low"],
                    "Assertion failed, low must be even",
                    1,
                )
            ],
        ),
        (
            Node,
            {"value": 1, "next": {}},
            [row("missing", ["body", "next", "value"], "Field required", {})],
        ),
    ],
)
def test_refusals_of_models(annotation: Any, sent: Any, expected: list[Any]) -> None:
    assert refused(annotation, sent) == expected


@pytest.mark.parametrize("low", [13, 14])
@pytest.mark.parametrize("annotation", [Checked, Kept, list[Checked]])
def test_mistakes_of_validators_are_not_told(annotation: Any, low: int) -> None:
    def handler(value):
        raise AssertionError("never called")

    handler.__annotations__["value"] = annotation
    one = {"low": low, "high": 20}
    sent = {Checked: one, Kept: {"checks": [one]}}.get(annotation, [one])
    reply = call(handler, method="POST", json=sent)
    assert reply.status_code == 500
    assert "secret" not in reply.text


def test_problems_that_validators_raise_are_the_reply() -> None:
    def handler(value: Checked):
        raise AssertionError("never called")

    reply = call(handler, method="POST", json={"low": 15, "high": 20})
    assert (reply.status_code, reply.json()["detail"]) == (409, "15 is taken")


def test_types_of_pydantic_outside_bodies() -> None:
    def handler(
        even: Even = 0,
        url: pydantic.HttpUrl | None = None,
        few: Annotated[list[pydantic.PositiveInt], pydantic.Field(max_length=2)] = Query([1]),
        size: int = pydantic.Field(3, ge=1),
    ):
        return [even, None if url is None else url.host, few, size]

    assert call(handler).json() == [0, None, [1], 3]
    reply = call(handler, "/?even=3&url=http://a.example/&few=2&few=3&size=1")
    assert reply.json() == [4, "a.example", [2, 3], 1]
    reply = call(handler, "/?even=x&few=0&size=0")
    assert [(one["loc"], one["type"]) for one in reply.json()["errors"]] == [
        (["query", "even"], "int_parsing"),
        (["query", "few", "0"], "greater_than"),
        (["query", "size"], "greater_than_equal"),
    ]


def test_pydantic_and_attrs_are_imported_by_the_program_only() -> None:
    code = (
        "import sys, dataclasses, spikard\n"
        "from spikard.testing import TestClient\n"
        "app = spikard.Spikard()\n"
        "@dataclasses.dataclass\n"
        "class Point:\n"
        "    x: int\n"
        "@app.post('/')\n"
        "def handler(point: Point, q: list[int] = []):\n"
        "    return point\n"
        "with TestClient(app) as client:\n"
        "    assert client.post('/', json={'x': 1}).json() == {'x': 1}\n"
        "    assert client.post('/', json={}).status_code == 422\n"
        "print([name for name in ('pydantic', 'pydantic_core', 'attr', 'attrs', 'annotated_types')"
        " if name in sys.modules])\n"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (ran.stdout, ran.returncode) == ("[]\n", 0), ran.stderr


class Uncalled(msgspec.Struct):
    numbers: list[Even]


def test_validators_are_called_or_refused() -> None:
    assert body(Annotated[Holder | Even, Body()], 3) == (4, 4)

    def handler(value: Uncalled): ...

    with pytest.raises(RouteError) as caught:
        Spikard().post("/")(handler)
    assert str(caught.value).endswith(
        ": parameter 'value' holds Uncalled, where 'numbers' has a validator that only pydantic's "
        "own classes call; make it one of them"
    )
