"""A reply as it stands on the wire, read strictly (RFC 9112).

A lenient reader would hide what a client in the field trips over, so anything out of shape is an
error.
Knows nothing of sockets or applications.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec

from spikard.headers import Headers

__all__ = ["Reply", "ReplyError", "read"]


class ReplyError(ValueError):
    """The bytes are no reply of HTTP/1.1."""


class Reply:
    """One reply: status, headers and body."""

    __slots__ = ("content", "headers", "interim", "status_code")

    def __init__(
        self, status_code: int, headers: Headers, content: bytes, interim: tuple[int, ...] = ()
    ) -> None:
        """Make a reply."""
        self.status_code = status_code
        """The status."""
        self.headers = headers
        """The header fields; lookup ignores case, `getlist` finds repeats."""
        self.content = content
        """The body, whole."""
        self.interim = interim
        """Statuses of the replies before the final one (100 Continue)."""

    def __repr__(self) -> str:
        return f"<Reply {self.status_code}, {len(self.content)} bytes>"

    @property
    def body_bytes(self) -> bytes:
        """The body, whole; the name other languages use."""
        return self.content

    @property
    def text(self) -> str:
        """The body as UTF-8. Raises UnicodeDecodeError if it is none."""
        return self.content.decode()

    def json(self) -> Any:
        """Return the body read as JSON. Raises ValueError if it is none."""
        return msgspec.json.decode(self.content)


def read(data: bytes, method: str, whole: bool) -> tuple[Reply, int] | None:
    """Read one reply to a request of `method` from the start of `data`.

    Returns it with its length in bytes, or None if more bytes have to come. With `whole`, `data` is
    everything there is: a body without a declared length ends there. Raises ReplyError.
    """
    interim: list[int] = []
    start = 0
    while True:
        end = data.find(b"\r\n\r\n", start)
        if end < 0:
            if whole:
                raise ReplyError(f"no end of the head in {data[start : start + 80]!r}")
            return None
        status, headers = _head(data[start:end])
        start = end + 4
        if status >= 200:
            break
        interim.append(status)
    if "transfer-encoding" in headers and method != "HEAD":
        chunks = _chunks(data, start, headers)
        if chunks is None:
            if whole:
                raise ReplyError(f"no last chunk in {len(data) - start} bytes")
            return None
        return Reply(status, headers, chunks[0], tuple(interim)), chunks[1]
    length = _length(headers, method, status)
    if length is None:
        if not whole:
            return None
        length = len(data) - start
    if len(data) < start + length:
        if whole:
            raise ReplyError(f"{len(data) - start} bytes of a body of {length}")
        return None
    content = data[start : start + length]
    return Reply(status, headers, content, tuple(interim)), start + length


def _head(head: bytes) -> tuple[int, Headers]:
    """Read a status line and header fields (RFC 9112 §4, RFC 9110 §5.5)."""
    first, *lines = head.split(b"\r\n")
    found = STATUS_LINE.fullmatch(first)
    if found is None:
        raise ReplyError(f"{first!r} is no status line")
    headers = Headers()
    for line in lines:
        field = FIELD.fullmatch(line)
        if field is None:
            raise ReplyError(f"{line!r} is no header field")
        headers.add(field[1].decode(), field[2].strip(b" \t").decode("latin-1"))
    return int(found[1]), headers


def _chunks(data: bytes, start: int, headers: Headers) -> tuple[bytes, int] | None:
    """Undo chunks from `start` (RFC 9112 §7.1), without extensions or trailers, as none is sent.

    Return the content and where its reply ends, or None if more bytes have to come.
    """
    coding, length = headers.getlist("transfer-encoding"), headers.getlist("content-length")
    if coding != ["chunked"] or length:
        raise ReplyError(f"transfer-encoding is {coding}, content-length is {length}")
    content = bytearray()
    while True:
        end = data.find(b"\r\n", start)
        if end < 0:
            return None
        line = data[start:end]
        if re.fullmatch(rb"[0-9a-fA-F]{1,16}", line) is None:
            raise ReplyError(f"{line[:80]!r} is no size of a chunk")
        begin, size = end + 2, int(line, 16)
        start = begin + size + 2
        if len(data) < start:
            return None
        if data[start - 2 : start] != b"\r\n":
            raise ReplyError(f"a chunk of {size} bytes has no end")
        content += data[begin : begin + size]
        if size == 0:
            return bytes(content), start


def _length(headers: Headers, method: str, status: int) -> int | None:
    """Return how long a body is, or None if it ends with the data (RFC 9112 §6.3)."""
    declared = headers.getlist("content-length")
    if len(declared) > 1 or any(re.fullmatch("[0-9]+", value) is None for value in declared):
        raise ReplyError(f"content-length is {declared}")
    if method == "HEAD" or status in (204, 304):
        return 0
    return int(declared[0]) if declared else None


STATUS_LINE = re.compile(rb"HTTP/1\.[01] ([1-5][0-9]{2}) [\t\x20-\x7e\x80-\xff]*")
FIELD = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):([\t\x20-\x7e\x80-\xff]*)")
