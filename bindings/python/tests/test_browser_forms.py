"""Forms as a browser sends them: HTML forms in headless Chromium, submitted as a person would.

The page fills in its own form and submits it, so the encoding of names, texts and files is the
browser's (WHATWG HTML section 4.10.21). Skipped where none is installed.
"""

from __future__ import annotations

import queue
from dataclasses import dataclass
from typing import Any

import pytest

from browser import opened, required
from spikard import Form, Response, Spikard, UploadFile
from spikard.testing import TestClient

TEXT = "zwölf Kekse & 1+1=2\r\nzweite Zeile"
FILE_NAME = 'ein "Bild" für später;.png'
PICTURE = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 300

PAGE = """<!doctype html><meta charset="utf-8">
<form method="post" action="%(action)s" enctype="%(enctype)s" accept-charset="utf-8">
<textarea name="note"></textarea><input name="count" value="12">
<input type="checkbox" name="tags" value="a" checked>
<input type="checkbox" name="tags" value="b">
<input type="checkbox" name="tags" value="c" checked>
<input type="file" name="picture" multiple><input type="file" name="none">
</form><script>
const form = document.forms[0];
form.note.value = "zwölf Kekse & 1+1=2\\nzweite Zeile";
const bytes = new Uint8Array(8 + 256 * 300);
bytes.set([0x89, 0x50, 0x4e, 0x47, 13, 10, 0x1a, 10]);
for (let at = 8; at < bytes.length; at++) bytes[at] = (at - 8) %% 256;
const chosen = new DataTransfer();
chosen.items.add(new File([bytes], 'ein "Bild" für später;.png', {type: "image/png"}));
chosen.items.add(new File(["Öl\\r\\n"], "öl.txt", {type: "text/plain"}));
form.picture.files = chosen.files;
form.submit();
</script>"""


@dataclass
class Note:
    """The fields of the form that are texts."""

    note: str
    count: int
    tags: list[str]


def submitted(enctype: str, action: str, app: Spikard, seen: queue.Queue[Any]) -> Any:
    """Return what the application has seen of the form once the browser has submitted it."""

    @app.get("/")
    def page() -> Response:
        text = PAGE % {"action": action, "enctype": enctype}
        return Response(text, headers={"content-type": "text/html; charset=utf-8"})

    with (
        TestClient(app, transport="socket") as client,
        opened(f"http://127.0.0.1:{client.port}/") as patience,
    ):
        return seen.get(timeout=patience)


@pytest.fixture(autouse=True)
def browser() -> None:
    required()


def test_a_url_encoded_form_arrives_as_typed_fields() -> None:
    app, seen = Spikard(), queue.Queue[Any]()

    @app.post("/plain")
    def plain(form: Note = Form()) -> str:
        seen.put(form)
        return "thanks"

    form = submitted("application/x-www-form-urlencoded", "/plain", app, seen)
    assert form == Note(note=TEXT, count=12, tags=["a", "c"])


def test_a_multipart_form_arrives_with_its_files() -> None:
    app, seen = Spikard(), queue.Queue[Any]()

    @app.post("/files")
    async def files(picture: list[UploadFile], form: Note = Form()) -> str:
        read = [(one.filename, one.content_type, await one.read()) for one in picture]
        seen.put((form, read))
        return "thanks"

    form, read = submitted("multipart/form-data", "/files", app, seen)
    assert form == Note(note=TEXT, count=12, tags=["a", "c"])
    # The browser writes quotes as %22 and everything else as UTF-8; the name comes as it was.
    text = ("öl.txt", "text/plain", "Öl\r\n".encode())
    assert read == [(FILE_NAME, "image/png", PICTURE), text]
