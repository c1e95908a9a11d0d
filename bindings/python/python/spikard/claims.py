"""The claims of a token as a parameter of a handler.

The engine has judged the token; here its claims only become what the annotation says.
Knows nothing of signatures.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from spikard import decoding
from spikard.problem import HttpProblem

__all__ = ["reader"]


def reader(annotation: Any) -> Callable[[bytes], Any]:
    """Return what makes the annotation's value of claims, which are JSON, or empty without a token.

    Raises TypeError for a type that JSON cannot become.
    """
    decode = decoding.body_decoder(dict[str, Any] if annotation is Any else annotation, False)

    def read(claims: bytes) -> Any:
        if not claims:
            # The route lets requests in that the handler cannot serve.
            challenge = {"www-authenticate": "Bearer"}
            raise HttpProblem(401, detail="The request carries no token", headers=challenge)
        try:
            return decode(claims)
        except (msgspec.MsgspecError, ValueError):
            detail = "The claims of the JWT are not those that the route asks for"
            raise HttpProblem(403, detail=detail) from None

    return read
