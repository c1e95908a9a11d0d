"""Registration: the request itself, results, and what is refused and how."""

from __future__ import annotations

import functools
from typing import Annotated, Any

import msgspec
import pytest

import spikard
from calling import Colour, Item, Point, call
from spikard import Query, Response, RouteError, Spikard
from spikard.testing import TestClient


def test_request_has_what_was_sent() -> None:
    def handler(request):
        return {
            "method": request.method,
            "path": request.path,
            "query": request.query_string,
            "route": request.route,
            "header": request.headers["x-a"],
            "all": request.headers.getlist("X-A"),
            "get": request.headers.get("none", "d"),
            "in": "X-a" in request.headers,
            "cookies": request.cookies,
            "path_params": request.path_params,
            "body": request.json(),
            "text": request.text(),
            "id": request.request_id,
        }

    reply = call(
        handler,
        "/a%20b?x=1",
        "/{name}",
        "POST",
        json=[1],
        headers=[("X-A", "1"), ("x-a", "2")],
        cookies={"c": "d"},
    )
    assert reply.json() == {
        "method": "POST",
        "path": "/a%20b",
        "query": "x=1",
        "route": "/{name}",
        "header": "1",
        "all": ["1", "2"],
        "get": "d",
        "in": True,
        "cookies": {"c": "d"},
        "path_params": {"name": "a b"},
        "body": [1],
        "text": "[1]",
        "id": reply.headers["x-request-id"],
    }


def test_annotations_may_name_locals_of_the_function_that_registers() -> None:
    class Local(msgspec.Struct):
        a: int

    app = Spikard()

    @app.post("/")
    def handler(local: Local):
        return local.a

    with TestClient(app) as client:
        assert client.post("/", json={"a": 3}).json() == 3


def test_callables_of_every_kind_are_handlers() -> None:
    class Callable:
        def __call__(self, a: int):
            return a

        async def method(self, a: int):
            return a

    def wrapped(a: int, b: int = 0):
        return a + b

    @functools.wraps(wrapped)
    def wrapper(*args, **kwargs):
        return wrapped(*args, **kwargs)

    for handler in (Callable(), Callable().method, functools.partial(wrapped, b=0), wrapper):
        assert call(handler, "/?a=3").json() == 3


def test_results_become_replies() -> None:
    results = {
        "dict": {"a": 1},
        "list": [1],
        "tuple": (1, 2),
        "none": None,
        "text": "x",
        "bytes": b"x",
        "view": memoryview(b"x"),
        "struct": Item("a"),
        "enum": Colour.RED,
        "response": Response({"a": 1}, 201, {"X-B": "c"}),
        "typed": Response("<p>", media_type="text/html"),
        "own": Response("a", headers=[("Content-Type", "text/css")]),
        "empty": Response(status_code=204),
    }
    app = Spikard()

    @app.get("/{kind}")
    def handler(kind: str):
        return results[kind]

    with TestClient(app) as client:
        got = {kind: client.get(f"/{kind}") for kind in results}
    told = {
        kind: (reply.status_code, reply.headers.get("content-type"), reply.content)
        for kind, reply in got.items()
    }
    plain = "text/plain; charset=utf-8"
    assert told == {
        "dict": (200, "application/json", b'{"a":1}'),
        "list": (200, "application/json", b"[1]"),
        "tuple": (200, "application/json", b"[1,2]"),
        "none": (200, "application/json", b"null"),
        "text": (200, plain, b"x"),
        "bytes": (200, "application/octet-stream", b"x"),
        "view": (200, "application/octet-stream", b"x"),
        "struct": (200, "application/json", b'{"name":"a","price":0.0}'),
        "enum": (200, "application/json", b'"red"'),
        "response": (201, "application/json", b'{"a":1}'),
        "typed": (200, "text/html", b"<p>"),
        "own": (200, "text/css", b"a"),
        "empty": (204, None, b""),
    }
    assert got["response"].headers["x-b"] == "c"


class Unknown:
    """No type of a value."""


def two_bodies(a: Item, b: Point): ...
def unannotated(a): ...
def unsupported(a: Unknown): ...
def any_number(*values: int): ...
def any_keyword(**values: int): ...
def undefined(a: Nowhere): ...  # noqa: F821
def bounded(a: Annotated[str, Query(ge=1)]): ...
def generator():
    yield 1


