"""Uploaded files: what a client sent as a file of a multipart form.

A small file is in memory, a large one in a temporary file without a name that is gone when the last
`UploadFile` of its request is. Both are read alike, with `await` or without.
Knows nothing of how forms are parsed or judged.
"""

from __future__ import annotations

import asyncio
import io
import os
from collections.abc import AsyncIterator, Iterator, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, BinaryIO, cast

if TYPE_CHECKING:
    from typing_extensions import Buffer

__all__ = ["Chunks", "Spool", "UploadFile"]

CHUNK_BYTES = 64 * 1024


class Spool:
    """The temporary file of one request's uploads, open while one of them lives."""

    __slots__ = ("descriptor",)

    def __init__(self, descriptor: int) -> None:
        """Take over a descriptor."""
        self.descriptor = descriptor

    def __del__(self) -> None:
        """Close it."""
        os.close(self.descriptor)


class _Section(io.RawIOBase):
    """A part of a spool, as a file of its own with its own position."""

    def __init__(self, spool: Spool, start: int, size: int) -> None:
        self._spool = spool
        self._start = start
        self._size = size
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def readinto(self, buffer: Buffer) -> int:
        view = memoryview(buffer).cast("B")[: max(self._size - self._at, 0)]
        if not view:
            return 0
        read = os.preadv(self._spool.descriptor, [view], self._start + self._at)
        self._at += read
        return read

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._size}[whence]
        if base + offset < 0:
            raise ValueError(f"a seek to {base + offset}, before the start")
        self._at = base + offset
        return self._at

    def tell(self) -> int:
        return self._at


class Chunks:
    """The rest of a file in pieces: for `for` and for `async for`."""

    __slots__ = ("_size", "_upload")

    def __init__(self, upload: UploadFile, size: int) -> None:
        """Read pieces of `size` bytes."""
        self._upload = upload
        self._size = size

    def __iter__(self) -> Iterator[bytes]:
        """Yield the pieces."""
        while piece := self._upload.file.read(self._size):
            yield piece

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Yield the pieces; a disk does not hold the event loop."""
        while piece := await self._upload.read(self._size):
            yield piece


class UploadFile:
    """A file as a client sent it.

    `await upload.read()` and its like never hold the event loop; `upload.file` is an ordinary
    binary file for code that is not a coroutine, and for libraries. Both share one position. It may
    be kept after the answer.
    """

    __slots__ = (
        "_content",
        "_file",
        "_headers",
        "_start",
        "content_type",
        "filename",
        "name",
        "size",
    )

    name: str
    """The name of the form's field."""
    filename: str
    """The file's name as the client sent it, which may be any path: never open it."""
    content_type: str | None
    """The media type that the client says it is; None if it says nothing."""
    size: int
    """How many bytes it has."""

    def __init__(
        self,
        name: str,
        filename: str,
        content_type: str = "",
        headers: str = "",
        size: int | None = None,
        content: bytes | Spool = b"",
        start: int = 0,
    ) -> None:
        """Make a file of bytes, as tests do; the engine makes its own."""
        self.name = name
        self.filename = filename
        self.content_type = content_type or None
        self.size = len(cast("bytes", content)) if size is None else size
        self._headers = headers
        self._content = content
        self._start = start
        self._file: BinaryIO | None = None

    @property
    def headers(self) -> Mapping[str, str]:
        """The header fields of its part, by their names in lower case."""
        pairs = (line.partition(": ") for line in self._headers.splitlines())
        return MappingProxyType({name: value for name, _, value in pairs})

    @property
    def file(self) -> BinaryIO:
        """Its content as a binary file, to be read and sought. Reading it may wait for a disk."""
        if self._file is None:
            content = self._content
            if isinstance(content, Spool):
                section = _Section(content, self._start, self.size)
                self._file = cast("BinaryIO", io.BufferedReader(section, CHUNK_BYTES))
            else:
                self._file = io.BytesIO(content)
        return self._file

    @property
    def is_spooled(self) -> bool:
        """Whether its content is in a temporary file rather than in memory."""
        return isinstance(self._content, Spool)

    async def read(self, size: int = -1) -> bytes:
        """Return the next `size` bytes, or all that are left."""
        if self.is_spooled:
            return await asyncio.to_thread(self.file.read, size)
        return self.file.read(size)

    async def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Move to a position, counted as in `io`; return it."""
        return self.file.seek(offset, whence)

    async def close(self) -> None:
        """Give up the content."""
        self.file.close()

    def chunks(self, size: int = CHUNK_BYTES) -> Chunks:
        """Return what is left in pieces, for `async for` in coroutines and for `for` elsewhere."""
        return Chunks(self, size)

    def __repr__(self) -> str:
        """Show what it is, without its content."""
        return f"<UploadFile {self.filename!r} of {self.size} bytes>"


def content(upload: UploadFile) -> bytes:
    """Return the whole content of a file, for handlers that take it as bytes."""
    return upload.file.read()
