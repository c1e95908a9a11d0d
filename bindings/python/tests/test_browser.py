"""CORS as a browser enforces it: pages of one server call another, in headless Chromium.

What a browser makes of the replies decides, not what they look like. Skipped where none is
installed.
"""

from __future__ import annotations

import json
import queue
from collections.abc import Iterator
from typing import Any

import pytest

from browser import opened, required
from spikard import Request, Response, Spikard
from spikard.testing import TestClient

# What the page runs: each entry tells what its script may know, or that the browser refused.
SCRIPT = """
const api = "http://127.0.0.1:%(api)d";
async function ask(path, options) {
  try {
    const reply = await fetch(api + path, options);
    return {status: reply.status, total: reply.headers.get("x-total"),
            hidden: reply.headers.get("x-hidden"), body: await reply.text()};
  } catch (error) { return {refused: error.name}; }
}
async function run() {
  const json = {"content-type": "application/json"};
  return {
    simple: await ask("/items"),
    preflighted: await ask("/items",
      {method: "PUT", headers: {...json, "X-Token": "t"}, body: "1"}),
    method: await ask("/items", {method: "DELETE"}),
    header: await ask("/items", {method: "PUT", headers: {"x-other": "1"}, body: "1"}),
    missing: await ask("/nothing"),
    failing: await ask("/fails"),
    partner: await ask("/partner"),
    lifted: await ask("/lifted", {method: "PUT", headers: json, body: "1"}),
    open: await ask("/open"),
    open_credentials: await ask("/open", {credentials: "include"}),
    credentials: await ask("/session", {credentials: "include"}),
    again: await ask("/session", {credentials: "include"}),
    tagged: [await ask("/tagged", {cache: "no-cache"}), await ask("/tagged", {cache: "no-cache"})],
    subdomains: await ask("/subdomains"),
    nobody: await ask("/null"),
  };
}
"""
PAGE = """<!doctype html><script>%(script)s
run().then(found => fetch("/report", {method: "POST", body: JSON.stringify(found)}));
</script>"""
# A sandboxed frame has no origin; it tells its parent, which may report.
FRAME = """<!doctype html><script>
addEventListener("message", event => fetch("/report", {method: "POST", body: event.data}));
</script><iframe sandbox="allow-scripts" src="/framed"></iframe>"""
FRAMED = """<!doctype html><script>%(script)s
run().then(found => parent.postMessage(JSON.stringify(found), "*"));
</script>"""


class Site:
    """A server of pages, and the server that they call."""

    def __init__(self) -> None:
        self.reports: queue.Queue[dict[str, Any]] = queue.Queue()
        self.called: list[str] = []
        self.pages = TestClient(self._pages(), transport="socket")
        self.origin = f"http://127.0.0.1:{self.pages.port}"
        self.api = TestClient(self._api(), transport="socket")

    def close(self) -> None:
        self.api.close()
        self.pages.close()

    def visit(self, path: str, host: str = "127.0.0.1") -> dict[str, Any]:
        """Return what the page at a path reports."""
        self.called.clear()
        with opened(f"http://{host}:{self.pages.port}{path}") as patience:
            return self.reports.get(timeout=patience)

    def _pages(self) -> Spikard:
        app = Spikard()

        def html(text: str) -> Response:
            script = SCRIPT % {"api": self.api.port}
            return Response(
                text.replace("%(script)s", script), headers={"content-type": "text/html"}
            )

        app.get("/page")(lambda: html(PAGE))
        app.get("/frame")(lambda: html(FRAME))
        app.get("/framed")(lambda: html(FRAMED))

        @app.post("/report")
        def report(body: bytes) -> None:
            self.reports.put(json.loads(body))

        return app

    def _api(self) -> Spikard:
        port = self.pages.port
        config = {
            "cors": {
                "allowed_origins": [self.origin],
                "allowed_methods": ["GET", "PUT"],
                "allowed_headers": ["x-token", "Content-Type"],
                "expose_headers": ["x-total"],
                "max_age": 60,
            }
        }
        app = Spikard(config)

        def answer(request: Request) -> Response:
            self.called.append(f"{request.method} {request.path}")
            tag = "v1" if request.path == "/tagged" else None
            response = Response("ok", headers={"x-total": "7", "x-hidden": "1"}, etag=tag)
            if request.path == "/session":
                response = Response(request.headers.get("cookie", "none"))
                response.set_cookie("sid", "1")
            return response

        def fails(request: Request) -> None:
            raise RuntimeError("no")

        app.route("/items", ("GET", "PUT", "DELETE"))(answer)
        app.get("/tagged")(answer)
        app.get("/fails")(fails)
        app.put("/lifted", cors=None)(answer)
        policies: dict[str, dict[str, Any]] = {
            "/partner": {"allowed_origins": ["https://partner.example"]},
            "/open": {"allowed_origins": ["*"]},
            "/session": {"allowed_origins": [self.origin], "allow_credentials": True},
            "/subdomains": {"allowed_origins": [f"*.localhost:{port}"]},
            "/null": {"allowed_origins": ["null"]},
        }
        for path, policy in policies.items():
            app.get(path, cors=policy)(answer)
        return app


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    required()
    site = Site()
    yield site
    site.close()


REFUSED = {"refused": "TypeError"}
PLAIN = {"status": 200, "total": None, "hidden": None, "body": "ok"}
SHOWN = {"status": 200, "total": "7", "hidden": None, "body": "ok"}


def test_a_listed_page_may_do_what_is_listed(site: Site) -> None:
    found = site.visit("/page")
    assert found["simple"] == SHOWN
    assert found["preflighted"] == SHOWN
    assert found["method"] == REFUSED
    assert found["header"] == REFUSED
    assert found["missing"]["status"] == 404
    assert json.loads(found["missing"]["body"])["title"] == "Resource Not Found"
    assert found["failing"]["status"] == 500
    assert found["partner"] == REFUSED
    assert found["lifted"] == REFUSED
    assert found["open"] == PLAIN
    assert found["open_credentials"] == REFUSED
    assert found["credentials"]["body"] == "none"
    assert found["again"]["body"] == "sid=1"
    assert found["tagged"] == [SHOWN, SHOWN]
    assert found["subdomains"] == REFUSED
    assert found["nobody"] == REFUSED
    # Refused preflights never became requests.
    assert "PUT /items" in site.called
    assert "DELETE /items" not in site.called
    assert "PUT /lifted" not in site.called


def test_a_page_of_a_subdomain_may_call(site: Site) -> None:
    found = site.visit("/page", host="a.b.localhost")
    assert found["subdomains"] == PLAIN
    assert found["open"] == PLAIN
    assert found["simple"] == REFUSED
    assert found["preflighted"] == REFUSED
    assert "PUT /items" not in site.called


def test_the_domain_itself_is_no_subdomain(site: Site) -> None:
    found = site.visit("/page", host="localhost")
    assert found["subdomains"] == REFUSED
    assert found["open"] == PLAIN


def test_a_sandboxed_page_is_nobody(site: Site) -> None:
    found = site.visit("/frame")
    assert found["nobody"] == PLAIN
    assert found["simple"] == REFUSED