@pytest.mark.parametrize(
    ("handler", "words"),
    [
        (two_bodies, ["parameter 'b'", "second body beside 'a'", "Query()"]),
        (unannotated, ["parameter 'a'", "no annotation", "`a: str`"]),
        (unsupported, ["parameter 'a'", "Unknown"]),
        (any_number, ["parameter 'values'", "name each parameter"]),
        (any_keyword, ["parameter 'values'", "name each parameter"]),
        (undefined, ["'Nowhere'", "define or import it above"]),
        (bounded, ["parameter 'a'"]),
        (generator, ["does not yield"]),
    ],
)
def test_refusals_name_function_place_and_fix(handler: Any, words: list[str]) -> None:
    with pytest.raises(RouteError) as caught:
        Spikard().route("/", "POST")(handler)
    message = str(caught.value)
    line = handler.__code__.co_firstlineno
    for word in [handler.__name__, f"{__file__}:{line}", *words]:
        assert word in message, message


def test_refuses_pool_for_coroutines() -> None:
    async def handler(): ...

    with pytest.raises(RouteError, match="blocking=True is for `def`"):
        Spikard().get("/", blocking=True)(handler)


def test_engine_refuses_patterns_and_duplicates_at_the_decorator() -> None:
    app = Spikard()
    app.get("/a")(lambda: 1)
    with pytest.raises(RouteError, match=r"test_app\.py:\d+"):
        app.get("/a")(lambda: 2)
    with pytest.raises(RouteError):
        app.get("/{a")(lambda: 3)
    assert len(app.routes) == 1


def test_module_decorators_use_the_application_made_last() -> None:
    first, last = Spikard(), Spikard()
    verbs = ["get", "post", "put", "patch", "delete", "head", "options", "trace"]
    for verb in verbs:
        function = getattr(spikard, verb)(f"/{verb}")(two := lambda: 1)
        assert function is two
    spikard.route("/route", methods=["get", "POST"], name="both")(lambda: 1)
    assert first.routes == ()
    assert [route.document["methods"] for route in last.routes] == [
        *[[verb.upper()] for verb in verbs],
        ["GET", "POST"],
    ]
    assert last.routes[-1].document["name"] == "both"


def test_module_decorators_need_an_application(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Spikard, "current_instance", None)
    with pytest.raises(RuntimeError, match=r"app = Spikard\(\)"):
        spikard.get("/")


def test_a_misspelt_option_is_refused_with_the_nearest() -> None:
    app = Spikard()

    def handler() -> int:
        return 1

    options: dict[str, Any] = {"auht": "jwt", "rate_limt": {"per_second": 1}, "zzz": 1}
    with pytest.raises(RouteError, match=r"handler \(.*test_app\.py:\d+\)") as caught:
        app.get("/", **options)(handler)
    assert "no option 'auht'; did you mean 'auth'?" in str(caught.value)
    assert "no option 'rate_limt'; did you mean 'rate_limit'?" in str(caught.value)
    assert "no option 'zzz'; there are auth, blocking, " in str(caught.value)
    with pytest.raises(RouteError, match="did you mean 'request_timeout'"):
        spikard.post("/", request_timout=1)(handler)  # type: ignore[call-arg]
    assert app.routes == ()


def test_a_decorator_without_a_path_is_refused() -> None:
    app: Any = Spikard()
    module: Any = spikard

    def handler() -> int:
        return 1

    place = r"handler \(.*test_app\.py:\d+\): "
    for verb in ("get", "post", "put", "patch", "delete", "head", "options", "trace", "route"):
        for decorators in (app, module):
            with pytest.raises(RouteError, match=rf'{place}.*`@app\.{verb}\("/path"\)`'):
                getattr(decorators, verb)(handler)
    with pytest.raises(RouteError, match="@get takes a path, not 5"):
        app.get(5)
    with pytest.raises(RouteError, match=rf"{place}.*@app\.exception_handler\(ValueError\)"):
        app.exception_handler(handler)
    assert app.routes == ()


def test_a_handler_that_is_no_function_is_refused() -> None:
    app: Any = Spikard()
    with pytest.raises(RouteError, match=r'was given 5 as its handler.*`@app\.get\("/a"\)`'):
        app.get("/a")(5)
