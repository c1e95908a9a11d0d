"""Programs that are edited while they run."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from pathlib import Path

import pytest

from spikard import ConfigError, Spikard
from spikard.testing.reply import Reply, read
from test_run import SECONDS_MAX, Program, running

PROGRAM = """
import os, sys, time
from spikard import Spikard
import words
app = Spikard()

@app.get("/")
def page():
    return words.GREETING

@app.get("/pid")
def pid():
    return os.getpid()
"""

PAGE = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"


def ask(port: int, target: str, accept: str, connection: socket.socket | None = None) -> Reply:
    """Send a request that says what it accepts."""
    own = connection is None
    connection = connection or socket.create_connection(("127.0.0.1", port), SECONDS_MAX)
    try:
        head = f"GET {target} HTTP/1.1\r\nhost: localhost\r\naccept: {accept}\r\n\r\n"
        connection.sendall(head.encode())
        data = b""
        while True:
            piece = connection.recv(65_536)
            data += piece
            if found := read(data, "GET", whole=not piece):
                return found[0]
    finally:
        if own:
            connection.close()


def until(program: Program, target: str, accept: str, status: int, words: str) -> Reply:
    """Ask until the reply is like this."""
    deadline = time.monotonic() + SECONDS_MAX
    while True:
        reply = ask(program.port, target, accept)
        if reply.status_code == status and words in reply.text:
            return reply
        assert time.monotonic() < deadline, f"{reply.status_code} {reply.text}\n{program.log}"
        time.sleep(0.02)


def replace(path: Path, text: str) -> None:
    """Write a file as most editors do: beside, then over the old one."""
    beside = path.with_name(path.name + "~")
    beside.write_text(text)
    beside.replace(path)


def served(tmp_path: Path, workers: int) -> str:
    (tmp_path / "words.py").write_text("GREETING = 'one'\n")
    directory = str(tmp_path)
    config = {"port": 0, "workers": workers, "reload_dirs": [directory]}
    return f"app.run({config!r}, reload=True)"


@pytest.mark.parametrize("workers", [1, 2])
def test_an_edit_is_served_and_the_port_never_closes(tmp_path: Path, workers: int) -> None:
    with running(tmp_path, served(tmp_path, workers), body=PROGRAM) as program:
        port = program.port
        ended, failures = threading.Event(), []

        def load() -> None:
            while not ended.is_set():
                try:
                    assert ask(port, "/pid", "*/*").status_code == 200
                except (OSError, ValueError, AssertionError) as error:
                    failures.append(error)

        clients = [threading.Thread(target=load) for _ in range(2)]
        for client in clients:
            client.start()
        for number, write in enumerate([replace, Path.write_text, replace]):
            write(tmp_path / "words.py", f"GREETING = 'number {number}'\n")
            until(program, "/", "*/*", 200, f"number {number}")
            program.wait_for(rf"(restarted \d worker[^\n]*\n(.|\n)*){{{number + 1}}}")
        ended.set()
        for client in clients:
            client.join()
        assert not failures
        assert "words.py changed" in program.log
        program.process.terminate()
        assert program.end() == 0


@pytest.mark.parametrize("broken", ["GREETING = undefined\n", "GREETING = (\n", "exit(7)\n"])
def test_a_broken_edit_is_shown_on_pages_and_the_last_version_serves(
    tmp_path: Path, broken: str
) -> None:
    with running(tmp_path, served(tmp_path, 2), body=PROGRAM) as program:
        before = program.pids(20)
        replace(tmp_path / "words.py", broken)
        page = until(program, "/", PAGE, 500, "The program does not start")
        expected = {"GREETING = undefined\n": "NameError: name 'undefined", "exit(7)\n": "code 7"}
        assert expected.get(broken, "SyntaxError") in page.text
        assert page.headers["content-type"] == "text/html; charset=utf-8"
        assert page.headers["cache-control"] == "no-store"
        # Everything else is answered as before.
        assert ask(program.port, "/", "application/json").text == "one"
        assert program.pids(20) == before
        if "undefined" in broken:
            assert "NameError" in program.log
            assert 'words.py", line 1' in program.log

        replace(tmp_path / "words.py", "GREETING = 'mended'\n")
        until(program, "/", PAGE, 200, "mended")
        program.wait_for("restarted 2 workers")
        # The old processes may take a moment to hear that they are old.
        deadline = time.monotonic() + SECONDS_MAX
        while before & program.pids(20):
            assert time.monotonic() < deadline
        assert ask(program.port, "/", PAGE).text == "mended"


def test_a_browsers_idle_connection_gets_no_page_of_the_old_version(tmp_path: Path) -> None:
    with running(tmp_path, served(tmp_path, 1), body=PROGRAM) as program:
        with socket.create_connection(("127.0.0.1", program.port), SECONDS_MAX) as browser:
            assert ask(program.port, "/", PAGE, browser).text == "one"
            replace(tmp_path / "words.py", "GREETING = 'two'\n")
            program.wait_for("restarted 1 worker")
            assert browser.recv(1) == b""
        until(program, "/", PAGE, 200, "two")


def test_a_change_during_a_restart_begins_it_anew(tmp_path: Path) -> None:
    body = PROGRAM.replace("import words\n", "import words\ntime.sleep(words.START)\n")
    run = served(tmp_path, 1)
    (tmp_path / "words.py").write_text("GREETING, START = 'one', 0\n")
    with running(tmp_path, run, body=body) as program:
        program.wait_for("listening on")
        replace(tmp_path / "words.py", "GREETING, START = 'never', 60\n")
        program.wait_for("restarting 1 worker")
        time.sleep(0.3)
        replace(tmp_path / "words.py", "GREETING, START = 'now', 0\n")
        until(program, "/", "*/*", 200, "now")
        program.process.terminate()
        assert program.end() == 0


def test_what_a_program_writes_itself_does_not_restart_it(tmp_path: Path) -> None:
    with running(tmp_path, served(tmp_path, 1), body=PROGRAM) as program:
        before = program.pids(2)
        (tmp_path / "data.db").write_text("data")
        (tmp_path / "__pycache__").mkdir(exist_ok=True)
        (tmp_path / "__pycache__" / "made.py").write_text("data")
        time.sleep(0.5)
        assert program.pids(2) == before
        assert "changed" not in program.log


def test_an_idle_parent_that_watches_never_wakes_up(tmp_path: Path) -> None:
    with running(tmp_path, served(tmp_path, 1), body=PROGRAM) as program:
        program.wait_for("listening on")
        time.sleep(0.3)

        def switches() -> list[str]:
            status = Path(f"/proc/{program.process.pid}/status").read_text().splitlines()
            return [line for line in status if "ctxt_switches" in line]

        before = switches()
        time.sleep(1)
        assert switches() == before


def test_standard_error_is_the_workers_own_once_it_is_ready(tmp_path: Path) -> None:
    body = PROGRAM + (
        "\n@app.get('/say')\ndef say():\n    os.write(2, b'said by the worker\\n')\n"
        "    return os.readlink('/proc/self/fd/2')\n"
        "print('imported', file=sys.stderr, flush=True)\n"
    )
    with running(tmp_path, served(tmp_path, 1), body=body) as program:
        assert ask(program.port, "/say", "*/*").text == str(program.path)
        program.wait_for("said by the worker")
        assert program.log.count("imported") == 2  # The parent's own, and the worker's.


def test_reload_needs_a_program_that_can_be_started_again(tmp_path: Path) -> None:
    with running(tmp_path, "app.run(port=0, reload=True)", stdin=True, body=FOUND) as program:
        assert program.end() == 1
        assert "/reload: a program is reloaded by starting it again" in program.log

    async def serve() -> None:
        with pytest.raises(ConfigError, match="/reload"):
            await Spikard().serve({"reload": True, "port": 0})

    asyncio.run(serve())


FOUND = """
from spikard import Spikard
app = Spikard()
"""


@pytest.mark.parametrize("workers", [1, 2])
def test_a_first_version_that_does_not_start_is_shown_until_it_is_mended(
    tmp_path: Path, workers: int
) -> None:
    run = served(tmp_path, workers)
    (tmp_path / "words.py").write_text(
        "GREETING = 'one'\ndef warm_up(): raise LookupError('no <b>')"
    )
    body = PROGRAM + "\n@app.on_startup\ndef warm_up():\n    words.warm_up()\n"
    with running(tmp_path, run, body=body) as program:
        found = program.wait_for(r"http://[^:]+:(\d+) says why until a change mends it")
        port = int(found[1])
        assert "LookupError: no <b>" in program.log
        for _ in range(6):
            page = ask(port, "/", PAGE)
            assert page.status_code == 500
            assert page.headers["content-type"] == "text/html; charset=utf-8"
            assert "LookupError: no &lt;b&gt;" in page.text
            other = ask(port, "/", "*/*")
            assert other.status_code == 503
            assert "LookupError" not in other.text

        # Not even Python now.
        replace(tmp_path / "words.py", "GREETING = (")
        deadline = time.monotonic() + SECONDS_MAX
        while "SyntaxError" not in ask(port, "/", PAGE).text:
            assert time.monotonic() < deadline, program.log
            time.sleep(0.02)

        replace(tmp_path / "words.py", "GREETING = 'two'\ndef warm_up(): pass")
        assert program.port == port
        until(program, "/", PAGE, 200, "two")
        program.process.terminate()
        assert program.end() == 0


def test_a_first_version_that_does_not_start_ends_a_server_that_does_not_reload(
    tmp_path: Path,
) -> None:
    body = PROGRAM.replace("import words", "") + (
        "\n@app.on_startup\ndef warm_up():\n    raise LookupError('no cache')\n"
    )
    with running(tmp_path, "app.run(port=0)", body=body) as program:
        assert program.end() == 3
        assert "LookupError: no cache" in program.log
        assert "the server does not start" in program.log
