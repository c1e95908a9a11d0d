#!/usr/bin/env python3
"""Restarts a loaded server again and again, and counts what its clients lost: nothing, or it fails.

usage: scripts/restarts.py [--restarts N] [--workers N ...] [--engine NAME ...]
                           [--crashes SECONDS] [--program PATH]

Each run starts a Python program, or another that answers the same, with that many workers, keeps
clients of three kinds at it (one connection per request, one connection for all, and `wrk` where
it is installed), and sends SIGHUP. A restart counts when replies carry process ids that were not
seen before. Then, with more than one worker, the youngest is killed whenever it has answered: what
a dead worker had accepted is lost, but nobody may be refused or wait long. The exit code is 1 if
any client lost anything in a restart, or if the slowest thousandth waited longer than the limit.
Knows nothing of how the server does it.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

PROGRAM = (
    (ROOT / "scripts" / "pids.py").read_text()
    + """

app.run({"port": 0, "workers": int(os.environ["WORKERS"]), "engine": os.environ["ENGINE"]})
"""
)

# The slowest thousandth of all connections may take this long to its first byte, in seconds.
FIRST_BYTE_SECONDS_MAX = 0.5

# Longest wait for a server to start or for one restart, in seconds.
PATIENCE = 60.0

# Seconds that keep-alive clients of each kind think between two requests.
PAUSES = (0.0, 0.0, 0.005, 0.05, 0.5, 2.0)

SHORT_CLIENTS = 4


@dataclass
class Tally:
    """What the clients of one run saw."""

    requests: int = 0
    announced: int = 0
    pids: set[int] = field(default_factory=set)
    losses: Counter[str] = field(default_factory=Counter)
    first_bytes: list[float] = field(default_factory=list)
    wrk_requests: int = 0

    def slowest(self, share: float) -> float:
        """Return the time to the first byte that this share of the connections did not exceed."""
        ordered = sorted(self.first_bytes)
        return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else 0.0


class LostError(Exception):
    """A client was let down; the text says how."""


async def read_reply(reader: asyncio.StreamReader, tally: Tally) -> bool:
    """Read one reply and return whether the connection goes on."""
    head = await reader.readuntil(b"\r\n\r\n")
    fields = head.decode("latin-1").lower()
    if not fields.startswith("http/1.1 200 "):
        raise LostError(f"status {fields[9:12]}")
    length = re.search(r"\r\ncontent-length: (\d+)", fields)
    if length is None:
        raise LostError("no length")
    tally.pids.add(int(await reader.readexactly(int(length[1]))))
    tally.requests += 1
    return "\r\nconnection: close\r\n" not in fields


async def connect(port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Open a connection, or raise LostError."""
    try:
        return await asyncio.open_connection("127.0.0.1", port)
    except ConnectionRefusedError as error:
        raise LostError("refused") from error
    except OSError as error:
        raise LostError(f"not connected: {error}") from error


def request(path: str, close: bool = False) -> bytes:
    """Return the bytes of a request."""
    field = "connection: close\r\n" if close else ""
    return f"GET {path} HTTP/1.1\r\nhost: localhost\r\n{field}\r\n".encode()


async def keep_alive(port: int, pause: float, path: str, tally: Tally) -> None:
    """Ask on one connection for as long as the server does not announce its end."""
    reader, writer = await connect(port)
    try:
        while True:
            if reader.at_eof():
                raise LostError("keep-alive connection closed unannounced while idle")
            try:
                writer.write(request(path))
                goes_on = await read_reply(reader, tally)
            except asyncio.IncompleteReadError as error:
                how = "truncated reply" if error.partial else "closed under the next request"
                raise LostError(f"keep-alive: {how}") from error
            except OSError as error:
                raise LostError("keep-alive: reset") from error
            if not goes_on:
                tally.announced += 1
                return
            await asyncio.sleep(pause)
    finally:
        writer.close()


async def once(port: int, tally: Tally) -> None:
    """Ask once on a connection of its own, and time the first byte from the connect on."""
    began = time.perf_counter()
    reader, writer = await connect(port)
    try:
        writer.write(request("/pid", close=True))
        first = await reader.read(1)
        tally.first_bytes.append(time.perf_counter() - began)
        rest = await reader.read()
        if not first:
            raise LostError("short: closed without a reply")
        whole = asyncio.StreamReader()
        whole.feed_data(first + rest)
        whole.feed_eof()
        await read_reply(whole, tally)
    except asyncio.IncompleteReadError as error:
        raise LostError("short: truncated reply") from error
    except OSError as error:
        raise LostError("short: reset") from error
    finally:
        writer.close()


async def again_and_again(kind: str, port: int, pause: float, tally: Tally) -> None:
    """Be one client until cancelled; count what it lost."""
    while True:
        try:
            if kind == "short":
                await once(port, tally)
                await asyncio.sleep(0.001)
            else:
                await keep_alive(port, pause, kind, tally)
        except LostError as lost:
            tally.losses[str(lost)] += 1
            await asyncio.sleep(0.01)


async def wrk(port: int, stop: asyncio.Event, tally: Tally) -> None:
    """Run `wrk` in slices until told to stop; count what it complains about."""
    program = shutil.which("wrk")
    while program is not None and not stop.is_set():
        process = await asyncio.create_subprocess_exec(
            *(program, "-t1", "-c16", "-d2s", f"http://127.0.0.1:{port}/pid"),
            stdout=asyncio.subprocess.PIPE,
        )
        said = (await process.communicate())[0].decode()
        if found := re.search(r"(\d+) requests in", said):
            tally.wrk_requests += int(found[1])
        if found := re.search(r"Socket errors: (.*)", said):
            tally.losses[f"wrk: {found[1]}"] += 1
        if found := re.search(r"Non-2xx or 3xx responses: (\d+)", said):
            tally.losses["wrk: status"] += int(found[1])


