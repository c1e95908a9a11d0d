"""Litestar with msgspec, its own choice: the same routes as `server.py`."""

from litestar import Litestar, get, post
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


app = Litestar([hello, search, orders], openapi_config=None)
