"""The Python application under load: the routes of `apps/rust/server.rs`, and a look inside.

PORT, ENGINE (`auto`, `io_uring`, `epoll`) and CONFIG (further settings, as JSON) come from the
environment; there is one worker, because the scripts compare what one core does.
"""

import asyncio
import json
import os
import time
from typing import TypedDict

from models import Order, summary
from spikard import Request, Spikard, UploadFile, server

app = Spikard()
background = set()
BIG = [
    {
        "id": each,
        "name": f"User {each}",
        "email": f"user{each}@example.com",
        "score": each * 37 % 101,
    }
    for each in range(280)
]
lateness = []


class Item(TypedDict):
    """What `/items` takes."""

    name: str
    price: float


class Guest(server.Guest):
    """The guest of this process, within reach of `/stats`."""

    __slots__ = ()
    here = None

    def __init__(self, *arguments):
        super().__init__(*arguments)
        Guest.here = self


@app.get("/hello")
async def hello():
    return {"message": "Hello, World!"}


@app.get("/sync")
def hello_sync():
    return {"message": "Hello, World!"}


@app.get("/users/{user_id:int}")
async def user(user_id: int):
    return {"id": user_id, "name": f"User {user_id}"}


@app.get("/wait/{milliseconds:int}")
async def wait(milliseconds: int):
    await asyncio.sleep(milliseconds / 1000)
    return {"waited": milliseconds}


@app.get("/block/{milliseconds:int}")
def block(milliseconds: int):
    time.sleep(milliseconds / 1000)
    return {"waited": milliseconds}


@app.post("/items")
async def item(body: Item):
    return {"item": body}


@app.get("/search")
async def search(term: str, limit: int, offset: int, price: float, in_stock: bool):
    return {
        "term": term,
        "limit": limit,
        "offset": offset,
        "price": price,
        "in_stock": in_stock,
    }


@app.get("/big")
async def big():
    """About 20 KB, as a list of records is."""
    return BIG


@app.post("/orders")
async def orders(order: Order):
    return summary(order)


@app.post("/length")
async def length(request: Request, body: bytes):
    return {"bytes": len(body)}


@app.post("/upload")
async def upload(file: UploadFile):
    size = 0
    async for piece in file.chunks(65536):
        size += len(piece)
    return {"name": file.filename, "bytes": size}


@app.get("/stats")
async def stats():
    """What the worker holds, this very request included."""
    # The first part of a handler runs inside a turn, where the worker cannot be asked.
    await asyncio.sleep(0)
    return Guest.here._server.stats()


@app.get("/ticks/start/{seconds:int}")
async def start_ticks(seconds: int):
    """Begin to record how late a timer of 10 ms is."""
    lateness.clear()
    task = asyncio.get_running_loop().create_task(tick(seconds))
    background.add(task)
    task.add_done_callback(background.discard)
    return {"ticks": seconds * 100}


@app.get("/ticks")
async def ticks():
    """The lateness of every tick that fired, in milliseconds."""
    return {"late_ms": lateness, "running": bool(background)}


async def tick(seconds):
    # The loop's own clock may be no finer than a millisecond.
    clock = time.perf_counter
    due, end = clock() + 0.01, clock() + seconds
    while due <= end:
        await asyncio.sleep(max(0.0, due - clock()))
        now = clock()
        lateness.append(1000 * max(0.0, now - due))
        # A tick that was missed altogether does not fire later.
        due += 0.01 * (1 + max(0, int((now - due) / 0.01)))


server.Guest = Guest
app.run(
    config={
        "host": "127.0.0.1",
        "port": int(os.environ.get("PORT", "8000")),
        "engine": os.environ.get("ENGINE", "auto"),
        "workers": 1,
        **json.loads(os.environ.get("CONFIG", "{}")),
    }
)
