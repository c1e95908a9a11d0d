"""What the middleware costs: CPU per request with all of it off, by default, and armed.

The same hello behind four configurations, then what the engine refuses by itself, then a reply of
20 KB compressed. Servers sit on CPU 0 and wrk on CPU 1, round by round beside the floor, as in
`load.py`; tables show medians. Refusals are what is asked for, so errors are not counted.
"""

import argparse
import base64
import hashlib
import hmac
import json
import os
import statistics
import sys
from contextlib import ExitStack
from dataclasses import dataclass, field

from harness import catalog, load, machine
from harness.process import Server

SECRET = "a secret that is longer than the hash of thirty-two bytes"
ALL_OFF = {
    "enable_request_id": False,
    "max_body_size": None,
    "request_timeout": None,
    "body_timeout": None,
    "stall_threshold": None,
    "compression": None,
}
ARMED = {
    "jwt_auth": {"secret": SECRET},
    # Wide enough that nothing is refused.
    "rate_limit": {"per_second": 1_000_000, "burst": 1_000_000},
    "cors": {"allowed_origins": ["https://app.example.com"]},
    "access_log": {"target": "/dev/null"},
}
STRICT = {"rate_limit": {"per_second": 0.001, "burst": 1}}


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    name: str
    config: dict
    path: str = "/sync"
    method: str = "GET"
    headers: dict = field(default_factory=dict)


def token():
    """A token that the armed server takes."""

    def coded(data):
        return base64.urlsafe_b64encode(data).rstrip(b"=").decode()

    head = coded(json.dumps({"alg": "HS256", "typ": "JWT"}).encode())
    claims = {"sub": "ann", "exp": 32_503_680_000}
    signed = f"{head}.{coded(json.dumps(claims).encode())}"
    return f"{signed}.{coded(hmac.new(SECRET.encode(), signed.encode(), hashlib.sha256).digest())}"


def rows():
    """Every line, for one language and engine."""
    origin = {"Origin": "https://app.example.com"}
    good = {"Authorization": f"Bearer {token()}", **origin}
    ask = {**origin, "Access-Control-Request-Method": "GET"}
    return [
        Row("hello, all off", ALL_OFF),
        Row("hello, default", {}),
        Row("hello, JWT + limit + CORS + log", ARMED, headers=good),
        Row("401 without a token", ARMED, headers=origin),
        Row("429 over the limit", STRICT),
        Row("204 to a preflight", ARMED, method="OPTIONS", headers=ask),
        Row("404 without a route", {}, path="/nowhere"),
        Row("20 KB, as it is", {}, path="/big"),
        Row("20 KB, gzip 6", {}, path="/big", headers={"Accept-Encoding": "gzip"}),
        Row("20 KB, brotli 6", {}, path="/big", headers={"Accept-Encoding": "br"}),
        Row(
            "20 KB, brotli 4",
            {"compression": {"quality": 4}},
            path="/big",
            headers={"Accept-Encoding": "br"},
        ),
    ]


def script(row):
    """Return the wrk script of a row."""
    machine.OUT.mkdir(exist_ok=True)
    name = "".join(each if each.isalnum() else "-" for each in row.name)
    path = machine.OUT / f"middleware-{name}.lua"
    lines = [f'wrk.method = "{row.method}"']
    lines += [f'wrk.headers["{name}"] = "{value}"' for name, value in row.headers.items()]
    path.write_text("\n".join(lines) + "\n")
    return str(path)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=2, help="length of one run")
    parser.add_argument("--rounds", type=int, default=3, help="runs of each row; medians count")
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--engine", default="io_uring")
    parser.add_argument("--languages", default="rust,python")
    parser.add_argument("--only", default="", help="rows whose name contains one of these words")
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args()
    print(machine.describe(machine.facts()), file=sys.stderr)
    words = [word for word in options.only.split(",") if word]
    wanted = [row for row in rows() if not words or any(word in row.name for word in words)]
    samples = {}
    with ExitStack() as stack:
        floor = catalog.floor()
        cases = [("floor (C, epoll)", stack.enter_context(Server("floor", floor.command)), None)]
        for language in options.languages.split(","):
            for row in wanted:
                environment = {"ENGINE": options.engine, "CONFIG": json.dumps(row.config)}
                name = f"{language} {row.name}"
                server = Server(name, catalog.command_of(language), environment=environment)
                cases.append((name, stack.enter_context(server), row))
        for number in range(options.rounds + 1):
            for name, server, row in cases:
                path, lua = (row.path, script(row)) if row else ("/hello", None)
                sample = load.measure(
                    server,
                    path,
                    connections=options.connections,
                    seconds=options.seconds,
                    script=lua,
                )
                # The first round warms up.
                if number:
                    samples.setdefault(name, []).append(sample)
                if sys.stderr.isatty():
                    print(f"\rround {number} {name:<50}", end="", file=sys.stderr)
    table = summarise(samples)
    if options.json:
        print(json.dumps(table, indent=2))
    else:
        show(table)


def summarise(samples):
    """Return one line per case: medians, and the ratio to the floor."""
    table = []
    for name, taken in samples.items():
        cpu = statistics.median(sample.cpu_us for sample in taken)
        table.append(
            {
                "name": name,
                "cpu_us": round(cpu, 2),
                "ratio": round(cpu / (table[0]["cpu_us"] if table else cpu), 2),
                "per_second": round(statistics.median(each.per_second for each in taken)),
                "p99_us": statistics.median(each.p99_us for each in taken),
            }
        )
    return table


def show(table):
    print(f"{'':<42}{'req/s':>9}{'CPU us':>9}{'x floor':>9}{'p99 ms':>9}")
    for row in table:
        print(
            f"{row['name']:<42}{row['per_second']:>9}{row['cpu_us']:>9.2f}{row['ratio']:>9.2f}"
            f"{row['p99_us'] / 1000:>9.2f}"
        )


if __name__ == "__main__":
    os.chdir(machine.ROOT)
    main()
