"""A multipart form as bytes, as clients write it (RFC 7578).

Knows nothing of the request around it.
"""

from __future__ import annotations

import mimetypes
import secrets
from collections.abc import Iterator
from pathlib import PurePath
from typing import Any

from spikard.testing.values import Params, pairs, text

__all__ = ["Files", "multipart"]

Files = Params
"""Files by the name of their field, each as its content (bytes, text or a binary file), as
(filename, content) or (filename, content, media type); a list of these for several."""


def multipart(fields: Params, files: Files) -> tuple[str, bytes]:
    """Return a boundary and the body that it divides."""
    boundary = secrets.token_hex(16)
    parts = [*_texts(fields), *_files(files)]
    body = b"".join(
        f"--{boundary}\r\ncontent-disposition: form-data; {head}\r\n\r\n".encode()
        + content
        + b"\r\n"
        for head, content in parts
    )
    return boundary, body + f"--{boundary}--\r\n".encode()


def _texts(fields: Params) -> Iterator[tuple[str, bytes]]:
    for name, value in pairs(fields):
        values = text(value)
        for each in values if isinstance(values, list) else [values]:
            yield f'name="{_quoted(name)}"', str(each).encode()


def _files(files: Files) -> Iterator[tuple[str, bytes]]:
    for name, given in pairs(files):
        for each in given if isinstance(given, list) else [given]:
            filename, content, media = _file(each)
            yield (
                f'name="{_quoted(name)}"; filename="{_quoted(filename)}"\r\ncontent-type: {media}',
                content,
            )


def _file(given: Any) -> tuple[str, bytes, str]:
    """Return a file's filename, content and media type."""
    parts = given if isinstance(given, tuple) else (None, given)
    filename, content = parts[0], parts[1]
    if filename is None:
        filename = PurePath(str(getattr(content, "name", "upload"))).name
    if isinstance(content, str):
        content = content.encode()
    elif not isinstance(content, bytes):
        content = bytes(content.read())
    guessed = mimetypes.guess_type(filename)[0] or "application/octet-stream"
    return filename, content, parts[2] if len(parts) > 2 else guessed


def _quoted(name: str) -> str:
    """Return a name as browsers write it (WHATWG HTML, multipart form data)."""
    return name.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")
