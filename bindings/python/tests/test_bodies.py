"""Bodies as handlers take them: of any name and type, beside other sources, or absent."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any, NamedTuple, TypedDict

import pytest

from calling import Item, Point, call
from spikard import Body, Request, Spikard
from spikard.testing import TestClient


class Pair(TypedDict):
    left: int


class Limits(NamedTuple):
    low: int
    high: int


@pytest.mark.parametrize(
    ("annotation", "body", "result"),
    [
        (Item, {"name": "a", "price": 2}, "Item(name='a', price=2.0)"),
        (Point, {"x": 1}, "Point(x=1, y=0)"),
        (Pair, {"left": 1}, "{'left': 1}"),
        (Limits, [1, 2], "Limits(low=1, high=2)"),
        (dict, {"a": [1]}, "{'a': [1]}"),
        (dict[str, int], {"a": 1}, "{'a': 1}"),
        (list[Item], [{"name": "a"}], "[Item(name='a', price=0.0)]"),
        (Point | Item, {"name": "a"}, "Item(name='a', price=0.0)"),
        (Point | Item, {"x": 1}, "Point(x=1, y=0)"),
        (Item | None, None, "None"),
        (Any, [1, "x", None], "[1, 'x', None]"),
        (Annotated[int, Body(ge=1)], 3, "3"),
        (Annotated[Decimal, Body()], "1.5", "Decimal('1.5')"),
    ],
)
def test_json_body_reaches_a_parameter_of_any_name(annotation: Any, body: Any, result: str) -> None:
    def handler(whatever):
        return repr(whatever)

    handler.__annotations__["whatever"] = annotation
    reply = call(handler, method="POST", json=body)
    assert (reply.status_code, reply.text) == (200, result)


def test_body_and_other_sources_together() -> None:
    def handler(id: int, item: Item, request: Request, *, verbose: bool = False):
        return [id, item.name, request.method, verbose]

    reply = call(handler, "/7?verbose=1", "/{id:int}", "PUT", json={"name": "x"})
    assert reply.json() == [7, "x", "PUT", True]


def test_body_faults_are_told_together() -> None:
    def handler(item: Item):
        return None

    reply = call(handler, method="POST", json={"price": "x"})
    assert [row["loc"] for row in reply.json()["errors"]] == [["body", "name"], ["body", "price"]]


@pytest.mark.parametrize(
    ("default", "status", "text"),
    [("none", 200, "None"), ("given", 200, "Item(name='d', price=0.0)"), ("no", 422, None)],
)
def test_absent_body(default: str, status: int, text: str | None) -> None:
    def optional(item: Item | None, request: Request):
        return repr(item)

    def given(item: Item = Item("d")):
        return repr(item)

    def marked(a: int = 1, item: Item = Body(Item("d")), b: int = 2):
        return repr(item)

    def required(item: Item):
        return repr(item)

    handlers = {"none": [optional], "given": [given, marked], "no": [required]}[default]
    for handler in handlers:
        reply = call(handler, method="POST")
        assert reply.status_code == status
        assert text is None or reply.text == text


def test_bytes_are_the_body_as_it_is() -> None:
    def handler(data: bytes):
        return data[::-1]

    reply = call(handler, method="POST", data=b"\x00\xff", headers={"content-type": "image/png"})
    assert reply.content == b"\xff\x00"


def test_dict_outside_body_methods_is_a_query_parameter() -> None:
    def handler(filter: dict[str, int]):
        return filter

    assert call(handler, "/?filter[a]=1").json() == {"a": 1}


def test_explicit_schemas_replace_those_of_annotations() -> None:
    app = Spikard()

    @app.post(
        "/",
        body_schema={"type": "object", "maxProperties": 1},
        parameter_schemas={"n": {"type": "integer", "maximum": 3}},
    )
    def handler(item: dict, n: int = 0):
        return [item, n]

    with TestClient(app) as client:
        assert client.post("/?n=3", json={"a": 1}).json() == [{"a": 1}, 3]
        assert client.post("/?n=4", json={"a": 1, "b": 2}).status_code == 422
