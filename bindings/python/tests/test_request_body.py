"""`request.json()` and `request.text()` of what clients send: no bytes of theirs are a 500."""

from __future__ import annotations

from typing import Any

import pytest

from carriers import CARRIERS, opened
from spikard import HttpProblem, Request, Spikard

UNSOUND = [
    (b"", "Invalid request format"),
    (b"{", "Invalid request format"),
    (b"{'a': 1}", "Invalid request format"),
    (b'["\xff"]', "The JSON body is not UTF-8"),
    (b'{"a": 1, "a": 2}', "The JSON body has the key 'a' twice"),
    (b"[[[[1]]]]", "nested deeper than 3 levels (setting: max_json_depth)"),
    (b"[" * 100_000, "nested deeper than 3 levels (setting: max_json_depth)"),
    (b"1e999", "a number beyond the range of 64-bit floats"),
]


def application() -> Spikard:
    app = Spikard(config={"max_json_depth": 3})

    @app.post("/json")
    def read_json(request: Request) -> Any:
        return {"read": request.json()}

    @app.post("/text")
    async def read_text(request: Request) -> Any:
        return {"read": request.text()}

    @app.post("/declared")
    def declared(body: list[Any]) -> Any:
        return body

    @app.post("/caught")
    def caught(request: Request) -> Any:
        try:
            return request.json()
        except HttpProblem as problem:
            return {"caught": problem.status}

    return app


@CARRIERS
def test_a_sound_body_is_read(carrier: dict[str, Any]) -> None:
    with opened(application(), carrier) as client:
        assert client.post("/json", data=b'[[{"a": 1.5}]]').json() == {"read": [[{"a": 1.5}]]}
        assert client.post("/text", data="ü".encode()).json() == {"read": "ü"}
        assert client.post("/text").json() == {"read": ""}


@CARRIERS
def test_a_body_that_is_no_json_is_the_400_of_a_declared_one(carrier: dict[str, Any]) -> None:
    with opened(application(), carrier) as client:
        for body, words in UNSOUND:
            reply = client.post("/json", data=body)
            problem = reply.json()
            assert reply.status_code == 400, body[:20]
            assert reply.headers["content-type"] == "application/problem+json"
            assert words in problem["detail"], body[:20]
            if body:
                headers = {"content-type": "application/json"}
                declared = client.post("/declared", data=body, headers=headers)
                assert declared.status_code == 400
                assert problem == declared.json()
        assert client.post("/caught", data=b"{").json() == {"caught": 400}


@CARRIERS
def test_a_body_that_is_no_text_is_a_400(carrier: dict[str, Any]) -> None:
    with opened(application(), carrier) as client:
        reply = client.post("/text", data=b"\xff")
        assert (reply.status_code, reply.json()["detail"]) == (400, "The body is not UTF-8")


def test_hooks_are_refused_the_same(capfd: pytest.CaptureFixture[str]) -> None:
    app = application()

    @app.pre_validation
    def read(request: Request) -> None:
        request.json()

    with opened(app, {}) as client:
        assert client.post("/text", data=b"[1").status_code == 400
        assert client.post("/text", data=b"[1]").json() == {"read": "[1]"}
