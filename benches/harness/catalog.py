"""The servers that are measured: how each is started, and where its routes are.

Peers are listed when their package can be imported; nothing is installed for them.
"""

import importlib.util
import shutil
import subprocess
import sys
from dataclasses import dataclass, field

from harness.machine import OUT, ROOT

ENGINES = ("io_uring", "epoll")
APPS = ROOT / "benches" / "apps"


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


def ours(engines=ENGINES, languages=("rust", "python")):
    """Return our own contenders."""
    found = []
    for engine in engines:
        environment = {"ENGINE": engine}
        if "rust" in languages:
            command = rust_server()
            for what, path, target in (("hello", "/sync", 1.2), ("users", "/users/12345", 1.7)):
                row = (f"Rust {what}, {engine}", f"rust/{engine}", path, command)
                found.append(Contender(*row, environment, target))
        if "python" in languages:
            command = python_server()
            for what, path, target in (
                ("async hello", "/hello", 1.4),
                ("def hello", "/sync", 1.4),
                ("users", "/users/12345", 1.7),
            ):
                row = (f"Python {what}, {engine}", f"python/{engine}", path, command)
                found.append(Contender(*row, environment, target))
    return found


def peers():
    """Return the peers that this machine has."""
    found = []
    at = ("--app-dir", str(APPS / "python"))
    asgi = (*at, "peers:raw")
    quiet = ("--log-level", "warning", "--no-access-log", "--port", "{port}")

    def add(name, package, path, *command):
        if all(importlib.util.find_spec(each) for each in package.split()):
            found.append(Contender(name, name, path, (sys.executable, "-m", *command)))

    add("uvicorn, raw ASGI", "uvicorn", "/hello", "uvicorn", *quiet, *asgi)
    add("FastAPI hello", "uvicorn fastapi", "/hello", "uvicorn", *quiet, *at, "peers:fastapi")
    add("FastAPI users", "uvicorn fastapi", "/users/12345", "uvicorn", *quiet, *at, "peers:fastapi")
    granian = ("--interface", "asgi", "--no-access-log", "--port", "{port}")
    working = ("--working-dir", str(APPS / "python"), "peers:raw")
    add("granian, raw ASGI", "granian", "/hello", "granian", *granian, *working)
    if shutil.which("node"):
        command = ("node", str(APPS / "node" / "http.js"))
        found.append(Contender("node:http", "node:http", "/hello", command))
    return found
