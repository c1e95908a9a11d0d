"""The exception that leaves as a problem document (RFC 9457).

The engine fills in type, title and reason phrase, and writes the document.
Knows nothing of the engine's own problems.
"""

from __future__ import annotations

from typing import Any

import msgspec

from spikard.encoding import encode
from spikard.headers import HeaderInit, Headers

__all__ = ["HttpProblem", "problem_of"]


class HttpProblem(Exception):
    """Raised by a handler to answer with a problem document of this status.

    >>> raise HttpProblem(404, detail="No such user", user_id=7)
    """

    def __init__(
        self,
        status: int,
        title: str | None = None,
        detail: str | None = None,
        type: str | None = None,
        headers: HeaderInit | None = None,
        **extensions: Any,
    ) -> None:
        """Make a problem. `type` is a URI; `extensions` become further members, in order.

        Without `type` and `title`, those of the status are taken. `headers` join the reply.
        """
        super().__init__(status, title, detail)
        self.status = status
        self.title = title
        self.detail = detail
        self.type = type
        self.headers = Headers(headers)
        self.extensions = extensions

    def __str__(self) -> str:
        words = (self.title, self.detail)
        return " ".join([str(self.status), *(word for word in words if word is not None)])

    def _document(self) -> str:
        """Return what the engine needs to write the document, as JSON."""
        members: dict[str, Any] = {
            "status": self.status,
            "title": self.title,
            "detail": self.detail,
            "type": self.type,
            "headers": self.headers.pairs() or None,
            "extensions": self.extensions or None,
        }
        given = {key: value for key, value in members.items() if value is not None}
        return encode(given).decode()


def problem_of(status: int, document: bytes) -> HttpProblem:
    """Return the problem that a document of the engine's tells of, as if it had been raised."""
    try:
        members = msgspec.json.decode(document, type=dict[str, Any])
    except msgspec.DecodeError:
        members = {}
    members.pop("status", None)
    named = {key: members.pop(key, None) for key in ("title", "detail", "type")}
    problem = HttpProblem(status, **named)
    problem.extensions = members
    return problem
