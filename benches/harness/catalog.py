"""The servers that are measured: how each is started, and where its routes are.

Peers are listed when their package can be imported; nothing is installed for them.
"""

import importlib.util
import shutil
import subprocess
import sys
from dataclasses import dataclass, field

from harness import bodies
from harness.machine import OUT, ROOT

ENGINES = ("io_uring", "epoll")
APPS = ROOT / "benches" / "apps"
UPLOAD = "/upload"


# What is asked for, where, and the most it may cost as a multiple of the floor.
RUST_ROWS = (
    ("hello", "/sync", 1.2),
    ("users", "/users/12345", 1.7),
    ("search", bodies.SEARCH, None),
    ("order", "/orders", 1.5),
)
PYTHON_ROWS = (
    ("async hello", "/hello", 1.4),
    ("def hello", "/sync", 1.4),
    ("users", "/users/12345", 1.7),
    ("search", bodies.SEARCH, 2.0),
    ("order", "/orders", None),
)
NODE_ROWS = (
    ("async hello", "/hello", 2.1),
    ("hello", "/sync", 1.6),
    ("users", "/users/12345", None),
    ("search", bodies.SEARCH, None),
    ("order", "/orders", None),
)
RUBY_ROWS = (
    ("async hello", "/hello", 2.1),
    ("hello", "/sync", 1.6),
    ("users", "/users/12345", None),
    ("search", bodies.SEARCH, None),
    ("order", "/orders", None),
)


@dataclass(frozen=True)
class Contender:
    """One row of a table: a server and the path that is asked for."""

    name: str
    server: str
    path: str
    command: tuple
    environment: dict = field(default_factory=dict)
    target: float | None = None
    """Most CPU per request, as a multiple of the floor's; none is promised for peers."""
    script: str | None = None
    """The wrk script that makes the requests; None for a plain GET."""


def floor():
    """Return the floor, compiled if its source is newer."""
    source, program = ROOT / "benches" / "floor.c", OUT / "floor"
    if not program.exists() or program.stat().st_mtime < source.stat().st_mtime:
        OUT.mkdir(exist_ok=True)
        warnings = ("-O2", "-Wall", "-Wextra")
        subprocess.run(["cc", *warnings, "-o", str(program), str(source)], check=True)
    return Contender("floor (C, epoll)", "floor", "/hello", (str(program), "{port}"))


def rust_server():
    """Return the command of the Rust application. Ends the program if it is not built."""
    program = ROOT / "target" / "release" / "bench-server"
    if not program.exists():
        raise SystemExit("missing: cargo build --release -p spikard-bench --bin bench-server")
    return (str(program),)


def python_server():
    """Return the command of the Python application. Ends the program if it cannot run."""
    if importlib.util.find_spec("spikard") is None:
        raise SystemExit("missing: ./taskw build:py, and run this with .venv/bin/python")
    return (sys.executable, str(APPS / "python" / "server.py"))


def node_server():
    """Return the command of the Node application. Ends the program if it is not built."""
    if not (ROOT / "bindings" / "node" / "spikard.node").exists():
        raise SystemExit("missing: ./taskw build:node")
    return ("node", str(APPS / "node" / "server.mjs"))


def ruby_server():
    """Return the command of the Ruby application. Ends the program if it is not built."""
    if not (ROOT / "bindings" / "ruby" / "lib" / "spikard" / "native.so").exists():
        raise SystemExit("missing: ./taskw build:ruby")
    return ("ruby", str(APPS / "ruby" / "server.rb"))


def command_of(language):
    """Return the command of our application in a language."""
    servers = {
        "rust": rust_server,
        "python": python_server,
        "node": node_server,
        "ruby": ruby_server,
    }
    return servers[language]()


def ours(engines=ENGINES, languages=("rust", "python")):
    """Return our own contenders."""
    rows = {"rust": RUST_ROWS, "python": PYTHON_ROWS, "node": NODE_ROWS, "ruby": RUBY_ROWS}
    found = []
    for engine in engines:
        for language in languages:
            command = command_of(language)
            for what, path, target in rows[language]:
                name = f"{language.capitalize()} {what}, {engine}"
                row = Contender(
                    name,
                    f"{language}/{engine}",
                    path,
                    command,
                    {"ENGINE": engine},
                    target,
                    script_of(path),
                )
                found.append(row)
    return found


def script_of(path):
    """Return the wrk script for a path, where one is needed."""
    return bodies.wrk_script(bodies.order()) if path == "/orders" else None


def peers(path=None):
    """Return the peers that this machine has: those of one path, or of all that wrk can ask for."""
    found = all_peers()
    return [peer for peer in found if (peer.path == path if path else peer.path != UPLOAD)]


def all_peers():
    """Return every peer that this machine has."""
    found = []
    at = ("--app-dir", str(APPS / "python"))
    asgi = (*at, "peers:raw")
    quiet = ("--log-level", "warning", "--no-access-log", "--port", "{port}")

    def add(name, package, path, *command):
        if all(importlib.util.find_spec(each) for each in package.split()):
            server = name.split()[0].rstrip(",")
            full = (sys.executable, "-m", *command)
            found.append(Contender(name, server, path, full, script=script_of(path)))

    add("uvicorn, raw ASGI", "uvicorn", "/hello", "uvicorn", *quiet, *asgi)
    fastapi = ("uvicorn", *quiet, *at, "peers_fastapi:app")
    litestar = ("uvicorn", *quiet, *at, "peers_litestar:app")
    add("FastAPI hello", "uvicorn fastapi", "/hello", *fastapi)
    add("FastAPI users", "uvicorn fastapi", "/users/12345", *fastapi)
    add("FastAPI search", "uvicorn fastapi", bodies.SEARCH, *fastapi)
    add("FastAPI order", "uvicorn fastapi", "/orders", *fastapi)
    add("FastAPI upload", "uvicorn fastapi python_multipart", UPLOAD, *fastapi)
    add("Litestar upload", "uvicorn litestar", UPLOAD, *litestar)
    add("Litestar search", "uvicorn litestar", bodies.SEARCH, *litestar)
    add("Litestar order", "uvicorn litestar", "/orders", *litestar)
    granian = ("--interface", "asgi", "--no-access-log", "--port", "{port}")
    working = ("--working-dir", str(APPS / "python"), "peers:raw")
    add("granian, raw ASGI", "granian", "/hello", "granian", *granian, *working)
    if shutil.which("node"):
        command = ("node", str(APPS / "node" / "http.js"))
        found.append(Contender("node:http", "node:http", "/hello", command))
    if (APPS / "node" / "node_modules" / "fastify").exists():
        command = ("node", str(APPS / "node" / "fastify.js"))
        for what, path in (("hello", "/hello"), ("order", "/orders")):
            name = f"Fastify {what}"
            found.append(Contender(name, "Fastify", path, command, script=script_of(path)))
    if shutil.which("puma"):
        bind = ("-b", "tcp://127.0.0.1:{port}", "-t", "5:5", "-e", "production")
        command = ("puma", *bind, str(APPS / "ruby" / "peer.ru"))
        found.append(Contender("Puma, five threads", "Puma", "/hello", command))
    return found
