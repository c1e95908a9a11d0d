"""Peers on ASGI: the bare protocol, and FastAPI where it is installed."""

HEADERS = [(b"content-type", b"application/json"), (b"content-length", b"27")]
BODY = b'{"message":"Hello, World!"}'


async def raw(scope, receive, send):
    """Answer every request with the same bytes."""
    if scope["type"] != "http":
        return
    await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
    await send({"type": "http.response.body", "body": BODY})


try:
    from fastapi import FastAPI
except ImportError:
    pass
else:
    fastapi = FastAPI()

    @fastapi.get("/hello")
    async def hello():
        return {"message": "Hello, World!"}

    @fastapi.get("/users/{user_id}")
    async def user(user_id: int):
        return {"id": user_id, "name": f"User {user_id}"}
