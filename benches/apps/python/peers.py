"""A peer on bare ASGI: what the protocol itself costs."""

HEADERS = [(b"content-type", b"application/json"), (b"content-length", b"27")]
BODY = b'{"message":"Hello, World!"}'


async def raw(scope, receive, send):
    """Answer every request with the same bytes."""
    if scope["type"] != "http":
        return
    await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
    await send({"type": "http.response.body", "body": BODY})
