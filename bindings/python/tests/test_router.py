"""Groups of routes: prefixes, hooks and settings that are theirs alone, and what is refused."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from carriers import CARRIERS, opened
from spikard import HttpProblem, Request, Response, RouteError, Router, Spikard
from spikard.config import ApiKeyConfig, ServerConfig
from spikard.testing import TestClient


@CARRIERS
def test_routes_stand_below_their_prefixes(carrier: dict[str, Any]) -> None:
    app = Spikard()
    users = Router("/users", tags=["users"])
    posts = Router("/{user_id:int}/posts", tags=["posts", "users"])

    @users.get("")
    def everybody(org: str) -> str:
        return f"everybody of {org}"

    @users.get("/{user_id:int}")
    async def user(user_id: int, request: Request) -> list[Any]:
        return [user_id, request.path_params["org"]]

    @posts.route("/{post_id:int}", ("PUT", "PATCH"))
    def post(org: str, user_id: int, post_id: int) -> list[Any]:
        return [org, user_id, post_id]

    def verb(org: str, user_id: int) -> str:
        return ""

    for method in ("get", "post", "put", "patch", "delete", "head", "options", "trace"):
        getattr(posts, method)("/verb", name=method)(verb)
    app.get("/")(lambda: "root")
    users.include(posts)
    app.include(users, prefix="/orgs/{org}")

    with opened(app, carrier) as client:
        assert client.get("/").text == "root"
        assert client.get("/orgs/a/users").text == "everybody of a"
        assert client.get("/orgs/a/users/7").json() == [7, "a"]
        assert client.put("/orgs/a/users/7/posts/8").json() == ["a", 7, 8]
        assert client.patch("/orgs/a/users/7/posts/8").json() == ["a", 7, 8]
        assert client.get("/users").status_code == 404
        allowed = set(
            client.request("QUERY", "/orgs/a/users/7/posts/verb").headers["allow"].split(", ")
        )
        assert allowed >= {"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE"}
    tags = {route.document["name"]: route.tags for route in app.routes}
    assert tags["user"] == ("users",)
    assert tags["post"] == ("users", "posts")


@CARRIERS
def test_hooks_are_those_of_the_group_alone_outer_ones_first(carrier: dict[str, Any]) -> None:
    app = Spikard()

    def asking(name: str) -> Any:
        def hook(request: Request) -> None:
            request.state.setdefault("seen", []).append(name)

        return hook

    def telling(name: str) -> Any:
        async def hook(response: Response) -> None:
            response.headers.add("x-seen", name)

        return hook

    outer = Router(
        "/outer", hooks={"pre_handler": asking("outer"), "on_response": [telling("outer")]}
    )
    inner = Router("/inner")
    for group, name in ((app, "app"), (inner, "inner")):
        group.pre_validation(asking(f"{name} early"))
        group.pre_handler(asking(name))
        group.on_response(telling(name))
        group.on_error(telling(f"{name} error"))

    def seen(request: Request) -> list[str]:
        if request.query_string == "fail":
            raise HttpProblem(409)
        return request.state["seen"]

    app.get("/")(seen)
    outer.get("/")(seen)
    inner.get("/")(seen)
    outer.include(inner)
    app.include(outer)

    with opened(app, carrier) as client:
        reply = client.get("/")
        assert reply.json() == ["app early", "app"]
        assert reply.headers.getlist("x-seen") == ["app"]
        reply = client.get("/outer/")
        assert reply.json() == ["app early", "app", "outer"]
        assert reply.headers.getlist("x-seen") == ["app", "outer"]
        reply = client.get("/outer/inner/")
        assert reply.json() == ["app early", "inner early", "app", "outer", "inner"]
        assert reply.headers.getlist("x-seen") == ["app", "outer", "inner"]
        assert client.get("/outer/?fail").headers.getlist("x-seen") == ["app error"]
        reply = client.get("/outer/inner/?fail")
        assert reply.headers.getlist("x-seen") == ["app error", "inner error"]
        assert client.get("/nowhere").headers.getlist("x-seen") == ["app error"]


def test_exception_handlers_are_those_of_the_group_alone() -> None:
    app, group = Spikard(), Router("/group")

    @app.exception_handler(LookupError)
    def theirs(request: Request, error: LookupError) -> str:
        return "app"

    @group.exception_handler(LookupError)
    async def ours(request: Request, error: LookupError) -> str:
        return "group"

    def fails() -> None:
        raise KeyError

    app.get("/")(fails)
    group.get("/")(fails)
    app.include(group)
    with TestClient(app) as client:
        assert client.get("/").text == "app"
        assert client.get("/group/").text == "group"


def test_settings_are_those_of_the_routes_unless_they_say_otherwise() -> None:
    app = Spikard()
    outer = Router(
        "/outer", max_body_size=4, request_timeout=5, response_headers={"x-group": "outer"}
    )
    inner = Router("/inner", request_timeout=0.05)

    async def slow(body: bytes) -> bytes:
        await asyncio.sleep(0.2)
        return body

    outer.post("/")(slow)
    inner.post("/")(slow)
    inner.post("/patient", request_timeout=None, max_body_size=100, response_headers={})(slow)
    outer.include(inner)
    app.include(outer)
    app.post("/")(slow)
    with TestClient(app) as client:
        assert client.post("/", data=b"12345").status_code == 200
        assert client.post("/outer/", data=b"12345").status_code == 413
        assert client.post("/outer/", data=b"1234").headers["x-group"] == "outer"
        assert client.post("/outer/inner/", data=b"12345").status_code == 413
        assert client.post("/outer/inner/", data=b"1234").status_code == 504
        reply = client.post("/outer/inner/patient", data=b"12345")
        assert (reply.status_code, "x-group" in reply.headers) == (200, False)


@CARRIERS
def test_credentials_are_asked_for_by_groups(carrier: dict[str, Any]) -> None:
    app = Spikard(ServerConfig(api_key_auth=ApiKeyConfig(keys=["one"])))
    public = Router("/public", auth="excluded")
    inner = Router("/inner", auth="required")
    for router in (public, inner):
        router.get("/a")(lambda: "seen")
        router.get("/b", auth="optional")(lambda: "seen")
    public.include(inner)
    app.include(public)
    app.get("/a")(lambda: "seen")
    with opened(app, carrier) as client:
        key = {"x-api-key": "one"}
        statuses = {
            path: (client.get(path).status_code, client.get(path, headers=key).status_code)
            for path in ("/a", "/public/a", "/public/b", "/public/inner/a", "/public/inner/b")
        }
    assert statuses == {
        "/a": (401, 200),
        "/public/a": (200, 200),
        "/public/b": (200, 200),
        "/public/inner/a": (401, 200),
        "/public/inner/b": (200, 200),
    }


PLACE = r"test_router\.py:\d+"


@pytest.mark.parametrize(
    ("prefix", "words"),
    [
        ("users", "must begin with '/'"),
        ("/users/", "must not end with '/'"),
        ("/", "must not end"),
        ("/a//b", "empty segment"),
    ],
)
def test_prefixes_that_no_path_can_have_are_refused(prefix: str, words: str) -> None:
    with pytest.raises(RouteError, match=f"{PLACE}.*'{prefix}'|{PLACE}.*{words}") as caught:
        Router(prefix)
    assert words in str(caught.value)
    with pytest.raises(RouteError, match=PLACE):
        Spikard().include(Router(), prefix=prefix)


def test_misuse_is_refused_with_the_place() -> None:
    app, router, other = Spikard(), Router("/a"), Router("/b")

    def handler() -> None: ...

    with pytest.raises(RouteError, match=rf"handler \(.*{PLACE}\).*begins with '/'"):
        router.get("users")(handler)
    router.get("/x")(handler)
    with pytest.raises(RouteError, match="cannot include itself"):
        router.include(router)
    with pytest.raises(RouteError, match=f"{PLACE}: include takes a Router"):
        app.include(app)  # type: ignore[arg-type]
    with pytest.raises(RouteError, match="hooks have no phase 'before'"):
        Router(hooks={"before": handler})
    with pytest.raises(RouteError, match=rf"{PLACE}.*on_request runs before routing"):
        router.on_request(lambda request: None)
    with pytest.raises(RouteError, match=f"{PLACE}: a router has no option 'atuh'.*'auth'"):
        Router("/u", atuh="jwt")  # type: ignore[call-arg]
    with pytest.raises(RouteError, match=rf"handler \(.*{PLACE}\): .*did you mean 'auth'"):
        Router("/u").get("/", auht="jwt")(handler)  # type: ignore[call-arg]
    with pytest.raises(RouteError, match="a list of texts"):
        Router(tags="users")
    app.include(router)
    for again in (app.include, other.include):
        with pytest.raises(
            RouteError, match=rf"{PLACE}: .*'/a'.*{PLACE}> was included already, at"
        ):
            again(router)
    late = [
        lambda: router.get("/late")(handler),
        lambda: router.pre_handler(lambda request: None),
        lambda: router.exception_handler(KeyError)(lambda request, error: None),
        lambda: router.include(other),
    ]
    for act in late:
        with pytest.raises(RouteError, match=f"was included already, at .*{PLACE}"):
            act()


def test_a_handler_that_cannot_be_served_is_named_when_it_is_included() -> None:
    app, router = Spikard(), Router("/a")
    router.get("/b//c")(lambda: None)
    with pytest.raises(RouteError, match=rf"<lambda> \(.*{PLACE}\).*'/a/b//c'"):
        app.include(router)
    router = Router("/a")

    @router.get("/{id:int}")
    def handler() -> None: ...

    with pytest.raises(RouteError, match=rf"handler \(.*{PLACE}\)"):
        app.include(router)
