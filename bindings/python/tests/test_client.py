"""The test clients, the requests they write and the replies they read."""

from __future__ import annotations

import asyncio
import dataclasses
import gc
import threading
from typing import Any

import pytest

from spikard import HttpProblem, Request, Response, Spikard
from spikard.testing import AsyncTestClient, ReplyError, TestClient
from spikard.testing.reply import read
from spikard.testing.request import write


def application() -> Spikard:
    """One route that shows what arrived."""
    app = Spikard()

    @app.route("/show", methods=["GET", "POST", "PUT", "PATCH", "DELETE"])
    def show(request: Request):
        return {
            "method": request.method,
            "query": request.query_string,
            "type": request.headers.get("content-type"),
            "cookies": request.cookies,
            "body": request.text(),
        }

    @app.get("/cookies")
    def cookies():
        return Response("ü", headers=[("set-cookie", "a=1"), ("Set-Cookie", "b=2")])

    @app.get("/problem")
    def problem():
        raise HttpProblem(404, detail="gone", headers={"x-a": "b"}, hint=[1])

    return app


@pytest.mark.parametrize("transport", ["inject", "socket"])
def test_sends_what_it_is_given(transport: Any) -> None:
    with TestClient(application(), transport=transport) as client:
        for verb in ("get", "post", "put", "patch", "delete"):
            assert getattr(client, verb)("/show").json()["method"] == verb.upper()
        reply = client.post(
            "/show?a=1",
            json={"x": None},
            params={"b": [1, True], "c": "ä &"},
            cookies={"k": "v"},
        )
        assert reply.json() == {
            "method": "POST",
            "query": "a=1&b=1&b=true&c=%C3%A4+%26",
            "type": "application/json",
            "cookies": {"k": "v"},
            "body": '{"x":null}',
        }
        assert client.post("/show", data="ü").json()["body"] == "ü"
        assert client.post("/show", json=None).json()["body"] == "null"
        assert client.head("/show").status_code == 200
        assert client.head("/show").content == b""
        assert client.options("/show").headers["allow"].startswith("GET, HEAD, POST")
        assert client.request("BREW", "/show").status_code == 405


@pytest.mark.parametrize("transport", ["inject", "socket"])
def test_reads_what_it_gets(transport: Any) -> None:
    with TestClient(application(), transport=transport) as client:
        reply = client.get("/cookies")
        assert reply.headers.getlist("SET-COOKIE") == ["a=1", "b=2"]
        assert reply.headers["Content-Type"] == "text/plain; charset=utf-8"
        assert (reply.text, reply.content, reply.body_bytes) == ("ü", b"\xc3\xbc", b"\xc3\xbc")
        reply = client.get("/problem")
        assert reply.headers["x-a"] == "b"
        assert reply.json() == {
            "type": "https://spikard.dev/errors/not-found",
            "title": "Resource Not Found",
            "status": 404,
            "detail": "gone",
            "hint": [1],
        }


def test_names_port_and_engine() -> None:
    with TestClient(application()) as client:
        assert (client.port, client.engine_name) == (None, "inject")
    with TestClient(application(), transport="socket", engine="epoll") as client:
        assert client.port
        assert client.engine_name.startswith("epoll")
    with pytest.raises(ValueError, match="'inject' or 'socket'"):
        TestClient(application(), transport="pigeon")  # type: ignore[arg-type]


def test_works_without_with_and_ends_when_collected() -> None:
    before = threading.active_count()
    client = TestClient(application())
    assert client.get("/show").status_code == 200
    client.close()
    client.close()
    other = TestClient(application())
    assert other.get("/show").status_code == 200
    del other
    gc.collect()
    assert threading.active_count() == before


def test_clients_of_one_application_do_not_disturb_each_other() -> None:
    app = application()
    with TestClient(app) as one, TestClient(app, config={"max_body_size": 1}) as two:
        assert one.post("/show", data=b"xx").status_code == 200
        assert two.post("/show", data=b"xx").status_code == 413


@pytest.mark.parametrize("transport", ["inject", "socket"])
def test_async_client_runs_handlers_on_the_loop_of_the_test(transport: Any) -> None:
    async def main() -> None:
        app = application()
        event = asyncio.Event()

        @app.get("/wait")
        async def wait():
            await event.wait()
            return "woken"

        async with AsyncTestClient(app, transport=transport) as client:
            waiting = asyncio.create_task(client.get("/wait"))
            for verb in ("get", "post", "put", "patch", "delete"):
                reply = await getattr(client, verb)("/show")
                assert reply.json()["method"] == verb.upper()
            assert (await client.head("/show")).content == b""
            assert (await client.options("/show")).status_code == 204
            assert not waiting.done()
            event.set()
            assert (await waiting).text == "woken"
        with pytest.raises(RuntimeError, match="async with"):
            await client.get("/show")

    asyncio.run(main())


def test_writes_requests() -> None:
    assert write("GET", "/ä b") == b"GET /%C3%A4%20b HTTP/1.1\r\nhost: localhost\r\n\r\n"
    assert write("GET", "/%41", headers={"Host": "x"}) == b"GET /%41 HTTP/1.1\r\nHost: x\r\n\r\n"
    for arguments in ({"headers": {"a": "b\r\nc: d"}}, {"cookies": {"a": "\n"}}):
        with pytest.raises(ValueError, match="line break"):
            write("GET", "/", **arguments)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="not both"):
        write("POST", "/", json=1, data=b"")


@pytest.mark.parametrize(
    ("data", "status", "content"),
    [
        (b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nab", 200, b"ab"),
        (b"HTTP/1.1 200 \r\nA:b\r\ncontent-length:0\r\n\r\n", 200, b""),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n", 204, b""),
        (b"HTTP/1.0 200 OK\r\n\r\nuntil the end", 200, b"until the end"),
    ],
)
def test_reads_replies(data: bytes, status: int, content: bytes) -> None:
    found = read(data, "GET", whole=True)
    assert found is not None
    assert (found[0].status_code, found[0].content, found[1]) == (status, content, len(data))
    for end in range(len(data)):
        assert read(data[:end], "GET", whole=False) is None


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"HTTP/1.1 200 OK\r\n",
        b"HTTP/2 200 OK\r\n\r\n",
        b"HTTP/1.1 99 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\na b: c\r\n\r\n",
        b"HTTP/1.1 200 OK\r\na: b\nc: d\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n folded: b\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: +1\r\n\r\na",
        b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 1\r\n\r\na",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: gzip\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ncontent-length: 0\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\na\r\n",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\nab0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nx\r\na\r\n0\r\n\r\n",
    ],
)
def test_refuses_what_is_no_reply(data: bytes) -> None:
    with pytest.raises(ReplyError):
        read(data, "GET", whole=True)


@dataclasses.dataclass(frozen=True)
class Inner:
    c: int = 3


@dataclasses.dataclass
class Outer:
    a: int
    b: str = "x"
    inner: list[Inner] = dataclasses.field(default_factory=list)


def test_plain_defaults_of_dataclasses_reach_the_reply() -> None:
    app = Spikard()

    @app.post("/outer")
    def outer(body: Outer) -> Outer:
        return body

    with TestClient(app) as client:
        reply = client.post("/outer", json={"a": 1, "inner": [{}]})
    assert reply.json() == {"a": 1, "b": "x", "inner": [{"c": 3}]}
