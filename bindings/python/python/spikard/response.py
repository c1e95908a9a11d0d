"""The response object: for a handler that sets status, headers or media type itself.

Every other result of a handler is a body with status 200. What HTTP cannot carry is refused by the
engine, not here.
Knows nothing of how a reply is written.
"""

from __future__ import annotations

from typing import Any

from spikard.encoding import encode
from spikard.headers import HeaderInit, Headers

__all__ = ["Response"]


class Response:
    """What a handler returns to set status, headers or media type."""

    __slots__ = ("content", "headers", "media_type", "status_code")

    def __init__(
        self,
        content: Any = None,
        status_code: int = 200,
        headers: HeaderInit | None = None,
        media_type: str | None = None,
    ) -> None:
        """Make a response.

        `content` is written as a plain result is: `str` as text, bytes as they are, anything else
        as JSON; None means no body. A `content-type` among the `headers` (a mapping, or pairs with
        repeats) wins over `media_type`, and that over the type of the content.
        """
        self.content = content
        self.status_code = status_code
        self.headers = Headers(headers)
        self.media_type = media_type

    def __repr__(self) -> str:
        return f"Response(status_code={self.status_code}, headers={self.headers.pairs()!r})"

    def _parts(self) -> tuple[int, str | None, list[tuple[str, str]], bytes]:
        """Return status, content type if the headers have none, headers and body."""
        media_type, body = _body_of(self.content)
        fields = self.headers.pairs()
        if "content-type" in self.headers:
            return self.status_code, None, fields, body
        return self.status_code, self.media_type or media_type, fields, body


def _body_of(content: Any) -> tuple[str | None, bytes]:
    """Return what a content is by itself: its media type and its bytes."""
    if content is None:
        return None, b""
    if isinstance(content, str):
        return "text/plain; charset=utf-8", content.encode()
    if isinstance(content, bytes | bytearray | memoryview):
        return "application/octet-stream", bytes(content)
    return "application/json", encode(content)
