"""What `/orders` takes and `/search` reads, as each framework's users would write it.

One body, three ways to declare it: msgspec for us and Litestar, pydantic for FastAPI.
"""

from typing import Annotated

import msgspec

Sku = Annotated[str, msgspec.Meta(min_length=1, max_length=20)]
Quantity = Annotated[int, msgspec.Meta(ge=1)]
Price = Annotated[float, msgspec.Meta(gt=0)]


class Customer(msgspec.Struct):
    """Who orders."""

    name: str
    email: str


class Line(msgspec.Struct):
    """One line of an order."""

    sku: Sku
    quantity: Quantity
    price: Price
    note: str | None = None


class Order(msgspec.Struct):
    """A body of about 1 KiB: a nested object, an array, three constraints."""

    id: int
    customer: Customer
    express: bool
    lines: list[Line]
    voucher: str | None = None


def summary(order):
    """Return what the handlers answer: proof that they were given the typed value."""
    return {"id": order.id, "lines": len(order.lines), "first": order.lines[0].sku}
