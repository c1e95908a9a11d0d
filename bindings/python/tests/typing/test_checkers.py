"""The sample application: type checkers pass it, and it is served as it reads."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import sample_app
import sample_server

from spikard.testing import TestClient

SAMPLES = [Path(sample.__file__) for sample in (sample_app, sample_server)]
CHECKERS = {
    "mypy": ["mypy", "--strict", "--no-incremental", "--python-version", "3.10"],
    "pyright": ["pyright", "--pythonversion", "3.10", "--pythonpath", sys.executable],
}
ERROR = re.compile(r"wrong\.py:(\d+)(?::\d+ -|:) error")
# What a checker must not let pass: each of these lines is one error.
WRONG = """\
from typing import Annotated
from spikard import Query, Request, Response, Spikard, register_decoder
app = Spikard()
@app.get(1)
def one() -> None: ...
@app.get("/two", blocking="yes")
def two() -> None: ...
@app.get("/three", methods=["GET"])
def three() -> None: ...
register_decoder(int, 5)
def four(request: Request) -> int:
    return request.method
Query(alias=5)
Response(status_code="200")
"""


def check(checker: str, path: Path) -> subprocess.CompletedProcess[str]:
    """Run a type checker on one file."""
    command = [sys.executable, "-m", *CHECKERS[checker], str(path)]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=path.parent)


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.stem)
@pytest.mark.parametrize("checker", CHECKERS)
def test_checkers_pass_the_sample(checker: str, sample: Path, tmp_path: Path) -> None:
    # pyright's strictness is said in the file.
    copy = tmp_path / "sample.py"
    copy.write_text("# pyright: strict\n" + sample.read_text())
    ran = check(checker, copy)
    assert ran.returncode == 0, ran.stdout + ran.stderr


@pytest.mark.parametrize("checker", CHECKERS)
def test_checkers_find_mistakes(checker: str, tmp_path: Path) -> None:
    copy = tmp_path / "wrong.py"
    copy.write_text(WRONG)
    ran = check(checker, copy)
    found = {int(line) for line in ERROR.findall(ran.stdout)}
    assert found == {4, 6, 8, 10, 12, 13, 14}, ran.stdout + ran.stderr


ID = "6f1bc1b5-3a5d-4bd0-9ea7-4cbf0d2b1c0a"
NOON = "2024-02-29T12:00:00Z"
JSON = "application/json"

ANSWERS: list[tuple[str, str, dict[str, Any], int, Any]] = [
    (
        "GET",
        f"/values/{ID}/2024-02-29?user=7&at={NOON}&hour=10:00:00Z&wait=PT1S&ratio=2&exact=1"
        "&file=b/c&colour=blue&size=2&order=down&several=1&several=2&unique=x&cost=3",
        {},
        200,
        {
            "id": ID,
            "when": "2024-02-29",
            "user": 7,
            "at": NOON,
            "hour": "10:00:00Z",
            "wait": "PT1S",
            "ratio": 2.0,
            "exact": True,
            "file": "b/c",
            "colour": "blue",
            "size": 2,
            "order": "down",
            "several": [1, 2],
            "unique": ["x"],
            "cost": 3,
        },
    ),
    (
        "GET",
        f"/values/{ID}/2024-02-29?user=7&at={NOON}",
        {},
        200,
        {
            "id": ID,
            "when": "2024-02-29",
            "user": 7,
            "at": NOON,
            "hour": "12:00:00",
            "wait": None,
            "ratio": 0.5,
            "exact": False,
            "file": "a",
            "colour": "red",
            "size": None,
            "order": "up",
            "several": [],
            "unique": [],
            "cost": 5,
        },
    ),
    (
        "GET",
        "/sources/abc?query=xy&page=2",
        {"headers": {"x-token": "tt"}, "cookies": {"session": "s"}},
        200,
        ["abc", "xy", "tt", "s", 2, "GET"],
    ),
    (
        "POST",
        "/items",
        {"json": {"itemName": "a", "price": "1.50", "tags": ["t"]}},
        201,
        {"itemName": "a", "price": "1.50", "tags": ["t"]},
    ),
    ("POST", "/pay", {"json": {"type": "cash", "amount": 1}}, 200, "cash"),
    (
        "PUT",
        "/pages",
        {"json": {"items": [{"itemName": "a"}], "total": 1}},
        200,
        {"items": [{"itemName": "a", "price": "1", "tags": []}], "total": 1},
    ),
    ("POST", "/points?scale=3", {"json": [{"x": 1}]}, 200, [{"x": 3, "y": 0, "notes": []}]),
    ("POST", "/movies", {"json": {"title": "M"}}, 200, {"title": "M"}),
    ("PATCH", "/spans", {"json": [4]}, 200, 6),
    ("POST", "/accounts", {"json": {"name": "a"}}, 200, {"name": "a", "balance": 0}),
    (
        "POST",
        "/users",
        {"json": {"name": "ab", "friends": [{"name": "cd"}]}},
        200,
        {"name": "ab", "friends": [{"name": "cd", "friends": []}]},
    ),
    ("POST", "/anything?when=2024-01-02", {"json": {"a": [1]}}, 200, [{"a": [1]}, "2024-01-02"]),
    ("POST", "/bytes", {"data": b"abc"}, 200, "cba"),
    ("POST", "/numbers", {"json": {"a": 1, "b": 2}}, 200, 3),
    ("GET", "/search?words=a&words=b&limit=3", {}, 200, {"words": ["a", "b"], "limit": 3}),
]
# Requests that do not fit, and type and place of each row.
REFUSALS: list[tuple[str, str, dict[str, Any], list[tuple[str, list[str]]]]] = [
    (
        "GET",
        "/values/x/2024-02-30?at=x&colour=green&cost=x",
        {},
        [
            ("uuid_parsing", ["path", "id"]),
            ("date_parsing", ["path", "when"]),
            ("datetime_parsing", ["query", "at"]),
            ("enum", ["query", "colour"]),
            ("int_parsing", ["query", "cost"]),
            ("missing", ["query", "user"]),
        ],
    ),
    (
        "GET",
        "/sources/abcdef?query=1&page=0",
        {},
        [
            ("string_too_long", ["path", "key"]),
            ("greater_than_equal", ["query", "page"]),
            ("string_pattern_mismatch", ["query", "query"]),
            ("missing", ["headers", "x-token"]),
        ],
    ),
    (
        "POST",
        "/items",
        {"json": {"itemName": "", "more": 1}},
        [("string_too_short", ["body", "itemName"]), ("extra_forbidden", ["body", "more"])],
    ),
    ("POST", "/pay", {"json": {"type": "gold"}}, [("any_of", ["body"])]),
    (
        "PUT",
        "/pages",
        {"json": {"items": [], "total": -1}},
        [("greater_than_equal", ["body", "total"])],
    ),
    ("POST", "/accounts", {"json": {"name": "a", "balance": -1}}, [("value_error", ["body"])]),
    (
        "POST",
        "/users",
        {"json": {"name": "ab", "friends": [{"name": "root"}]}},
        [("value_error", ["body", "friends", "0", "name"])],
    ),
    ("GET", "/search?limit=x", {}, [("int_parsing", ["query", "limit"])]),
]


@pytest.mark.parametrize("transport", ["inject", "socket"])
def test_sample_answers(transport: Any) -> None:
    with TestClient(sample_app.app, transport=transport) as client:
        for method, path, options, status, expected in ANSWERS:
            reply = client.request(method, path, **options)
            is_json = reply.headers["content-type"] == JSON
            told = reply.json() if is_json else reply.text
            assert (path, reply.status_code, told) == (path, status, expected)
        for method, path, options, faults in REFUSALS:
            reply = client.request(method, path, **options)
            assert (path, reply.status_code) == (path, 422)
            told = [(row["type"], row["loc"]) for row in reply.json()["errors"]]
            assert (path, told) == (path, faults)
        reply = client.post("/items", json={"itemName": "a"})
        assert (reply.status_code, reply.json()["item"]) == (409, "a")


def test_files_of_the_sample_are_read_both_ways() -> None:
    png = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"
    files: dict[str, Any] = {"cover": ("c.png", png), "other": [("a", b"xyz"), ("b", b"")]}
    with TestClient(sample_app.app) as http:
        reply = http.post("/items/7/pictures", data={"title": "t"}, files=files)
        assert [row["type"] for row in reply.json()["errors"]] == ["file_empty"]
        del files["other"][1]
        reply = http.post("/items/7/pictures", data={"title": "t"}, files=files)
        assert reply.json() == {"id": 7, "title": "t", "size": 8, "names": ["a"], "rest": 3}


def test_the_sample_of_a_server_answers() -> None:
    with TestClient(sample_server.app) as client:
        reply = client.get("/view?a=1", headers={"forwarded": "for=192.0.2.1;proto=https"})
        assert reply.json() == {
            "scheme": "https",
            "url": "https://localhost/view?a=1",
            "id": "sample",
            "route": "/view",
            "state": "pool",
            "connected": True,
        }
        assert reply.headers["x-stamp"] == "yes"
        assert client.get("/view", headers={"x-late": "1"}).status_code == 503
        reply = client.get("/me")
        assert (reply.status_code, reply.headers["x-error"]) == (401, "HttpProblem")
        assert client.post("/form", data={"a": "b"}).json() == {"a": "b"}
        key = {"x-api-key": "k2"}
        assert client.get("/admin/users?scope=own").status_code == 401
        assert client.get("/admin/users?scope=own", headers=key).text == "own"
        assert client.get("/admin/users?scope=all", headers=key).status_code == 403
        assert client.get("/admin/users?scope=own", headers=key).status_code == 429
