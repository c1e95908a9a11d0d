"""Classes of forms that have files among their fields."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from typing import Annotated, Any

import msgspec
import pytest

from spikard import Body, File, Form, RouteError, Spikard, UploadFile
from spikard.testing import TestClient

PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"


class Album(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    the_title: str
    cover: Annotated[UploadFile, File(types=["image/*"], check_magic=True, max_size=64)]
    year: int = 0
    pages: list[UploadFile] = []
    note: Annotated[UploadFile | None, File(alias="n")] = None


@dataclass
class Person:
    name: str
    photo: UploadFile
    born: date | None = None
    letters: list[UploadFile] = field(default_factory=list)

    def __post_init__(self) -> None:
        if self.name == "nobody":
            raise ValueError("nobody has no photo")


def client(handler: Any) -> TestClient:
    app = Spikard()
    app.post("/forms")(handler)
    return TestClient(app)


def rows(reply: Any) -> list[tuple[list[str], str]]:
    assert reply.status_code == 422, reply.text
    return [(row["loc"], row["type"]) for row in reply.json()["errors"]]


def test_a_struct_has_its_texts_and_its_files() -> None:
    async def handler(album: Annotated[Album, Form()]) -> Any:
        assert type(album) is Album
        cover = await album.cover.read()
        pages = [(await page.read()).decode() for page in album.pages]
        note = album.note and album.note.filename
        return [album.the_title, album.year, len(cover), pages, note]

    with client(handler) as http:
        files = [
            ("cover", ("c.png", PNG, "image/png")),
            ("pages", ("1.txt", "one")),
            ("pages", ("2.txt", "two")),
            ("n", ("note", "x")),
        ]
        reply = http.post("/forms", data={"theTitle": "Ü", "year": "2001"}, files=files)
        assert reply.json() == ["Ü", 2001, len(PNG), ["one", "two"], "note"]
        reply = http.post("/forms", data={"theTitle": "a"}, files=files[:1])
        assert reply.json() == ["a", 0, len(PNG), [], None]


def test_every_fault_of_texts_and_files_is_told() -> None:
    def handler(album: Annotated[Album, Form()]) -> None: ...

    with client(handler) as http:
        files = {"cover": ("c.gif", b"GIF89a", "image/png")}
        reply = http.post("/forms", data={"year": "x", "odd": "1"}, files=files)
        assert rows(reply) == [
            (["body", "odd"], "extra_forbidden"),
            (["body", "theTitle"], "missing"),
            (["body", "year"], "int_parsing"),
            (["files", "cover"], "file_magic_mismatch"),
        ]
        assert rows(http.post("/forms", data={"theTitle": "a"})) == [
            (["files", "cover"], "missing")
        ]


def test_a_dataclass_is_made_whole() -> None:
    def handler(person: Person = Form()) -> Any:
        return [person.name, person.born and person.born.year, person.photo.file.read().decode()]

    with client(handler) as http:
        files = {"photo": ("p", "x")}
        reply = http.post("/forms", data={"name": "Ann", "born": "2001-02-03"}, files=files)
        assert reply.json() == ["Ann", 2001, "x"]
        reply = http.post("/forms", data={"name": "nobody"}, files=files)
        assert rows(reply) == [(["body"], "value_error")]


def test_a_text_in_a_files_place_is_no_file() -> None:
    def handler(person: Annotated[Person, Form()]) -> Any:
        return person.letters

    with client(handler) as http:
        reply = http.post("/forms", data={"name": "Ann", "photo": "text"})
        assert rows(reply) == [(["files", "photo"], "missing")]
        data = {"name": "Ann", "letters": "text"}
        assert http.post("/forms", data=data, files={"photo": ("p", "x")}).json() == []


def test_a_whole_form_may_be_absent() -> None:
    def handler(person: Annotated[Person | None, Form()] = None) -> Any:
        return person is None

    with client(handler) as http:
        reply = http.post("/forms", data={"name": "a"}, files={"photo": ("p", "x")})
        assert reply.json() is False
        assert http.post("/forms").json() is True
        assert rows(http.post("/forms", data={"name": "a"})) == [(["body"], "missing")]


def test_a_file_is_read_by_one_parameter_and_needs_a_form() -> None:
    def twice(person: Annotated[Person, Form()], photo: UploadFile) -> None: ...

    def as_json(person: Annotated[Person, Body()]) -> None: ...

    with pytest.raises(RouteError, match="reads the file 'photo', which another parameter"):
        client(twice)
    with pytest.raises(RouteError, match="holds UploadFile, a type without a JSON form"):
        client(as_json)
