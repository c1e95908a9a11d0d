"""An application that uses every kind of annotation, as a type checker sees it.

`test_checkers.py` runs mypy and pyright over this file, and serves it. Nothing here may need a cast
or an ignored error.
"""

# ruff: noqa: UP045
import dataclasses
import enum
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path as FilePath
from typing import (
    Annotated,
    Any,
    Generic,
    Literal,
    NamedTuple,
    NewType,
    Optional,
    TypedDict,
    TypeVar,
    Union,
)
from uuid import UUID

import attrs
import msgspec
import pydantic
from annotated_types import Ge, Len
from typing_extensions import NotRequired, assert_type

from spikard import (
    Body,
    Cookie,
    File,
    Form,
    Header,
    HttpProblem,
    Path,
    Query,
    RedirectResponse,
    Request,
    Response,
    Route,
    Router,
    Spikard,
    UploadFile,
    get,
    post,
    register_decoder,
    register_encoder,
)
from spikard.config import ServerConfig

T = TypeVar("T")
UserId = NewType("UserId", int)
Count = Annotated[int, Ge(0)]


@asynccontextmanager
async def lifespan(app: Spikard) -> AsyncGenerator[dict[str, Any], None]:
    """Surround a worker's requests."""
    yield {"name": "sample"}


app = Spikard(
    ServerConfig(max_body_size=1_000_000, shutdown_timeout=timedelta(seconds=5)), lifespan=lifespan
)


class OutOfStock(Exception):
    """One of the application's own."""

    item = 0


@app.exception_handler(OutOfStock)
async def out_of_stock(request: Request, error: OutOfStock) -> HttpProblem:
    """Map an exception of the application's."""
    return HttpProblem(409, path=request.path, item=error.item)


@app.exception_handler(LookupError)
def not_found(request: Request, error: LookupError) -> Response:
    return Response({"path": request.path, "error": str(error)}, status_code=404)


@app.on_startup
async def connect() -> None:
    app.state["connected"] = True


@app.on_shutdown
def disconnect() -> None:
    app.state.clear()


class Colour(enum.Enum):
    """A choice of texts."""

    RED = "red"
    BLUE = "blue"


class Size(enum.IntEnum):
    """A choice of numbers."""

    SMALL = 1
    LARGE = 2


