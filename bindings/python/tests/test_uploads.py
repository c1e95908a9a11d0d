"""Uploaded files as handlers take them, and how they are read."""

from __future__ import annotations

import asyncio
import gc
import io
import os
import shutil
from pathlib import Path
from typing import Annotated, Any

import msgspec
import pytest

from spikard import Body, File, Form, Request, RouteError, Spikard, UploadFile
from spikard.testing import TestClient

BYTES = bytes(range(256)) * 40
PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"


class Album(msgspec.Struct):
    title: str
    year: int


def client(handler: Any, **config: Any) -> TestClient:
    app = Spikard()
    app.post("/uploads")(handler)
    return TestClient(app, config=config)


@pytest.mark.parametrize("threshold", [0, 1 << 20])
@pytest.mark.parametrize("is_async", [False, True])
def test_a_file_is_read_whole_in_pieces_and_from_anywhere(threshold: int, is_async: bool) -> None:
    def summary(upload: UploadFile, parts: list[Any]) -> Any:
        assert upload.is_spooled == (threshold == 0)
        assert upload.headers["content-type"] == "image/x-own"
        assert repr(upload) == f"<UploadFile 'a b.bin' of {len(BYTES)} bytes>"
        return [upload.name, upload.filename, upload.content_type, upload.size, *parts]

    def function(upload: UploadFile) -> Any:
        file = upload.file
        whole = file.read()
        at = file.seek(-2, os.SEEK_END)
        tail = file.read(100)
        file.seek(0)
        sizes = [len(piece) for piece in upload.chunks(4096)]
        copied = io.BytesIO()
        file.seek(0)
        shutil.copyfileobj(file, copied)
        assert copied.getvalue() == whole == BYTES
        with pytest.raises(ValueError, match=r"negative|before the start"):
            file.seek(-1)
        return summary(upload, [at, list(tail), sizes])

    async def coroutine(upload: UploadFile) -> Any:
        assert await upload.read() == BYTES
        at = await upload.seek(-2, os.SEEK_END)
        tail = await upload.read(100)
        assert await upload.read() == b""
        await upload.seek(0)
        sizes = [len(piece) async for piece in upload.chunks(4096)]
        await upload.close()
        return summary(upload, [at, list(tail), sizes])

    handler = coroutine if is_async else function
    with client(handler, spool_threshold=threshold) as http:
        reply = http.post("/uploads", files={"upload": ("a b.bin", BYTES, "image/x-own")})
        wanted = ["upload", "a b.bin", "image/x-own", 10240, 10238, [254, 255], [4096, 4096, 2048]]
        assert reply.json() == wanted


def test_files_beside_fields_lists_bytes_and_optional_ones() -> None:
    def handler(
        title: Annotated[str, Form()],
        cover: Annotated[bytes, File(types=["image/*"], check_magic=True)],
        pages: list[UploadFile],
        notes: Annotated[list[bytes], File(alias="note")] = [],  # noqa: B006
        extra: UploadFile | None = None,
    ) -> Any:
        names = [page.filename for page in pages]
        return [title, len(cover), names, [note.decode() for note in notes], extra]

    with client(handler) as http:
        files = [
            ("cover", ("c.png", PNG)),
            ("pages", ("1.txt", "one")),
            ("pages", ("2.txt", "two")),
            ("note", [("n", "x"), ("m", "y")]),
        ]
        reply = http.post("/uploads", data={"title": "Ü"}, files=files)
        assert reply.json() == ["Ü", len(PNG), ["1.txt", "2.txt"], ["x", "y"], None]
        reply = http.post("/uploads", files={"cover": ("c.png", b"GIF89a"), "extra": ("e", b"")})
        rows = [(row["loc"], row["type"]) for row in reply.json()["errors"]]
        assert rows == [
            (["body", "title"], "missing"),
            (["files", "cover"], "file_magic_mismatch"),
            (["files", "extra"], "file_empty"),
            (["files", "pages"], "missing"),
        ]