async def until_new(count: int, before: set[int], tally: Tally, log: Path) -> None:
    """Wait for replies of so many processes that were not known before."""
    deadline = time.monotonic() + PATIENCE
    while len(tally.pids - before) < count:
        if time.monotonic() > deadline:
            raise SystemExit(f"restarts: no new process answers\n{log.read_text()[-2000:]}")
        await asyncio.sleep(0.005)


class Server:
    """The program under load, its log and its port."""

    def __init__(self, place: Path, workers: int, engine: str, other: str | None) -> None:
        program = place / "program.py"
        program.write_text(PROGRAM)
        self.log = place / "log"
        with self.log.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, str(program)] if other is None else [other],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env={
                    **os.environ,
                    **{"PORT": "0", "WORKERS": str(workers), "ENGINE": engine, "SECONDS": "0.05"},
                },
                start_new_session=True,
            )
        deadline = time.monotonic() + PATIENCE
        while (found := re.search(r"listening on http://\S+:(\d+) (.*)", self.said())) is None:
            if time.monotonic() > deadline or self.process.poll() is not None:
                raise SystemExit(f"restarts: the server does not start\n{self.said()}")
            time.sleep(0.02)
        self.port, self.what = int(found[1]), found[2]

    def said(self) -> str:
        """Return the log so far."""
        return self.log.read_text()

    def end(self) -> int:
        """Stop it, and return its exit code; it is certainly gone afterwards."""
        self.process.terminate()
        try:
            return self.process.wait(PATIENCE)
        finally:
            if self.process.poll() is None:
                os.killpg(self.process.pid, signal.SIGKILL)


async def load(port: int, tally: Tally) -> list[asyncio.Task[None]]:
    """Start the clients."""
    kinds = [("short", 0.0)] * SHORT_CLIENTS + [("/pid", pause) for pause in PAUSES]
    kinds.append(("/slow", 0.0))
    return [asyncio.create_task(again_and_again(kind, port, pause, tally)) for kind, pause in kinds]


async def ended(tasks: list[asyncio.Task[None]]) -> None:
    """End the clients."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def restart(server: Server, workers: int, restarts: int) -> Tally:
    """Restart a server under load, so often; return what its clients saw."""
    tally, stop = Tally(), asyncio.Event()
    clients = await load(server.port, tally)
    wrks = asyncio.create_task(wrk(server.port, stop, tally))
    await until_new(workers, set(), tally, server.log)
    for _ in range(restarts):
        before = set(tally.pids)
        server.process.send_signal(signal.SIGHUP)
        await until_new(workers, before, tally, server.log)
    stop.set()
    await wrks
    await ended(clients)
    return tally


async def crash(server: Server, seconds: float) -> tuple[Tally, int]:
    """Kill the youngest worker for so long, whenever it has answered; return what was seen."""
    tally, killed = Tally(), 0
    clients = await load(server.port, tally)
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        await asyncio.sleep(0.05)
        victims = children(server.process.pid)
        if len(victims) > 1 and victims[-1] in tally.pids:
            os.kill(victims[-1], signal.SIGKILL)
            killed += 1
    await asyncio.sleep(0.5)
    await ended(clients)
    return tally, killed


def children(pid: int) -> list[int]:
    """Return the processes that a process has started and that run."""
    text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [int(child) for child in text.split()]


def measure(workers: int, engine: str, chosen: argparse.Namespace) -> bool:
    """Print what one server's clients saw; return whether all went well."""
    with tempfile.TemporaryDirectory() as place:
        server = Server(Path(place), workers, engine, chosen.program)
        try:
            tally = asyncio.run(restart(server, workers, chosen.restarts))
            fine = report(f"{chosen.restarts} restarts of {server.what}", tally)
            if chosen.crashes and workers > 1:
                tally, killed = asyncio.run(crash(server, chosen.crashes))
                fine &= report(f"{killed} kills of {server.what}", tally, deadly=True)
        finally:
            code = server.end()
        if code != 0 or not fine:
            print(server.said(), file=sys.stderr)
        return fine and code == 0


def report(title: str, tally: Tally, deadly: bool = False) -> bool:
    """Print one line of counts; return whether nothing was lost but what a death costs.

    That is what the dead had accepted: none may be refused.
    """
    lost = [how for how in tally.losses if not deadly or how.startswith(("refused", "not c"))]
    slowest = tally.slowest(0.999)
    print(
        f"{title}: {tally.requests} requests and {tally.wrk_requests} of wrk, "
        f"{len(tally.pids)} processes, {tally.announced} connections closed as announced, "
        f"lost {dict(tally.losses) or 0}, first byte of {len(tally.first_bytes)} connections: "
        f"p50 {tally.slowest(0.5) * 1000:.1f} ms, p99.9 {slowest * 1000:.1f} ms",
        flush=True,
    )
    return not lost and slowest <= FIRST_BYTE_SECONDS_MAX


def main() -> int:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(description="restart a server under load")
    parser.add_argument("--restarts", type=int, default=100)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--engine", nargs="+", default=["auto", "epoll"])
    parser.add_argument("--crashes", type=float, default=10.0, metavar="SECONDS")
    parser.add_argument("--program", help="an executable, such as the Rust example `gapless`")
    chosen = parser.parse_args()
    runs = [(workers, engine) for engine in chosen.engine for workers in chosen.workers]
    fine = [measure(workers, engine, chosen) for workers, engine in runs]
    return 0 if all(fine) else 1


if __name__ == "__main__":
    sys.exit(main())
