"""Bodies that the decoder judges: the same answers as where the engine judges first.

Each body goes to two routes of the same handler: the decoder judges for the one, and for the other
it is said that none can, so the engine does. What they answer must be equal, byte for byte.
"""

from __future__ import annotations

import dataclasses
import json
import random
from typing import Annotated, Any, Literal, Optional
from unittest.mock import patch

import msgspec
import pytest
from msgspec import Meta

from spikard import Body, Spikard
from spikard.judging import decides
from spikard.testing import TestClient


class Line(msgspec.Struct):
    """One line of an order."""

    sku: Annotated[str, Meta(min_length=1, max_length=4)]
    quantity: Annotated[int, Meta(ge=1, lt=1_000)]
    price: Annotated[float, Meta(gt=0, le=1e6)] = 1.0
    kind: Literal["new", "used"] = "new"


class Order(msgspec.Struct, forbid_unknown_fields=True, rename="camel"):
    """A body with everything that the decoder may judge."""

    order_id: int
    lines: Annotated[list[Line], Meta(min_length=1, max_length=3)]
    express: bool = False
    note: Optional[Annotated[str, Meta(max_length=3)]] = None  # noqa: UP045
    next: Order | None = None


LINE: dict[str, Any] = {"sku": "a", "quantity": 1, "price": 1.5}
ORDER: dict[str, Any] = {"orderId": 7, "lines": [LINE], "express": True, "note": "ab"}
# What stands in the place of a value.
STRANGE = (
    None, True, False, 0, 1, -1, 1.0, 1.5, -0.0, 1e2, 999, 1000, 10**18, 10**30, -(10**30), 1e300,
    1e6, 1000000.1, "", "a", "abcde", "é", "😀😀😀😀", "1", "new", "\x00", [], {}, [1], {"a": 1},
)  # fmt: skip


@pytest.fixture(scope="module")
def client() -> TestClient:
    app = Spikard()

    @app.post("/decoder")
    def decoder(order: Order, limit: int = 1) -> Any:
        return order

    with patch("spikard.judging.decides", return_value=False):
        app.post("/engine")(decoder)

    return TestClient(app)


def bodies() -> list[bytes]:
    """Every place of the order with every strange value, and with one member less or more."""
    found = [json.dumps(ORDER), "null", "[]", "{}", '"a"', " ", json.dumps({**ORDER, "more": 1})]
    found += ['{"orderId":1,"orderId":1,"lines":[]}', "{", '{"orderId":1e400,"lines":[]}']
    found += ['{"orderId":123456789012345678901234567890,"lines":0}', '{"orderId":"\\ud800"}']
    for strange in STRANGE:
        for name in ORDER:
            found.append(json.dumps({**ORDER, name: strange}))
        for name in ("sku", "quantity", "price", "kind", "more"):
            found.append(json.dumps({**ORDER, "lines": [LINE, {**LINE, name: strange}]}))
        found.append(json.dumps({**ORDER, "lines": [strange]}))
        found.append(json.dumps({**ORDER, "next": {**ORDER, "note": strange}}))
    for name in ORDER:
        found.append(json.dumps({key: value for key, value in ORDER.items() if key != name}))
    chance = random.Random(7)
    for _ in range(300):
        line = {name: chance.choice(STRANGE) for name in ("sku", "quantity", "price")}
        order = {**ORDER, "lines": [line] * chance.randrange(5), "note": chance.choice(STRANGE)}
        found.append(json.dumps(order))
    return [text.encode() for text in found]


def test_the_decoder_answers_as_the_engine_does(client: TestClient) -> None:
    headers = {"content-type": "application/json"}
    statuses = set()
    for body in bodies():
        for query in ("", "?limit=x"):
            own, engines = (
                client.post(path + query, data=body, headers=headers)
                for path in ("/decoder", "/engine")
            )
            assert (own.status_code, own.text) == (engines.status_code, engines.text), body
            assert own.headers["content-type"] == engines.headers["content-type"]
            statuses.add(own.status_code)
    assert statuses == {200, 400, 422}


def test_numbers_of_a_refused_body_keep_their_digits(client: TestClient) -> None:
    body = b'{"orderId":1,"lines":[{"sku":"a","quantity":123456789012345678901234567890}]}'
    reply = client.post("/decoder", data=body, headers={"content-type": "application/json"})
    assert reply.status_code == 422
    assert '"input":123456789012345678901234567890' in reply.text


def test_what_the_schema_admits_and_the_decoder_refuses_is_the_decoders_affair(
    client: TestClient,
) -> None:
    whole = {**ORDER, "orderId": 7.0}
    assert client.post("/decoder", json=whole).json()["orderId"] == 7


@dataclasses.dataclass
class Plain:
    """Made by code of its own, which may refuse more and less."""

    name: str


class Tagged(msgspec.Struct, tag=True):
    """Known by a tag."""

    name: str


class Listed(msgspec.Struct, array_like=True):
    """Written as a list."""

    name: str


@pytest.mark.parametrize(
    ("kind", "whether"),
    [
        (Order, True),
        (list[Line], True),
        (Annotated[int, Meta(ge=1, description="d")], True),
        (Annotated[str, Meta(pattern="^a")], False),
        (Annotated[int, Meta(multiple_of=2)], False),
        (Annotated[int, Meta(extra_json_schema={"maximum": 1})], False),
        (Annotated[int, "a note of somebody's"], False),
        (int | str, False),
        (Any, False),
        (dict[str, int], False),
        (Plain, False),
        (Tagged, False),
        (Listed, False),
        (list[Tagged], False),
    ],
)
def test_only_what_was_compared_is_left_to_the_decoder(kind: Any, whether: bool) -> None:
    assert decides(kind) is whether


def test_a_body_with_limits_of_the_marker_is_judged_by_the_engine() -> None:
    app = Spikard()

    @app.post("/")
    def few(lines: list[Line] = Body(max_length=1)) -> int:
        return len(lines)

    client = TestClient(app)
    assert client.post("/", json=[LINE]).json() == 1
    assert client.post("/", json=[LINE, LINE]).status_code == 422
