"""Does the host's own event loop live while the server is saturated?

A task in the server's process sleeps until the next multiple of 10 ms, again and again, while wrk
keeps 256 connections busy. Nearly every tick must fire, and nearly all of them on time.
A server that had to wait for its CPU, because the machine does other things, cannot be judged: how
long it waited stands beside the verdict.
"""

import argparse
import json
import sys
import threading
import time

from harness import catalog, load, machine, wire
from harness.process import Server

FIRED_MIN = 0.95
WARM_UP_S = 3
LATE_P99_MS_MAX = 5


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=10)
    parser.add_argument("--engines", default="io_uring,epoll")
    parser.add_argument("--connections", type=int, default=256)
    options = parser.parse_args()
    print(machine.describe(machine.facts()), file=sys.stderr)
    good = True
    for engine in options.engines.split(","):
        for path in ("/hello", "/sync"):
            name = f"Python {path}, {engine}"
            with Server(name, catalog.python_server(), environment={"ENGINE": engine}) as server:
                before = server.waited_s()
                late_ms, text = record(server, path, options)
                waited = (server.waited_s() - before) / (options.seconds + WARM_UP_S)
            good &= report(name, late_ms, options.seconds * 100, waited, text)
    return 0 if good else 1


def record(server, path, options):
    """Return the lateness of each tick under load, and what wrk says."""
    (client,) = wire.connect(server.port, 1)
    with client:
        said = []
        arguments = {"connections": options.connections, "seconds": options.seconds + WARM_UP_S}
        run = threading.Thread(
            target=lambda: said.append(load.run_wrk(server.port, path, **arguments))
        )
        run.start()
        time.sleep(1)
        wire.ask(client, wire.get(f"/ticks/start/{options.seconds}"))
        run.join()
        time.sleep(0.5)
        _, body = wire.ask(client, wire.get("/ticks"))
    return sorted(json.loads(body)["late_ms"]), said[0]


def report(name, late_ms, expected, waited, text):
    rate = next(line.split()[1] for line in text.splitlines() if "Requests/sec" in line)
    p99 = late_ms[int(len(late_ms) * 0.99)] if late_ms else 0.0
    share = len(late_ms) / expected
    is_good = share >= FIRED_MIN and p99 <= LATE_P99_MS_MAX
    print(
        f"{'ok    ' if is_good else 'FAILED'} {name}: {len(late_ms)} of {expected} ticks "
        f"({share:.1%}), p50 {late_ms[len(late_ms) // 2] if late_ms else 0:.2f} ms late, "
        f"p99 {p99:.2f} ms, beside {rate} requests per second; "
        f"without a CPU {waited:.1%} of the time"
    )
    return is_good


if __name__ == "__main__":
    sys.exit(main())
