"""The programs of the manual, run as they are written and asked over a socket."""

from __future__ import annotations

import base64
import gzip
import hashlib
import hmac
import json
import logging
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from spikard import Spikard
from spikard.testing import Reply, TestClient
from spikard.testing.reply import read

ROOT = Path(__file__).resolve().parents[3]
EXAMPLES = ROOT / "examples" / "python"
DEMO = ROOT / "scripts" / "demo.py"
SECONDS_MAX = 30.0


@contextmanager
def served(program: Path, folder: Path) -> Iterator[int]:
    """The port of a program that runs in a folder."""
    log = folder / "log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, str(DEMO), str(program)],
            cwd=folder,
            stdout=out,
            stderr=out,
            env={**os.environ, "PORT": "0"},
            start_new_session=True,
        )
    try:
        deadline = time.monotonic() + SECONDS_MAX
        while not (found := re.search(r"listening on http://[^:]+:(\d+)", log.read_text())):
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.01)
        yield int(found[1])
        process.send_signal(signal.SIGTERM)
        assert process.wait(SECONDS_MAX) == 0
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(SECONDS_MAX)


def get(port: int, target: str, **fields: str) -> Reply:
    """The reply to one request on a connection of its own."""
    lines = [f"GET {target} HTTP/1.1", "host: localhost"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in fields.items()]
    with socket.create_connection(("127.0.0.1", port), SECONDS_MAX) as connection:
        connection.sendall("\r\n".join([*lines, "", ""]).encode())
        data = b""
        while True:
            piece = connection.recv(65_536)
            data += piece
            if found := read(data, "GET", whole=not piece):
                return found[0]


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
    with served(EXAMPLES / "quickstart.py", tmp_path) as port:
        statuses = [get(port, "/hello").status_code for _ in range(260)]
        refused = get(port, "/hello")
        while refused.status_code == 200:
            refused = get(port, "/hello")
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
    with served(EXAMPLES / "configuration.py", tmp_path) as port:
        reply = get(port, "/me", authorization=f"Bearer {token()}", accept_encoding="gzip", **key)
        assert reply.status_code == 200
        assert reply.headers["content-encoding"] == "gzip"
        body = json.loads(gzip.decompress(reply.content))
        assert body == {"subject": "ann", "text": "abc" * 1000}
        assert len(reply.headers["x-request-id"]) == 36
        assert reply.headers["ratelimit-limit"] == "200"

        file = get(port, "/static/hello.txt")
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
            reply = get(port, "/me", **fields)
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
