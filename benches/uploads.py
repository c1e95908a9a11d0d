"""How fast are files taken, what do they cost, and what do they hold in memory?

A few connections each post the same form with one file of 10 MB, again and again; the handler reads
the file in pieces. Beside throughput stands the CPU time of an upload, and by how much the resident
memory of the server grew over what it held before the first one.
"""

import argparse
import json
import sys
import threading
import time

from harness import catalog, machine, wire
from harness.process import Server

FILE_BYTES = 10_000_000
BOUNDARY = "----------------------------upload"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--connections", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", default="", help="names, or parts of them, between commas")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    options = parser.parse_args()
    print(machine.describe(machine.facts()), file=sys.stderr)
    wanted = [part for part in options.only.lower().split(",") if part]
    rows = []
    for contender in contenders():
        if wanted and not any(part in contender.name.lower() for part in wanted):
            continue
        rounds = [measure(contender, options) for _ in range(options.rounds)]
        rounds.sort(key=lambda row: row["cpu_ms"])
        rows.append(rounds[len(rounds) // 2])
        print(f"{contender.name}: {rows[-1]}", file=sys.stderr)
    print(json.dumps(rows) if options.json else table(rows))
    return 0 if all(row["failed"] == 0 for row in rows) else 1


def contenders():
    """Return our servers and the peers that take files."""
    own = [
        catalog.Contender(
            f"{language}, {engine}", language, catalog.UPLOAD, command(), {"ENGINE": engine}
        )
        for language, command in (
            ("Rust", catalog.rust_server),
            ("Python", catalog.python_server),
        )
        for engine in catalog.ENGINES
    ]
    return [*own, *catalog.peers(catalog.UPLOAD)]


def request():
    """Return the upload as bytes."""
    line = bytes(range(256)).replace(b"\r", b"r")
    content = (line * (FILE_BYTES // len(line) + 1))[:FILE_BYTES]
    head = (
        f"--{BOUNDARY}\r\n"
        'Content-Disposition: form-data; name="file"; filename="ten.bin"\r\n'
        "Content-Type: application/octet-stream\r\n\r\n"
    )
    body = head.encode() + content + f"\r\n--{BOUNDARY}--\r\n".encode()
    start = (
        "POST /upload HTTP/1.1\r\nHost: localhost\r\n"
        f"Content-Type: multipart/form-data; boundary={BOUNDARY}\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return start.encode() + body


def measure(contender, options):
    """Return what one server does with uploads."""
    whole = request()
    with Server(contender.name, contender.command, environment=contender.environment) as server:
        clients = wire.connect(server.port, options.connections)
        for client in clients:
            wire.ask(client, wire.get("/hello"))
        base = server.rss_bytes()
        before, begin = server.cpu_us(), time.monotonic()
        done, failed = [0] * len(clients), [0] * len(clients)
        peak = [base]

        def upload(number, client):
            while time.monotonic() - begin < options.seconds:
                status, body = wire.ask(client, whole)
                good = status == 200 and json.loads(body)["bytes"] == FILE_BYTES
                (done if good else failed)[number] += 1

        def watch():
            while any(thread.is_alive() for thread in threads):
                peak[0] = max(peak[0], server.rss_bytes())
                time.sleep(0.005)

        threads = [threading.Thread(target=upload, args=pair) for pair in enumerate(clients)]
        for thread in threads:
            thread.start()
        watch()
        elapsed, after = time.monotonic() - begin, server.cpu_us()
        for client in clients:
            client.close()
    count = sum(done)
    return {
        "name": contender.name,
        "uploads": count,
        "failed": sum(failed),
        "megabytes_per_second": round(count * FILE_BYTES / elapsed / 1e6),
        "cpu_ms": round((sum(after) - sum(before)) / 1000 / max(count, 1), 2),
        "grown_mib": round((peak[0] - base) / 2**20, 1),
    }


def table(rows):
    """Return the rows as Markdown."""
    lines = [
        "| server | MB/s | CPU ms per upload of 10 MB | memory grown, MiB |",
        "| --- | --- | --- | --- |",
    ]
    for row in rows:
        figures = (row["megabytes_per_second"], row["cpu_ms"], row["grown_mib"])
        lines.append(f"| {row['name']} | {' | '.join(map(str, figures))} |")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
