"""Runs every fixture: in process on both placements, and over sockets on io_uring and epoll.

One fixture is one test. Nothing here looks at a fixture's name, and nothing is tolerated.
"""

from __future__ import annotations

import os
import socket
from typing import Any

import pytest

import behaviors
import comparison
import folders
from spikard.testing import Reply, TestClient
from spikard.testing.reply import read

FIXTURES = behaviors.fixtures()
SKIPS = behaviors.skips()

# Longest wait for bytes on a socket, in seconds.
SOCKET_SECONDS_MAX = 10.0
PROBE = b"GET /is/it/open HTTP/1.1\r\nhost: localhost\r\n\r\n"


def io_uring_refusal() -> str:
    """Why io_uring does not work here, or nothing."""
    app = behaviors.application({"app": {"routes": []}}, "inline")
    try:
        with TestClient(app, transport="socket", engine="io_uring"):
            return ""
    except (OSError, RuntimeError) as error:
        return str(error)


IO_URING_REFUSAL = io_uring_refusal()
ENGINES = ["epoll"] if IO_URING_REFUSAL else ["io_uring", "epoll"]


@pytest.mark.parametrize("name", FIXTURES)
def test_fixture(name: str) -> None:
    fixture = FIXTURES[name]
    behaviors.RAN.add(name)
    found = run(fixture)
    if name in SKIPS:
        assert found, f"passes although skips.json says: {SKIPS[name]}"
        pytest.skip(SKIPS[name])
    assert not found, "\n".join(["", fixture["why"], *found])


@pytest.mark.parametrize("name", FIXTURES)
def test_mutants_fail(name: str) -> None:
    fixture = FIXTURES[name]
    config = fixture.get("config", {})
    replies = over_socket(fixture, "epoll")
    for exchange, (reply, _) in zip(behaviors.exchanges(fixture), replies, strict=True):
        for mutant in comparison.mutants(exchange["expect"]):
            method = exchange["request"]["method"]
            assert comparison.faults(mutant, reply, method, config, over_socket=True)


def test_skips_name_fixtures() -> None:
    assert sorted(set(SKIPS) - set(FIXTURES)) == []


def test_fixtures_ran_on_io_uring() -> None:
    if IO_URING_REFUSAL and os.environ.get("SPIKARD_REQUIRE") != "all":
        pytest.skip(f"io_uring does not work here: {IO_URING_REFUSAL}")
    assert IO_URING_REFUSAL == ""


def run(fixture: dict[str, Any]) -> list[str]:
    """What is wrong with the replies to a fixture, on every transport it is for."""
    found = []
    for placement in ("inline", "pool"):
        if fixture.get("transport") != "socket":
            replies = in_process(fixture, placement)
            found += judge(fixture, replies, f"inject, {placement}", framed=False)
    for engine in ENGINES:
        found += judge(fixture, over_socket(fixture, engine), engine, framed=True)
    return found


def judge(
    fixture: dict[str, Any], replies: list[tuple[Reply, str]], leg: str, framed: bool
) -> list[str]:
    """The faults of all replies of one leg."""
    found = []
    config = fixture.get("config", {})
    for exchange, (reply, broken) in zip(behaviors.exchanges(fixture), replies, strict=True):
        method = exchange["request"]["method"]
        faults = comparison.faults(exchange["expect"], reply, method, config, framed)
        found += [f"{leg}: {fault}" for fault in [*faults, broken] if fault]
    return found


def in_process(fixture: dict[str, Any], placement: str) -> list[tuple[Reply, str]]:
    """The replies to a fixture's requests, in process."""
    app = behaviors.application(fixture, placement)
    replies: list[tuple[Reply, str]] = []
    with folders.config_of(fixture) as config, TestClient(app, config=config) as client:
        for exchange in behaviors.exchanges(fixture):
            before = replies[-1][0] if replies else None
            request = comparison.after(exchange["request"], before)
            data = b"".join(comparison.head_and_body(request))
            replies.append((client.raw(data, request["method"]), ""))
    return replies


def over_socket(fixture: dict[str, Any], engine: Any) -> list[tuple[Reply, str]]:
    """The replies to a fixture's requests on one connection, and what is wrong with that."""
    app = behaviors.application(fixture, "inline")
    replies: list[tuple[Reply, str]] = []
    with (
        folders.config_of(fixture) as config,
        TestClient(app, config=config, transport="socket", engine=engine) as client,
    ):
        address = ("127.0.0.1", client.port)
        with socket.create_connection(address, SOCKET_SECONDS_MAX) as connection:
            exchanges = behaviors.exchanges(fixture)
            for number, exchange in enumerate(exchanges, start=1):
                before = replies[-1][0] if replies else None
                request = comparison.after(exchange["request"], before)
                reply, rest = converse(connection, exchange | {"request": request})
                broken = "there are bytes behind the reply" if rest else ""
                if not broken and number == len(exchanges):
                    # Before, the next request asks whether the connection is open; one of our own
                    # would count under limits.
                    broken = ending(connection, exchange["expect"].get("closes", False))
                replies.append((reply, broken))
    return replies


def converse(connection: socket.socket, exchange: dict[str, Any]) -> tuple[Reply, bytes]:
    """Send one request and receive its reply, and whatever came behind it."""
    request, expect = exchange["request"], exchange["expect"]
    head, body = comparison.head_and_body(request)
    received = b""
    if "continue" not in expect:
        send(connection, head + body)
    else:
        send(connection, head)
        received = connection.recv(65_536)
        if expect["continue"]:
            send(connection, body)
    while True:
        found = read(received, request["method"], whole=False)
        if found is not None:
            return found[0], received[found[1] :]
        piece = connection.recv(1 << 20)
        received += piece
        if not piece:
            found = read(received, request["method"], whole=True)
            assert found is not None
            return found[0], b""


def send(connection: socket.socket, data: bytes) -> None:
    """Send what the server takes: one that has refused the request may have stopped reading."""
    try:
        connection.sendall(data)
    except (BrokenPipeError, ConnectionResetError):
        return


def ending(connection: socket.socket, closes: bool) -> str:
    """What is wrong with how a connection stands after a reply, if anything."""
    if closes:
        try:
            return "there are bytes behind the reply" if connection.recv(1) else ""
        except TimeoutError:
            return "the server did not close"
        except ConnectionResetError:
            return ""
    send(connection, PROBE)
    received = b""
    while piece := connection.recv(65_536):
        received += piece
        found = read(received, "GET", whole=False)
        if found is not None:
            return "" if found[1] == len(received) else "there are bytes behind the next reply"
    return "the server closed"
