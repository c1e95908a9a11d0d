"""Litestar and Starlette with their own compression: the list of `server.py`, for comparison."""

import os

import msgspec
from litestar import Litestar, get
from litestar.config.compression import CompressionConfig
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.responses import Response
from starlette.routing import Route

QUALITY = int(os.environ.get("QUALITY", "6"))
BIG = [
    {
        "id": each,
        "name": f"User {each}",
        "email": f"user{each}@example.com",
        "score": each * 37 % 101,
    }
    for each in range(280)
]


@get("/big")
async def big() -> list[dict[str, str | int]]:
    """About 20 KB, as a list of records is."""
    return BIG


async def starlette_big(_):
    """Answer the same, encoded by msgspec: the encoder must not decide this comparison."""
    return Response(msgspec.json.encode(BIG), media_type="application/json")


brotli = Litestar(
    [big],
    openapi_config=None,
    compression_config=CompressionConfig(
        backend="brotli", brotli_quality=QUALITY, brotli_gzip_fallback=False
    ),
)
gzip = Litestar(
    [big],
    openapi_config=None,
    compression_config=CompressionConfig(backend="gzip", gzip_compress_level=QUALITY),
)
starlette_gzip = Starlette(
    routes=[Route("/big", starlette_big)],
    middleware=[Middleware(GZipMiddleware, compresslevel=QUALITY)],
)
