"""Forms as handlers take them: field by field, as one class, and through the test client."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from typing import Annotated, Any

import msgspec
import pytest

from spikard import Form, Query, RouteError, Spikard
from spikard.signature import FIELD
from spikard.testing import TestClient


class Order(msgspec.Struct):
    item: str
    count: Annotated[int, msgspec.Meta(ge=1)] = 1
    tags: list[str] = []


@dataclass
class Person:
    name: str
    born: date
    langs: list[str] = field(default_factory=list)


def client(handler: Any) -> TestClient:
    app = Spikard()
    app.post("/forms")(handler)
    return TestClient(app)


def test_fields_one_by_one_as_annotation_and_as_default() -> None:
    def handler(
        name: Annotated[str, Form(min_length=2)],
        age: int = Form(ge=18),
        tags: list[int] = Form(alias="tag"),
        nick: Annotated[str | None, Form()] = None,
        page: int = Query(1),
    ) -> Any:
        return [name, age, tags, nick, page]

    with client(handler) as http:
        data = {"name": "Ann", "age": 42, "tag": [1, 2]}
        assert http.post("/forms?page=3", data=data).json() == ["Ann", 42, [1, 2], None, 3]
        reply = http.post("/forms", data={"name": "A", "age": "17"})
        rows = [(row["loc"], row["type"]) for row in reply.json()["errors"]]
        assert reply.status_code == 422
        assert rows == [
            (["body", "age"], "greater_than_equal"),
            (["body", "name"], "string_too_short"),
            (["body", "tag"], "missing"),
        ]


def test_a_struct_from_a_form() -> None:
    def handler(order: Annotated[Order, Form()]) -> Any:
        assert type(order) is Order
        return order

    with client(handler) as http:
        reply = http.post("/forms", data=[("item", "pen & ink"), ("tags", "a"), ("tags", "ü")])
        assert reply.json() == {"item": "pen & ink", "count": 1, "tags": ["a", "ü"]}
        reply = http.post("/forms", data={"item": "pen", "count": 0})
        assert reply.json()["errors"][0]["loc"] == ["body", "count"]
        assert http.post("/forms", json={"item": "pen"}).status_code == 415


def test_a_dataclass_from_a_form_in_a_coroutine() -> None:
    async def handler(person: Person = Form()) -> Any:
        return [person.name, person.born.year, person.langs]

    with client(handler) as http:
        data = {"name": "Ann", "born": "2001-02-03", "langs[]": ["py", "rs"]}
        assert http.post("/forms", data=data).json() == ["Ann", 2001, ["py", "rs"]]


def test_an_optional_form_is_none_without_a_body() -> None:
    def handler(order: Annotated[Order | None, Form()] = None) -> Any:
        return order is None

    with client(handler) as http:
        assert http.post("/forms").json() is True
        assert http.post("/forms", data={"item": "a"}).json() is False


def test_fields_with_defaults_need_no_body() -> None:
    def handler(
        on: Annotated[bool, Form()] = False, names: list[str] = Form(default_factory=list)
    ) -> Any:
        return [on, names]

    with client(handler) as http:
        assert http.post("/forms").json() == [False, []]
        assert http.post("/forms", data={"on": True}).json() == [True, []]


def test_a_form_and_a_json_body_do_not_go_together() -> None:
    def handler(order: Order, name: Annotated[str, Form()]) -> None: ...

    with pytest.raises(RouteError, match="'name' is a second body beside 'order'"):
        client(handler)


def test_fields_of_one_form_are_read_from_it_together() -> None:
    def handler(a: int = Form(), b: str = Form("none"), c: list[int] = Form([])) -> Any:
        return [a, b, c]

    app = Spikard()
    app.post("/forms")(handler)
    takers = [entry[3] for entry in app.routes[0].binder if entry[0] == FIELD[0]]
    assert len(takers) == 3
    # Each takes its own from fields that were read before, and so from the same ones.
    fields = {"a": 1, "c": [2]}
    assert [take(fields) for take in takers] == [1, "none", [2]]
    with TestClient(app) as http:
        assert http.post("/forms", data={"a": "1", "c": ["2", "3"]}).json() == [1, "none", [2, 3]]
