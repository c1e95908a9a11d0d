"""A server under mixed load for long: is every request accounted for, and does anything grow?

Clients of a dozen kinds (see `harness/clients.py`) talk to a server on 127.0.0.1, well-behaved ones
and ones that leave in the middle. Memory, descriptors and threads are sampled each second; when the
clients have gone, everything they held must be given back.
"""

import argparse
import asyncio
import json
import statistics
import sys
import time
from dataclasses import dataclass

from harness import catalog, machine, wire
from harness.clients import CROWD, Clients
from harness.ledger import Ledger
from harness.process import Server

SETTLED_S = 20
"""By then every buffer that the load needs has been made once."""
REST_S = 5
GROWTH_MAX = 1.05
FAST_P99_MS_MAX = 50
"""Promise for fast routes beside handlers that hold threads; the client's own delays included."""


@dataclass
class Look:
    """What the server held at one moment."""

    second: float
    rss_bytes: int
    descriptors: int
    threads: int


def main():
    options = read_options()
    machine.raise_descriptor_limit(4096)
    facts = machine.facts()
    print(machine.describe(facts), file=sys.stderr)
    results = []
    for language in options.languages:
        command = catalog.python_server() if language == "python" else catalog.rust_server()
        for engine in options.engines:
            name = f"{language}, {engine}"
            with Server(name, command, environment={"ENGINE": engine}) as server:
                result = soak(server, options, has_stats=language == "python")
            results.append({"name": name, **result})
            if not options.json:
                print_result(results[-1])
    if options.json:
        print(json.dumps({**facts, "servers": results}, indent=2))
    return 0 if all(result["good"] for result in results) else 1


def read_options():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=120, help="length for each engine")
    parser.add_argument("--engines", default="io_uring,epoll")
    parser.add_argument("--rust", action="store_true", help="the Rust application as well")
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args()
    options.engines = options.engines.split(",")
    options.languages = ["python", "rust"] if options.rust else ["python"]
    return options


def soak(server, options, *, has_stats):
    ledger = Ledger()
    before = look(server, 0)
    looks = asyncio.run(load(server, ledger, options.seconds))
    time.sleep(REST_S)
    after = look(server, options.seconds + REST_S)
    held = stats(server) if has_stats else None
    return judge(ledger, looks, before, after, held, options.seconds)


async def load(server, ledger, seconds):
    """Let the crowd loose; returns a look per second."""
    clients = Clients(server.port, ledger)
    end = time.monotonic() + seconds
    lives = [
        asyncio.create_task(live(clients, kind, pause_s, end))
        for kind, (count, pause_s) in CROWD.items()
        for _ in range(count)
    ]
    looks, answered = [], 0
    began = time.monotonic()
    while time.monotonic() < end:
        await asyncio.sleep(1)
        looks.append(look(server, time.monotonic() - began))
        rate, answered = ledger.answered.total() - answered, ledger.answered.total()
        if sys.stderr.isatty():
            size = looks[-1].rss_bytes / 2**20
            print(
                f"\r{server.name}: {looks[-1].second:.0f} s, {ledger.open_connections} "
                f"connections, {rate} req/s, {size:.1f} MiB, "
                f"{ledger.surprised.total()} surprises   ",
                end="",
                file=sys.stderr,
            )
    await asyncio.gather(*lives)
    if sys.stderr.isatty():
        print(file=sys.stderr)
    return looks


async def live(clients, kind, pause_s, end):
    """One client of a kind after the other, until time is up; the last one finishes its life."""
    while time.monotonic() < end:
        with clients.ledger.watching(kind):
            await getattr(clients, kind)(kind)
        await asyncio.sleep(pause_s)


def look(server, second):
    return Look(second, server.rss_bytes(), server.descriptors(), server.threads())


def stats(server):
    """Return what the worker says it holds, without this very request."""
    (client,) = wire.connect(server.port, 1)
    with client:
        status, body = wire.ask(client, wire.get("/stats"))
    if status != 200:
        return {"unanswered": status}
    held = json.loads(body)
    held["connections"] -= 1
    held["in_flight"] -= 1
    return held


def judge(ledger, looks, before, after, held, seconds):
    """Weigh the account and the samples; a short soak has a short settling time."""
    settled_s = min(SETTLED_S, seconds / 3)
    settled = [each.rss_bytes for each in looks if abs(each.second - settled_s) < 2]
    last = [each.rss_bytes for each in looks[-int(settled_s) :]]
    growth = statistics.median(last) / statistics.median(settled)
    p99_ms = ledger.p99_ms()
    verdicts = {
        f"unaccounted requests: {ledger.unaccounted}": ledger.unaccounted == 0,
        f"p99 of fast routes: {p99_ms:.1f} ms": p99_ms <= FAST_P99_MS_MAX,
        f"memory at the end: {growth:.3f} x that at {settled_s:.0f} s": growth <= GROWTH_MAX,
        f"descriptors: {before.descriptors} before, {after.descriptors} after": (
            after.descriptors <= before.descriptors
        ),
    }
    if held is not None:
        verdicts[f"held {REST_S} s after the last client: {held}"] = not any(held.values())
    return {
        "requests": {
            kind: {
                "sent": ledger.sent[kind],
                "answered": ledger.answered[kind],
                "abandoned": ledger.abandoned[kind],
            }
            for kind in CROWD
        },
        "surprises": ledger.surprises,
        "rss_bytes": [each.rss_bytes for each in looks],
        "descriptors_max": max(each.descriptors for each in looks),
        "threads": [before.threads, max(each.threads for each in looks), after.threads],
        "fast_p99_ms": p99_ms,
        "verdicts": verdicts,
        "good": all(verdicts.values()),
    }


def print_result(result):
    print(f"\n{result['name']}")
    print(f"  {'':<16}{'sent':>9}{'answered':>10}{'abandoned':>11}")
    for kind, counts in result["requests"].items():
        sent, answered, abandoned = counts.values()
        print(f"  {kind:<16}{sent:>9}{answered:>10}{abandoned:>11}")
    first, last = result["rss_bytes"][0] / 2**20, result["rss_bytes"][-1] / 2**20
    print(f"  resident: {first:.1f} MiB after a second, {last:.1f} MiB at the end")
    print("  threads: {} before, {} at most, {} after".format(*result["threads"]))
    for surprise in result["surprises"]:
        print(f"  surprise: {surprise}")
    for what, is_good in result["verdicts"].items():
        print(f"  {'ok    ' if is_good else 'FAILED'} {what}")


if __name__ == "__main__":
    sys.exit(main())
