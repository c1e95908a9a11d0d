"""Integers in bodies: what a schema takes for one is one; what is none is named by its place."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any

import msgspec
import pytest
from pydantic import BaseModel

from spikard import Body, Spikard, register_decoder
from spikard.testing import TestClient

JSON = {"content-type": "application/json"}


class Struct(msgspec.Struct):
    n: int
    more: list[int] = []
    either: int | str = 0
    free: Any = None
    real: float = 0.0


@dataclass
class Plain:
    n: int


@dataclass
class Named:
    n: str


class Model(BaseModel):
    n: int


class Odd:
    def __init__(self, number: int) -> None:
        if number % 2 == 0:
            raise ValueError("it is even")
        self.number = number


register_decoder(Odd, Odd, schema={"type": "integer"})


def post(annotation: Any, body: str) -> Any:
    def handler(value: Any) -> Any:
        return repr(value)

    handler.__annotations__["value"] = annotation
    app = Spikard()
    app.post("/")(handler)
    with TestClient(app) as http:
        return http.post("/", data=body, headers=JSON)


@pytest.mark.parametrize(
    ("annotation", "body", "value"),
    [
        (Struct, '{"n":1.0}', Struct(1)),
        (Struct, '{"n":1,"more":[2.0,1e2,-0.0]}', Struct(1, [2, 100, 0])),
        (
            Struct,
            '{"n":1.0,"either":"1","free":2.0,"real":3.0}',
            Struct(1, either="1", free=2.0, real=3.0),
        ),
        (Plain, '{"n":1.0}', Plain(1)),
        (list[Plain], '[{"n":1},{"n":2.0}]', [Plain(1), Plain(2)]),
        (Plain | Named, '{"n":1.0}', Plain(1)),
        (Plain | Named, '{"n":"1"}', Named("1")),
        (Model, '{"n":1.0}', Model(n=1)),
        (dict[str, int], '{"a":1.0,"b":2}', {"a": 1, "b": 2}),
        (dict[int, list[int]], '{"7":[1.0]}', {7: [1]}),
        (Annotated[int, Body()], "3.0", 3),
        (Struct, '{"n":123456789012345678901}', Struct(123456789012345678901)),
    ],
)
def test_whole_numbers_are_integers_however_they_are_written(
    annotation: Any, body: str, value: Any
) -> None:
    reply = post(annotation, body)
    assert (reply.status_code, reply.text) == (200, repr(value))


def test_a_schema_of_ones_own_makes_no_integers_of_text() -> None:
    def handler(value: Struct) -> Any:
        return value

    app = Spikard()
    app.post("/", body_schema={"type": "object"})(handler)
    with TestClient(app) as http:
        reply = http.post("/", data='{"n":1.0,"more":["1"]}', headers=JSON)
        assert reply.status_code == 422


@pytest.mark.parametrize(
    ("annotation", "body", "loc", "shown"),
    [
        (Struct, '{"n":1.5}', ["body", "n"], 1.5),
        (dict[str, int], '{"a":1,"b":1e300,"c":3}', ["body", "b"], 1e300),
        (dict[str, dict[str, int]], '{"a":{"b":1,"c":1e300},"d":{}}', ["body", "a", "c"], 1e300),
        (dict[str, list[int]], '{"a":[1],"b":[1.0,1e300]}', ["body", "b", "1"], 1e300),
        (list[dict[str, Odd]], '[{},{"a":1,"b":3,"c":4}]', ["body", "1", "c"], 4),
        (dict[str, date], '{"x":"0000-01-01","y":"2020-01-01"}', ["body", "x"], "0000-01-01"),
    ],
)
def test_what_does_not_fit_is_named_by_its_key(
    annotation: Any, body: str, loc: list[str], shown: Any
) -> None:
    reply = post(annotation, body)
    assert reply.status_code == 422
    (row,) = reply.json()["errors"]
    assert (row["loc"], row["input"]) == (loc, shown)
