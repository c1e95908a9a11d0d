"""What surrounds handlers, as a user writes it: configuration, hooks, tokens, forms, state.

Type checkers pass it strictly, and it is served as it reads. Handlers, parameters and replies have
a sample of their own.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Annotated, Any, Literal, TypedDict

from typing_extensions import assert_type

from spikard import Claims, HttpProblem, Request, Response, Router, Spikard, UploadFile
from spikard.config import (
    AccessLogConfig,
    ApiKeyConfig,
    CompressionConfig,
    CorsConfig,
    HealthConfig,
    HstsConfig,
    JwtConfig,
    RateLimitConfig,
    SecurityHeadersConfig,
    ServerConfig,
    StaticFilesConfig,
)

CONFIG = ServerConfig(
    host="127.0.0.1",
    port=0,
    workers=2,
    request_timeout=timedelta(seconds=5),
    compression=CompressionConfig(quality=5, min_size=512),
    rate_limit=RateLimitConfig(per_second=100, burst=200, ip_based=True),
    jwt_auth=JwtConfig(secret="s" * 32, algorithm="HS256", audience=["api"], leeway=1.5),
    api_key_auth=ApiKeyConfig(keys=["k1", "k2"], header_name="X-API-Key"),
    cors=CorsConfig(allowed_origins=["https://app.example"], allow_credentials=True),
    security_headers=SecurityHeadersConfig(hsts=HstsConfig(max_age=60)),
    health=HealthConfig(ready_path="/ready"),
    access_log=AccessLogConfig(format="json", headers=["user-agent"]),
    trusted_proxies=["10.0.0.0/8"],
    trusted_hops=1,
    forwarded_header="forwarded",
)
FILES = StaticFilesConfig(directory="public", route_prefix="/static", cache_control="max-age=60")


class Pool(TypedDict):
    """What a lifespan leaves."""

    name: str


class User(TypedDict):
    """The claims that handlers ask for."""

    sub: str


async def lifespan(app: Spikard) -> AsyncIterator[dict[str, Any]]:
    """Open what all requests share, and close it."""
    yield {"pool": Pool(name="pool")}
    app.state.clear()


app = Spikard(CONFIG, lifespan=lifespan)


@app.on_startup
def connect() -> None:
    app.state.connected = True


@app.on_request
async def named(request: Request) -> Request:
    request.headers["x-request-id"] = "sample"
    return request


@app.pre_validation
def late(request: Request) -> Response | None:
    """Answer some in their handler's place."""
    return Response("closed", 503) if request.headers.get("x-late") else None


@app.pre_handler
async def remembered(request: Request) -> None:
    request.state["name"] = request.app_state["pool"]["name"]


@app.on_response
def stamped(response: Response) -> Response:
    response.headers["x-stamp"] = "yes"
    return response


@app.on_error
async def counted(response: Response) -> None:
    response.headers["x-error"] = type(response.error).__name__


@app.get("/view", auth="excluded")
async def view(request: Request) -> dict[str, Any]:
    """Look at a request from all sides."""
    assert_type(request.scheme, str)
    assert_type(request.url, str)
    assert_type(request.app, Spikard)
    assert_type(request.client, "tuple[str, int] | None")
    assert_type(request.claims, "dict[str, Any] | None")
    return {
        "scheme": request.scheme,
        "url": request.url,
        "id": request.request_id,
        "route": request.route,
        "state": request.state["name"],
        "connected": request.app_state.connected,
    }


@app.get("/me", auth="jwt")
def me(user: Annotated[User, Claims()], claims: Annotated[dict[str, Any], Claims()]) -> list[Any]:
    """Take the claims as a class and as they are."""
    return [user["sub"], claims]


@app.post("/form", auth="excluded", max_body_size=None, compression=False)
async def form(request: Request) -> dict[str, str]:
    """Read the form that came, whatever it holds."""
    fields = request.form()
    found: dict[str, str] = {}
    for name, value in fields.items():
        if isinstance(value, UploadFile):
            found[name] = (await value.read()).decode()
        elif isinstance(value, str):
            found[name] = value
    return found


Scope = Literal["all", "own"]
admin = Router(
    "/admin", tags=["admin"], auth="api_key", rate_limit={"per_second": 0.01, "burst": 3}
)


@admin.pre_handler
def allowed(request: Request) -> None:
    if request.query_params["scope"] == "all":
        raise HttpProblem(403, detail="not you")


@admin.get("/users")
def users(scope: Scope) -> Scope:
    return scope


app.include(admin)
assert_type(app.tables(), str)
