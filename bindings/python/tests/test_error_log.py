"""The log of what fails: as words or as JSON, under the request's id, and without its secrets."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from spikard import Spikard
from spikard.logging import JsonFormatter, configure
from spikard.testing import TestClient
from test_run import PROGRAM, running

FAILS = (
    PROGRAM
    + """
@app.get("/fails/{id}")
async def fails(id: str):
    raise LookupError("no\\x1b[2J\\nsuch thing")

@app.get("/unsendable")
def unsendable():
    from spikard import Response
    return Response(content="x", headers={"content-length": "7"})
"""
)

SECRETS = {
    "authorization": "Bearer sesame",
    "cookie": "session=sesame",
    "x_api_key": "sesame",
    "x_request_id": "abc",
}

KEYS = [
    *("time", "level", "message", "request_id", "method", "path", "route"),
    *("traceback", "worker"),
]


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    """The format is the process's: tests behind this one want words."""
    yield
    configure("text")


def lines_of(log: str) -> list[dict[str, Any]]:
    """The lines of a log, each of which is an object with the same keys."""
    lines = [json.loads(line) for line in log.splitlines()]
    for line in lines:
        assert list(line) == KEYS
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line["time"])
        assert isinstance(line["worker"], int)
    return lines


def test_with_json_all_that_a_server_says_is_an_object_per_line(tmp_path: Path) -> None:
    config = {"port": 0, "workers": 2, "log_format": "json", "request_timeout": 0.3}
    with running(tmp_path, f"app.run({config!r})", body=FAILS) as program:
        assert program.get("/fails/7?token=sesame", **SECRETS).status_code == 500
        assert program.get("/hang?token=sesame", **SECRETS).status_code == 504
        assert program.get("/unsendable?token=sesame", **SECRETS).status_code == 500
        program.wait_for("what cannot be sent")
        program.process.terminate()
        assert program.end() == 0
        assert "sesame" not in program.log
        assert "\x1b" not in program.log
        lines = lines_of(program.log)
        told = {line["route"]: line for line in lines if line["request_id"] == "abc"}
        failed, late, unsendable = told["/fails/{id}"], told["/hang"], told["/unsendable"]
        assert failed["level"] == unsendable["level"] == "error"
        assert late["level"] == "warn"
        assert (failed["method"], failed["path"]) == ("GET", "/fails/7")
        assert failed["message"].startswith("GET /fails/7 failed in /fails/{id} [abc]: LookupError")
        assert failed["traceback"].startswith("Traceback (most recent call last)")
        assert 'raise LookupError("no' in failed["traceback"]
        assert late["path"] == "/hang"
        assert late["traceback"] is None
        # The parent's sentences are lines of it as well.
        parents = [line["message"] for line in lines if line["worker"] == program.process.pid]
        assert parents[0].startswith("listening on http://")
        assert parents[-1] == "stopped"
        assert failed["worker"] != program.process.pid


def test_with_json_a_start_that_fails_is_an_object_too(tmp_path: Path) -> None:
    run = "@app.on_startup\ndef warm_up():\n    raise LookupError('no cache')\n"
    run += "app.run({'port': 0, 'log_format': 'json'})"
    with running(tmp_path, run) as program:
        assert program.end() == 3
        lines = lines_of(program.log)
        assert any("LookupError: no cache" in (line["traceback"] or "") for line in lines)


def test_as_words_no_secret_is_told_either(tmp_path: Path) -> None:
    config = {"port": 0, "request_timeout": 0.3}
    with running(tmp_path, f"app.run({config!r})", body=FAILS) as program:
        for path in ("/fails/7", "/hang", "/unsendable"):
            assert program.get(f"{path}?token=sesame", **SECRETS).status_code >= 500
        program.wait_for("what cannot be sent")
        assert "sesame" not in program.log
        assert program.log.count("[abc]") == 3


CONFIGURED = (
    """
import logging
from spikard.logging import JsonFormatter
handler = logging.StreamHandler()
handler.setFormatter(JsonFormatter())
logging.basicConfig(level=logging.INFO, handlers=[handler])
"""
    + FAILS
)


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_a_handler_of_the_programs_own_may_write_the_same_lines(
    tmp_path: Path, log_format: str
) -> None:
    run = f"logging.info('my own')\napp.run({{'port': 0, 'log_format': {log_format!r}}})"
    with running(tmp_path, run, body=CONFIGURED) as program:
        assert program.get("/fails/7", **SECRETS).status_code == 500
        program.wait_for("such thing")
        program.process.terminate()
        assert program.end() == 0
        lines = lines_of(program.log)
        assert [line["level"] for line in lines if line["message"] == "my own"] == ["info"] * 2
        failed = [line for line in lines if line["request_id"] == "abc"]
        assert [line["route"] for line in failed] == ["/fails/{id}"]
        assert "LookupError" in failed[0]["traceback"]


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_logging_receives_records_whatever_the_format(
    caplog: pytest.LogCaptureFixture, log_format: str
) -> None:
    app = Spikard()

    @app.get("/fails/{id}")
    async def fails(id: str):
        raise LookupError("no such thing")

    @app.get("/unsendable")
    def unsendable():
        from spikard import Response

        return Response(content="x", headers={"content-length": "7"})

    caplog.set_level(logging.DEBUG, "spikard")
    with TestClient(app, config={"log_format": log_format}) as client:
        client.get("/fails/7", headers={"x-request-id": "abc"})
        client.get("/unsendable", headers={"x-request-id": "def"})
    failed, refused = (record for record in caplog.records if record.levelno == logging.ERROR)
    assert failed.getMessage() == (
        "GET /fails/7 failed in /fails/{id} [abc]: LookupError: no such thing"
    )
    assert failed.exc_info is not None
    assert failed.exc_info[0] is LookupError
    assert (failed.request_id, failed.route) == ("abc", "/fails/{id}")  # type: ignore[attr-defined]
    assert "what cannot be sent" in refused.getMessage()
    assert not refused.getMessage().startswith("{")
    if log_format == "json":
        assert refused.request_id == "def"  # type: ignore[attr-defined]


def test_a_line_of_json_tells_whatever_a_record_has() -> None:
    record = logging.makeLogRecord(
        {"levelno": logging.CRITICAL, "msg": "%s \x7f\u202e", "args": ("x",), "route": "/a"}
    )
    line = JsonFormatter().format(record)
    assert line.isascii()
    assert line.isprintable()
    told = json.loads(line)
    assert (told["level"], told["message"], told["route"]) == ("error", "x \x7f\u202e", "/a")
