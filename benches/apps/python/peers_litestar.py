"""Litestar with msgspec, its own choice: the same routes as `server.py`."""

from typing import Annotated

from litestar import Litestar, get, post
from litestar.datastructures import UploadFile
from litestar.enums import RequestEncodingType
from litestar.params import Body
from models import Order, summary


@get("/hello")
async def hello() -> dict[str, str]:
    """Answer the usual."""
    return {"message": "Hello, World!"}


@get("/search")
async def search(
    term: str, limit: int, offset: int, price: float, in_stock: bool
) -> dict[str, object]:
    """Return the five typed parameters."""
    return {
        "term": term,
        "limit": limit,
        "offset": offset,
        "price": price,
        "in_stock": in_stock,
    }


@post("/orders", status_code=200)
async def orders(data: Order) -> dict[str, object]:
    """Take a typed body."""
    return summary(data)


@post("/upload", status_code=200)
async def upload(
    data: Annotated[UploadFile, Body(media_type=RequestEncodingType.MULTI_PART)],
) -> dict[str, object]:
    """Take one file, spooled, and read it in pieces."""
    size = 0
    while piece := await data.read(65536):
        size += len(piece)
    return {"name": data.filename, "bytes": size}


# Its limit of ten million bytes would refuse an upload of that size and its envelope.
app = Litestar([hello, search, orders, upload], openapi_config=None, request_max_body_size=None)
