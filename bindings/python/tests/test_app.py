"""Registration: where parameters are read from, what values arrive, and what is refused and how."""

from __future__ import annotations

import dataclasses
import enum
import functools
import json
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Annotated, Any, Literal, NamedTuple, NewType, Optional, TypedDict
from uuid import UUID

import msgspec
import pytest

import spikard
from spikard import (
    Body,
    ConfigError,
    Cookie,
    Header,
    Path,
    Query,
    Request,
    Response,
    RouteError,
    ServerConfig,
    Spikard,
)
from spikard.testing import TestClient


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Size(enum.IntEnum):
    SMALL = 1
    LARGE = 2


class Item(msgspec.Struct):
    name: str
    price: float = 0.0


@dataclasses.dataclass
class Point:
    x: int
    y: int = 0


class Pair(TypedDict):
    left: int


class Limits(NamedTuple):
    low: int
    high: int


class Pydantic:
    """What this package uses of a pydantic model."""

    __pydantic_validator__ = None


UserId = NewType("UserId", int)


def call(
    handler: Any, path: str = "/", route: str = "/", method: str = "GET", **options: Any
) -> Any:
    """Serve one handler, call it once, and return the reply."""
    app = Spikard()
    app.route(route, method)(handler)
    with TestClient(app) as client:
        return client.request(method, path, **options)


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


def test_config_is_refused_with_every_fault() -> None:
    app = Spikard()
    with pytest.raises(ConfigError) as caught:
        app.build({"idle_timout": 5, "port": -1})
    assert "/idle_timout: unknown key; did you mean" in str(caught.value)
    assert "/port" in str(caught.value)
    with pytest.raises(ConfigError, match="not JSON"):
        app.build({"request_timeout": float("nan")})


def test_config_objects_mappings_and_timedeltas_say_the_same() -> None:
    app = Spikard(ServerConfig(request_timeout=timedelta(seconds=1.5), workers=2))
    _, document, config = app.build(port=1)
    assert (config.request_timeout, config.workers, config.port) == (1.5, 2, 1)
    assert json.loads(document)["request_timeout"] == 1.5
    _, _, other = app.build({"request_timeout": timedelta(seconds=2)})
    assert (other.request_timeout, other.workers) == (2, 1)


def test_config_documents_of_the_contract() -> None:
    import behaviors

    app = Spikard()
    for case in json.loads((behaviors.DATA / "config" / "accepted.json").read_bytes()):
        _, _, config = app.build(case["config"])
        for key, value in case["reads"].items():
            assert getattr(config, key) == value, case["name"]
    for case in json.loads((behaviors.DATA / "config" / "refused.json").read_bytes()):
        with pytest.raises(ConfigError) as caught:
            app.build(case["config"])
        for fault in case["faults"]:
            assert fault in str(caught.value), case["name"]
