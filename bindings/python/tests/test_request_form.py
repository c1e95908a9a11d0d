"""`request.form()`: whatever form a request holds, for handlers that do not declare one."""

from __future__ import annotations

from typing import Annotated, Any

import pytest

from spikard import Form, HttpProblem, Request, Spikard, UploadFile
from spikard.testing import TestClient

OCTETS = "application/octet-stream"
MULTIPART = {"content-type": "multipart/form-data; boundary=X"}


def shown(value: Any) -> Any:
    """Return a field as JSON can carry it."""
    if isinstance(value, list):
        return [shown(item) for item in value]
    if isinstance(value, UploadFile):
        return [value.filename, value.content_type, value.file.read().decode()]
    return value


def client(handler: Any, **config: Any) -> TestClient:
    app = Spikard()
    app.route("/forms", ["GET", "POST"])(handler)
    return TestClient(app, config=config)


def form(request: Request) -> Any:
    read = request.form()
    assert request.form() is read
    return {name: shown(value) for name, value in read.items()}


def problem_of(reply: Any) -> tuple[int, str]:
    assert reply.headers["content-type"] == "application/problem+json"
    return reply.status_code, reply.json()["detail"]


def test_a_url_encoded_form_is_a_dict_of_texts() -> None:
    with client(form) as http:
        data = [("a", "1"), ("b", "x y"), ("b", "ü"), ("c[d]", "2"), ("e[]", "3")]
        wanted = {"a": "1", "b": ["x y", "ü"], "c": {"d": "2"}, "e": ["3"]}
        assert http.post("/forms", data=data).json() == wanted


def test_the_body_stays_as_it_was_sent() -> None:
    def handler(request: Request) -> Any:
        request.form()
        return request.body

    with client(handler) as http:
        assert http.post("/forms", data={"a": "b c"}).content == b"a=b+c"


def test_files_of_a_multipart_form_stand_under_their_names() -> None:
    with client(form) as http:
        files = [("one", ("1.txt", "eins", "text/x-own")), ("two", ("2", "")), ("two", ("3", "c"))]
        reply = http.post("/forms", data={"title": "Ü", "two": "text"}, files=files)
        assert reply.json() == {
            "title": "Ü",
            "two": ["text", ["2", OCTETS, ""], ["3", OCTETS, "c"]],
            "one": ["1.txt", "text/x-own", "eins"],
        }


def test_content_of_files_is_intact() -> None:
    content = b"\r\n--Y\r\n\0\xff--X\r\n-"

    async def handler(request: Request) -> Any:
        upload = request.form()["f"]
        assert upload.headers["x-own"] == "v"
        return [upload.size, list(await upload.read())]

    with client(handler) as http:
        head = b'--X\r\nContent-Disposition: form-data; name="f"; filename="n"\r\nX-Own: v\r\n\r\n'
        reply = http.post("/forms", data=head + content + b"\r\n--X--", headers=MULTIPART)
        assert reply.json() == [len(content), list(content)]


def test_a_request_without_a_body_is_a_form_without_fields() -> None:
    with client(form) as http:
        assert http.get("/forms").json() == {}
        assert http.post("/forms").json() == {}
        assert http.post("/forms", data=b"", headers=MULTIPART).json() == {}


@pytest.mark.parametrize(
    ("media", "body", "status", "words"),
    [
        ("application/json", b"{}", 415, "Unsupported media type"),
        (None, b"a=b", 415, "Unsupported media type"),
        (
            "application/x-www-form-urlencoded; charset=utf-16",
            b"a",
            415,
            "Unsupported charset 'utf-16' for forms. Only UTF-8 is supported.",
        ),
        ("application/x-www-form-urlencoded", b"a&b&c", 413, "max_form_fields"),
        ("multipart/form-data", b"--X--", 400, "boundary"),
        ("multipart/form-data; boundary=X", b"--X\r\n", 400, "last boundary"),
        (
            "multipart/form-data; boundary=X",
            b'--X\r\nContent-Disposition: form-data; name="t"\r\n\r\n\xff\r\n--X--',
            400,
            "The form field 't' is not UTF-8",
        ),
        (
            "multipart/form-data; boundary=X",
            b'--X\r\nContent-Disposition: form-data; name="t"\r\n\r\n' + b"x" * 2048 + b"\r\n--X--",
            413,
            "max_form_memory",
        ),
    ],
)
def test_what_is_no_form_is_the_engines_own_refusal(
    media: str | None, body: bytes, status: int, words: str
) -> None:
    with client(form, max_form_fields=2, max_form_memory=1024) as http:
        headers = {} if media is None else {"content-type": media}
        found, detail = problem_of(http.post("/forms", data=body, headers=headers))
        assert found == status
        assert words in detail


def test_a_handler_may_catch_the_refusal() -> None:
    def handler(request: Request) -> Any:
        try:
            request.form()
        except HttpProblem as problem:
            return problem.status
        return None

    with client(handler) as http:
        assert http.post("/forms", json={}).json() == 415


def test_a_route_with_fields_of_its_own_shows_them_converted() -> None:
    def handler(request: Request, age: Annotated[int, Form()], photo: UploadFile) -> Any:
        return {name: shown(value) for name, value in request.form().items()}

    with client(handler) as http:
        files = {"photo": ("p", "x", "image/png"), "other": ("o", "y")}
        reply = http.post("/forms", data={"age": "42", "nick": "a"}, files=files)
        assert reply.json() == {"age": 42, "nick": "a", "photo": ["p", "image/png", "x"]}
