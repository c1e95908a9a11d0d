"""Hooks: functions that run around every handler.

Run it with `python examples/python/hooks.py`, then:

    curl -i http://127.0.0.1:8000/protected
    curl -i -H 'authorization: Bearer ann' http://127.0.0.1:8000/protected
"""

from __future__ import annotations

import logging
import uuid
from typing import NamedTuple

from spikard import Request, Response, Spikard, get

logger = logging.getLogger("example")


class User(NamedTuple):
    name: str


async def validate_token(token: str) -> User:
    """Stand in for a real check: the token is the name."""
    return User(token.removeprefix("Bearer "))


app = Spikard()


# onRequest: Runs before routing
@app.on_request
async def add_request_id(request: Request) -> Request:
    request.headers["x-request-id"] = str(uuid.uuid4())
    return request


# preValidation: Runs after routing, before validation
@app.pre_validation
async def log_request(request: Request) -> Request:
    logger.info(f"{request.method} {request.path}")
    return request


# preHandler: Runs after validation, before handler (ideal for auth)
@app.pre_handler
async def check_auth(request: Request) -> Request | Response:
    token = request.headers.get("authorization")
    if not token:
        return Response(status_code=401, content={"error": "Unauthorized"})

    user = await validate_token(token)
    request.state["user"] = user
    return request


# onResponse: Runs after handler (can modify response)
@app.on_response
async def add_security_headers(response: Response) -> Response:
    response.headers["x-content-type-options"] = "nosniff"
    response.headers["x-frame-options"] = "DENY"
    return response


# onError: Runs when an error occurs
@app.on_error
async def log_errors(response: Response) -> Response:
    if response.status_code >= 500:
        logger.error(f"Server error: {response.status_code}")
    return response


@get("/protected")
async def protected_route(request: Request):
    user = request.state["user"]
    return {"message": f"Hello, {user.name}!"}


if __name__ == "__main__":
    app.run()