class Item(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """A struct with names of its own in JSON."""

    item_name: Annotated[str, msgspec.Meta(min_length=1)]
    price: Decimal = Decimal(1)
    tags: list[str] = []


class Card(msgspec.Struct, tag="card"):
    """One way to pay."""

    number: str


class Cash(msgspec.Struct, tag="cash"):
    """The other way to pay."""

    amount: Decimal


class Page(msgspec.Struct, Generic[T]):
    """A part of a list."""

    items: list[T]
    total: Count


@dataclasses.dataclass(slots=True)
class Point:
    """A dataclass with defaults."""

    x: int
    y: int = 0
    notes: list[str] = dataclasses.field(default_factory=list[str])


class Movie(TypedDict):
    """A dict whose keys are known."""

    title: str
    year: NotRequired[int]


class Span(NamedTuple):
    """A tuple whose items have names."""

    low: int
    high: int = 10


@attrs.define
class Account:
    """A class of attrs."""

    name: str
    balance: int = attrs.field(default=0, validator=attrs.validators.ge(0))


class User(pydantic.BaseModel):
    """A model of pydantic."""

    name: Annotated[str, pydantic.Field(min_length=2)]
    friends: "list[User]" = []

    @pydantic.field_validator("name")
    @classmethod
    def _not_root(cls, name: str) -> str:
        if name == "root":
            raise ValueError("root is taken")
        return name


class Filters(msgspec.Struct):
    """Values of the query."""

    words: Annotated[list[str], Len(0, 3)] = []
    limit: Count = 10


class Money:
    """A type that only this program knows."""

    def __init__(self, cents: int) -> None:
        """Keep whole cents."""
        self.cents = cents


def money(value: Any) -> Money:
    """Make money of a plain value."""
    return Money(int(value))


register_decoder(Money, money, schema={"type": "integer"})
register_encoder(Money, lambda value: value.cents)


@app.get("/values/{id}/{when:date}")
async def values(
    id: UUID,
    when: date,
    user: UserId,
    at: datetime,
    hour: time = time(12),
    wait: Optional[timedelta] = None,
    ratio: float = 0.5,
    exact: bool = False,
    file: FilePath = FilePath("a"),
    colour: Colour = Colour.RED,
    size: Union[Size, None] = None,
    order: Literal["up", "down"] = "up",
    several: list[int] = Query(default_factory=list),
    unique: frozenset[str] = frozenset(),
    cost: Money = Query(default_factory=lambda: Money(5)),
) -> dict[str, object]:
    """Take single values from path and query."""
    assert_type(user, UserId)
    assert_type(size, Optional[Size])
    assert_type(several, list[int])
    return {
        "id": id,
        "when": when,
        "user": user,
        "at": at,
        "hour": hour,
        "wait": wait,
        "ratio": ratio,
        "exact": exact,
        "file": file,
        "colour": colour,
        "size": size,
        "order": order,
        "several": several,
        "unique": unique,
        "cost": cost,
    }


@get("/sources/{key}")
def sources(
    request: Request,
    key: Annotated[str, Path(max_length=5)],
    q: Annotated[str, Query(alias="query", pattern="^[a-z]+$")] = "none",
    x_token: str = Header(min_length=2),
    session: Annotated[str | None, Cookie()] = None,
    *,
    page: int = Query(1, ge=1),
) -> list[Any]:
    """Take one value of each source."""
    assert_type(q, str)
    assert_type(session, Optional[str])
    assert_type(request.headers["x-token"], str)
    return [key, q, x_token, session, page, request.method]


@post("/items")
async def add(item: Item) -> Response:
    """Take a struct."""
    assert_type(item.price, Decimal)
    if not item.tags:
        raise HttpProblem(409, detail="An item has tags", item=item.item_name)
    return Response(item, status_code=201, headers={"location": "/items/1"})


@app.post("/items/{item_id}/pictures")
async def picture(
    item_id: int,
    cover: Annotated[UploadFile, File(types=["image/*"], max_size=1 << 20, check_magic=True)],
    title: Annotated[str, Form(max_length=80)],
    others: Annotated[list[UploadFile], File(alias="other")] = [],  # noqa: B006
    thumbnail: Annotated[bytes | None, File()] = None,
) -> dict[str, Any]:
    """Take files beside a field, and read them both ways."""
    assert_type(cover.content_type, Optional[str])
    head = await cover.read(8)
    assert_type(head, bytes)
    size = 0
    async for piece in cover.chunks():
        size += len(piece)
    for piece in cover.chunks(4096):
        size += len(piece)
    names = [other.filename for other in others]
    rest: bytes = others[0].file.read() if others else thumbnail or b""
    return {"id": item_id, "title": title, "size": size, "names": names, "rest": len(rest)}


@app.get("/items/{item_id}/old")
def moved(item_id: int) -> RedirectResponse:
    response = RedirectResponse(f"/items/{item_id}", status_code=308)
    response.set_cookie("seen", str(item_id), max_age=60)
    return response


@app.get("/items/{item_id}/state")
def named(item_id: int) -> Response:
    if item_id == 0:
        return Response({"id": item_id}, etag=True)
    return Response({"id": item_id}, etag=f"v{item_id}", weak_etag=True)


@app.post("/pay")
def pay(payment: Card | Cash) -> str:
    """Take one of several classes."""
    if isinstance(payment, Card):
        assert_type(payment, Card)
        return "card"
    assert_type(payment, Cash)
    return "cash"


@app.put("/pages")
async def pages(page: Page[Item]) -> Page[Item]:
    """Take a generic class."""
    assert_type(page.items, list[Item])
    return page


@app.post("/points")
def points(points: list[Point], scale: int = 1) -> list[Point]:
    """Take a list of dataclasses beside a value of the query."""
    return [Point(point.x * scale, point.y * scale, point.notes) for point in points]


@app.post("/movies")
def movies(movie: Movie) -> Movie:
    """Take a dict whose keys are known."""
    return movie


@app.patch("/spans")
def spans(span: Span) -> int:
    """Take a tuple whose items have names."""
    return span.high - span.low


@app.post("/accounts")
def accounts(account: Account) -> Account:
    """Take a class of attrs."""
    return account


@app.post("/users")
async def users(user: User) -> User:
    """Take a model of pydantic."""
    assert_type(user.friends, list[User])
    return user


@app.post("/anything")
def anything(document: dict[str, Any], when: Annotated[date | None, Query()] = None) -> list[Any]:
    """Take any object."""
    return [document, when]


@app.post("/bytes")
def raw(data: bytes) -> bytes:
    """Take the body as it is."""
    return data[::-1]


@app.post("/numbers", response_schema={"type": "integer"}, response_validation=None)
def numbers(counts: Annotated[dict[str, Count], Body()]) -> int:
    """Take what only a marker makes a body."""
    return sum(counts.values())


@app.get("/search", response_schema=Filters, response_validation="error")
def search(filters: Annotated[Filters, Query()]) -> Filters:
    """Take a class of query parameters."""
    return filters


def signed_in(request: Request) -> None:
    """Look at the requests of a group."""


group = Router("/group", tags=["group"], hooks={"pre_handler": signed_in}, request_timeout=5)
inner = Router("/{group_id:int}", response_headers={"x-group": "inner"})


@inner.get("/items/{item_id:int}", request_timeout=None)
async def grouped(group_id: int, item_id: int) -> list[int]:
    return [group_id, item_id]


@group.on_response
def stamped(response: Response) -> Response:
    response.headers["x-stamp"] = "group"
    return response


@group.exception_handler(KeyError)
def no_key(request: Request, error: KeyError) -> HttpProblem:
    return HttpProblem(404, detail=str(error))


group.include(inner)
app.include(group, prefix="/v1")

# The decorators return what they are given.
assert_type(pay(Card("1")), str)
assert_type(points([], 2), list[Point])
assert_type(app.routes, tuple[Route, ...])
