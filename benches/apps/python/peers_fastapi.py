"""FastAPI with pydantic: the same routes as `server.py`."""

import pathlib
from typing import Annotated

from fastapi import FastAPI, UploadFile
from models import summary
from pydantic import BaseModel, Field

app = FastAPI()


class Customer(BaseModel):
    """Who orders."""

    name: str
    email: str


class Line(BaseModel):
    """One line of an order."""

    sku: Annotated[str, Field(min_length=1, max_length=20)]
    quantity: Annotated[int, Field(ge=1)]
    price: Annotated[float, Field(gt=0)]
    note: str | None = None


class Order(BaseModel):
    """The body of `models.Order`."""

    id: int
    customer: Customer
    express: bool
    lines: list[Line]
    voucher: str | None = None


@app.get("/hello")
async def hello():
    """Answer the usual."""
    return {"message": "Hello, World!"}


@app.get("/users/{user_id}")
async def user(user_id: int):
    """Return the typed path parameter."""
    return {"id": user_id, "name": f"User {user_id}"}


@app.get("/search")
async def search(term: str, limit: int, offset: int, price: float, in_stock: bool):
    """Return the five typed parameters."""
    return {
        "term": term,
        "limit": limit,
        "offset": offset,
        "price": price,
        "in_stock": in_stock,
    }


@app.post("/orders")
async def orders(order: Order):
    """Take a typed body."""
    return summary(order)


@app.post("/upload")
async def upload(file: UploadFile):
    """Take one file, spooled, and read it in pieces."""
    size = 0
    while piece := await file.read(65536):
        size += len(piece)
    return {"name": pathlib.PurePath(file.filename or "").name, "bytes": size}
