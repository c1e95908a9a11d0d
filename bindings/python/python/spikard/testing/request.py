"""A request as the bytes that go on the wire.

Knows nothing of how they get there.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlencode

from spikard.encoding import encode
from spikard.headers import HeaderInit, Headers
from spikard.testing.multipart import Files, multipart
from spikard.testing.values import Params, pairs, text

__all__ = ["write"]

# Characters of a target that stay as they are: everything visible in ASCII.
TARGET_SAFE = "".join(map(chr, range(0x21, 0x7F)))


def write(
    method: str,
    path: str,
    *,
    json: Any = ...,
    data: bytes | str | Params | None = None,
    files: Files | None = None,
    params: Params | None = None,
    headers: HeaderInit | None = None,
    cookies: Mapping[str, str] | None = None,
) -> bytes:
    """Return a request as bytes.

    `json` is any value, None included; `data` is sent as it is, text as UTF-8, or is the fields of
    a form; with `files` that form is multipart. Adds `host`, and with a body its length and type,
    unless `headers` has them. Raises ValueError for a line break where it would end a line, and for
    two bodies.
    """
    if json is not ... and data is not None:
        raise ValueError("give json or data, not both")
    fields = Headers(headers)
    body = data.encode() if isinstance(data, str) else data
    if files is not None:
        if json is not ... or isinstance(body, bytes):
            raise ValueError("files come with the fields of a form, given as a mapping or pairs")
        boundary, body = multipart(body or (), files)
        fields.setdefault("content-type", f"multipart/form-data; boundary={boundary}")
    if body is not None and not isinstance(body, bytes):
        body = _pairs(body).encode()
        fields.setdefault("content-type", "application/x-www-form-urlencoded")
    if json is not ...:
        body = encode(json)
        fields.setdefault("content-type", "application/json")
    if cookies:
        pairs = "; ".join(f"{name}={value}" for name, value in cookies.items())
        fields.add("cookie", pairs)
    if body is not None and "transfer-encoding" not in fields:
        fields.setdefault("content-length", str(len(body)))
    lines = [f"{method} {_target(path, params)} HTTP/1.1"]
    if "host" not in fields:
        lines.append("host: localhost")
    lines += [f"{name}: {value}" for name, value in fields.pairs()]
    if any("\r" in line or "\n" in line for line in lines):
        raise ValueError("a method, path or header has a line break in it")
    return "\r\n".join([*lines, "", ""]).encode() + (body or b"")


def _target(path: str, params: Params | None) -> str:
    """Return the request target: the path and the query."""
    target = quote(path, safe=TARGET_SAFE)
    if not params:
        return target
    return f"{target}{'&' if '?' in target else '?'}{_pairs(params)}"


def _pairs(params: Params) -> str:
    """Return names and values as queries and forms have them."""
    return urlencode([(name, text(value)) for name, value in pairs(params)], doseq=True)
