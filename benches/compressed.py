"""What a compressed reply costs: 20 KB of JSON in each coding, beside peers.

Each server makes the same list, and each coding stands at the same quality in all of them. The
ratio is of the bytes on the wire to those of the list, read from the reply itself. Servers sit on
CPU 0 and wrk on CPU 1, round by round; the table shows medians.
"""

import argparse
import http.client
import importlib.util
import json
import os
import statistics
import sys
from contextlib import ExitStack
from dataclasses import dataclass, field

from harness import catalog, load, machine
from harness.process import Server

AXUM = machine.ROOT / "target" / "peers" / "release" / "bench-axum"
CODINGS = {"as it is": None, "gzip": "gzip", "brotli": "br"}


@dataclass(frozen=True)
class Case:
    """One server in one configuration, asked for one coding."""

    name: str
    command: tuple
    coding: str
    quality: int
    environment: dict = field(default_factory=dict)


def cases(options):
    """Return every case that can run here."""
    found = []
    for coding, quality in wanted(options):
        label = coding if coding == "as it is" else f"{coding} {quality}"
        for language in ("rust", "python"):
            config = {"compression": {"quality": quality}}
            environment = {"ENGINE": options.engine, "CONFIG": json.dumps(config)}
            command = catalog.command_of(language)
            found.append(Case(f"{language}, {label}", command, coding, quality, environment))
        environment = {"QUALITY": str(quality)}
        if AXUM.exists():
            name = f"axum + tower-http, {label}"
            found.append(Case(name, (str(AXUM),), coding, quality, environment))
        for name, command in python_peers(coding):
            found.append(Case(f"{name}, {label}", command, coding, quality, environment))
    return found


def wanted(options):
    """Return each coding with each quality that is asked for."""
    yield "as it is", 6
    for quality in options.qualities:
        yield from (("gzip", quality), ("brotli", quality))


def python_peers(coding):
    """Return the Python peers of a coding, where they are installed."""
    apps = {"as it is": ("gzip",), "gzip": ("gzip", "starlette_gzip"), "brotli": ("brotli",)}
    needed = ("granian", "litestar", "starlette", "brotli")
    if not all(importlib.util.find_spec(each) for each in needed):
        return
    for app in apps[coding]:
        framework = "Starlette" if app.startswith("starlette") else "Litestar"
        flags = ("--interface", "asgi", "--no-access-log", "--port", "{port}")
        where = ("--working-dir", str(catalog.APPS / "python"), f"peers_compressed:{app}")
        yield f"{framework} on granian", (sys.executable, "-m", "granian", *flags, *where)


def script(coding):
    """Return the wrk script that asks for a coding."""
    machine.OUT.mkdir(exist_ok=True)
    path = machine.OUT / f"compressed-{coding.replace(' ', '-')}.lua"
    accepted = CODINGS[coding] or "identity"
    path.write_text(f'wrk.headers["Accept-Encoding"] = "{accepted}"\n')
    return str(path)


def size(server, coding):
    """Return the bytes of the body on the wire. Fails if the reply is not in the coding."""
    client = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    client.request("GET", "/big", headers={"Accept-Encoding": CODINGS[coding] or "identity"})
    reply = client.getresponse()
    body = reply.read()
    client.close()
    got = reply.headers.get("content-encoding")
    if reply.status != 200 or got != CODINGS[coding]:
        raise SystemExit(f"{server.name}: {reply.status} in {got}, not in {CODINGS[coding]}")
    return len(body)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=2, help="length of one run")
    parser.add_argument("--rounds", type=int, default=3, help="runs of each case; medians count")
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--engine", default="io_uring")
    parser.add_argument("--qualities", type=int, nargs="+", default=[4, 6])
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args()
    print(machine.describe(machine.facts()), file=sys.stderr)
    table = measure(cases(options), options)
    print(json.dumps(table, indent=2)) if options.json else show(table)


def measure(wanted_cases, options):
    """Return one line per case: medians of its rounds, and the bytes of its body."""
    samples, sizes = {}, {}
    with ExitStack() as stack:
        servers = [
            stack.enter_context(Server(case.name, case.command, environment=case.environment))
            for case in wanted_cases
        ]
        for number in range(options.rounds + 1):
            for case, server in zip(wanted_cases, servers, strict=True):
                at = {"connections": options.connections, "seconds": options.seconds}
                sample = load.measure(server, "/big", **at, script=script(case.coding))
                sizes[case.name] = size(server, case.coding)
                # The first round warms up.
                if number:
                    samples.setdefault(case.name, []).append(sample)
                if sys.stderr.isatty():
                    print(f"\rround {number} {case.name:<50}", end="", file=sys.stderr)
    return [
        {
            "name": name,
            "cpu_us": round(statistics.median(each.cpu_us for each in taken), 1),
            "per_second": round(statistics.median(each.per_second for each in taken)),
            "p99_us": statistics.median(each.p99_us for each in taken),
            "bytes": sizes[name],
        }
        for name, taken in samples.items()
    ]


def show(table):
    """Print the table, each ratio of bytes to the first case's."""
    print(f"{'':<36}{'req/s':>8}{'CPU us':>10}{'p99 ms':>9}{'bytes':>8}{'ratio':>8}")
    for row in table:
        print(
            f"{row['name']:<36}{row['per_second']:>8}{row['cpu_us']:>10.1f}"
            f"{row['p99_us'] / 1000:>9.2f}{row['bytes']:>8}"
            f"{table[0]['bytes'] / row['bytes']:>8.2f}"
        )


if __name__ == "__main__":
    os.chdir(machine.ROOT)
    main()