def test_a_class_of_fields_beside_a_file_and_the_request() -> None:
    def handler(request: Request, album: Annotated[Album, Form()], song: UploadFile) -> Any:
        return [request.method, album.title, album.year, song.file.read().decode()]

    with client(handler) as http:
        data = {"title": "t", "year": 1999}
        reply = http.post("/uploads", data=data, files={"song": ("s.txt", "la la")})
        assert reply.json() == ["POST", "t", 1999, "la la"]


def test_every_file_of_a_form() -> None:
    def handler(uploads: Annotated[list[UploadFile], File(alias="*")]) -> Any:
        return [[upload.name, upload.filename] for upload in uploads]

    with client(handler) as http:
        assert http.post("/uploads", files={"a": b"1", "b": ("x", b"2")}).json() == [
            ["a", "upload"],
            ["b", "x"],
        ]
        assert http.post("/uploads", data={"a": "1"}, files={}).json() == []


def test_a_kept_file_outlives_its_answer_and_its_spool_is_closed_after_it() -> None:
    kept: list[UploadFile] = []

    def handler(first: UploadFile, second: UploadFile) -> None:
        kept.extend((first, second))

    def held() -> int:
        return len(os.listdir("/proc/self/fd"))

    with client(handler, spool_threshold=0) as http:
        before = held()
        assert http.post("/uploads", files={"first": BYTES, "second": b"2"}).status_code == 200
        assert held() == before + 1, "one descriptor for both"
        assert asyncio.run(kept[0].read()) == BYTES
        del kept[0]
        assert kept[0].file.read() == b"2"
        kept.clear()
        gc.collect()
        assert held() == before


def test_the_spool_has_no_name_and_lies_where_it_is_told(tmp_path: Path) -> None:
    def handler(upload: UploadFile) -> Any:
        links = [os.readlink(f"/proc/self/fd/{fd}") for fd in _descriptors()]
        return [link for link in links if link.startswith(str(tmp_path))]

    def _descriptors() -> list[str]:
        return [fd for fd in os.listdir("/proc/self/fd") if os.path.exists(f"/proc/self/fd/{fd}")]

    with client(handler, spool_threshold=0, spool_directory=str(tmp_path)) as http:
        reply = http.post("/uploads", files={"upload": BYTES})
        assert reply.status_code == 200
        assert list(tmp_path.iterdir()) == []


def test_mistakes_in_signatures_are_told_at_the_decorator() -> None:
    def twice(a: Annotated[UploadFile, File(alias="f")], f: UploadFile) -> None: ...
    def kind(f: Annotated[int, File()]) -> None: ...
    def both(f: UploadFile, data: Annotated[dict[str, int], Body()]) -> None: ...
    def media(f: Annotated[UploadFile, File(types=["png"])]) -> None: ...

    def build(handler: Any) -> None:
        app = Spikard()
        app.post("/uploads")(handler)
        app.build(None)

    for handler, message in (
        (twice, "parameter 'f' reads the file 'f', which another parameter reads too"),
        (kind, "parameter 'f' is a file, so it is an UploadFile, bytes, or a list"),
        (both, "parameter 'data' is a body beside the file 'f'"),
        (media, "the file 'f': 'png' is no media type"),
    ):
        with pytest.raises(RouteError) as raised:
            build(handler)
        assert message in str(raised.value)
        assert f"{handler.__name__} ({__file__}:" in str(raised.value)


def test_a_file_of_ones_own_for_tests() -> None:
    upload = UploadFile("f", "x.txt", "text/plain", content=b"abc")
    assert (upload.size, upload.file.read(2), asyncio.run(upload.read())) == (3, b"ab", b"c")
    assert not upload.is_spooled
    with pytest.raises(ValueError, match="files come with the fields of a form"):
        client(lambda request: None).post("/uploads", data=b"x", files={"f": b""})
