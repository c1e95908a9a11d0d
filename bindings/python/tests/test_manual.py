"""The programs of the manual, run as they are written and asked over a socket."""

from __future__ import annotations

import base64
import gzip
import hashlib
import hmac
import json
import logging
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from spikard import Spikard
from spikard.testing import TestClient
from test_run import SCRIPTS, Program, started

ROOT = Path(__file__).resolve().parents[3]
EXAMPLES = ROOT / "examples" / "python"


@contextmanager
def served(example: str, folder: Path) -> Iterator[Program]:
    """A program of the manual, in a folder; in the end it stops as it should."""
    command = [sys.executable, str(SCRIPTS / "demo.py"), str(EXAMPLES / example)]
    with started(command, folder, folder=folder) as program:
        assert program.port
        yield program
        program.process.terminate()
        assert program.end() == 0


def token(**claims: object) -> str:
    """A token of the manual's secret."""

    def coded(data: bytes) -> str:
        return base64.urlsafe_b64encode(data).rstrip(b"=").decode()

    head = coded(json.dumps({"alg": "HS256", "typ": "JWT"}).encode())
    usual = {
        "sub": "ann",
        "aud": "https://api.example.com",
        "iss": "https://auth.example.com",
        "exp": 32_503_680_000,
    }
    signed = f"{head}.{coded(json.dumps(usual | claims).encode())}"
    mark = hmac.new(b"your-secret-key", signed.encode(), hashlib.sha256).digest()
    return f"{signed}.{coded(mark)}"


def test_the_quick_start_of_the_readme_is_the_example() -> None:
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    assert blocks[0] in (EXAMPLES / "quickstart.py").read_text()


def test_the_quick_start_limits_each_client(tmp_path: Path) -> None:
    with served("quickstart.py", tmp_path) as program:
        statuses = [program.get("/hello").status_code for _ in range(260)]
        refused = program.get("/hello")
        while refused.status_code == 200:
            refused = program.get("/hello")
    # 200 at once, and 100 more a second, whatever worker is asked.
    assert 200 <= statuses.count(200) < 260
    assert refused.status_code == 429
    assert refused.json()["title"] == "Too Many Requests"
    assert refused.headers["retry-after"] == "1"
    assert refused.headers["ratelimit-limit"] == "200"


def test_the_whole_configuration_is_obeyed(tmp_path: Path) -> None:
    (tmp_path / "public").mkdir()
    (tmp_path / "public" / "hello.txt").write_text("hello from a file")
    key = {"x_api_key": "secret-key-2"}
    with served("configuration.py", tmp_path) as program:
        reply = program.get("/me", authorization=f"Bearer {token()}", accept_encoding="gzip", **key)
        assert reply.status_code == 200
        assert reply.headers["content-encoding"] == "gzip"
        body = json.loads(gzip.decompress(reply.content))
        assert body == {"subject": "ann", "text": "abc" * 1000}
        assert len(reply.headers["x-request-id"]) == 36
        assert reply.headers["ratelimit-limit"] == "200"

        file = program.get("/static/hello.txt")
        assert (file.status_code, file.text) == (200, "hello from a file")
        assert file.headers["cache-control"] == "public, max-age=3600"

        for fields, title, detail in [
            (
                key,
                "Missing or invalid Authorization header",
                "Expected 'Authorization: Bearer <token>'",
            ),
            (
                {"authorization": f"Bearer {token(exp=1)}", **key},
                "JWT validation failed",
                "Token has expired",
            ),
            (
                {"authorization": f"Bearer {token(aud='https://other.example.com')}", **key},
                "JWT validation failed",
                "Token audience is invalid",
            ),
            (
                {"authorization": f"Bearer {token(iss='me')}", **key},
                "JWT validation failed",
                "Token issuer is invalid, expected 'https://auth.example.com'",
            ),
            (
                {"authorization": f"Bearer {token()}"},
                "Missing API key",
                "Expected 'X-API-Key' header or 'api_key' query parameter with valid API key",
            ),
            (
                {"authorization": f"Bearer {token()}", "x_api_key": "wrong"},
                "Invalid API key",
                "The provided API key is not valid",
            ),
        ]:
            reply = program.get("/me", **fields)
            document = reply.json()
            assert (reply.status_code, document["title"]) == (401, title)
            assert document["detail"] == detail
            assert "www-authenticate" in reply.headers


def test_python_logging_receives_the_access_log(caplog: pytest.LogCaptureFixture) -> None:
    app = Spikard()

    @app.get("/users/{user_id:int}")
    def user(user_id: int) -> int:
        return user_id

    config = {"access_log": {"target": "log"}, "log_level": "error"}
    with caplog.at_level(logging.INFO, "spikard.access"):
        for transport in ("inject", "socket"):
            with TestClient(app, config=config, transport=transport) as client:
                client.get("/users/7?api_key=hunter2")
    records = [record for record in caplog.records if record.name == "spikard.access"]
    lines = [json.loads(record.getMessage()) for record in records]
    assert [line["status"] for line in lines] == [200, 200]
    assert {(line["path"], line["query"], line["route"]) for line in lines} == {
        ("/users/7", "api_key=***", "/users/{user_id:int}")
    }
    assert not [record for record in caplog.records if record.name == "spikard"]
