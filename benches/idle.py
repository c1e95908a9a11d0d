"""What connections cost that do nothing: memory each, and wake-ups of a server without work.

Memory is the growth of the resident set of the whole process tree, from a server that is warm and
has no connections. It is taken again after every connection has served a small request, and one
with a body of 8 KiB: whatever a request borrows must be given back before the connection waits.
"""

import argparse
import json
import sys
import time
from contextlib import suppress

from harness import catalog, machine, trace, wire
from harness.process import Server

WARM_UP_REQUESTS = 200
SETTLE_S = 1.0
PAUSE_S = 0.003
BODY_BYTES = 8192
BYTES_PER_CONNECTION_MAX = 2048
CALLS_PER_REQUEST_MAX = 6
WAKE_UPS_MAX = 2
"""Switches of an idle server in ten seconds that are not periodic: the look itself."""


def main():
    options = read_options()
    # The server inherits the limit; both sides hold one end, and a little more.
    machine.raise_descriptor_limit(options.connections + 512)
    facts = machine.facts()
    print(machine.describe(facts), file=sys.stderr)
    results = []
    for name, command, environment in contenders(options):
        if not options.json:
            print(f"\n{name}")
        results.append({"name": name, **look_at(name, command, environment, options)})
    if options.json:
        print(json.dumps({**facts, "servers": results}, indent=2))
    return 0 if all(result["good"] for result in results) else 1


def read_options():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--connections", type=int, default=5000)
    parser.add_argument("--engines", default="io_uring,epoll")
    parser.add_argument("--languages", default="python,rust")
    parser.add_argument("--seconds", type=int, default=10, help="length of the look at an idle one")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument(
        "command",
        nargs="*",
        help="another server, with the routes /hello and POST /length; it reads PORT, or {port} "
        "stands for the port",
    )
    options = parser.parse_args()
    options.engines = options.engines.split(",")
    options.languages = options.languages.split(",")
    return options


def contenders(options):
    if options.command:
        return [(" ".join(options.command), tuple(options.command), {})]
    return [
        (f"{language}, {engine}", catalog.command_of(language), {"ENGINE": engine})
        for language in options.languages
        for engine in options.engines
    ]


def look_at(name, command, environment, options):
    with Server(name, command, environment=environment) as server:
        memory = measure_memory(server, options.connections)
        if not options.json:
            print_memory(memory, options.connections)
        calls = measure_calls(server, options.seconds)
        if not options.json:
            print_calls(calls, options.seconds)
    each = memory["bytes_per_connection"]
    good = {
        "memory": max(each[key] for key in ("new", "after GET", "after POST"))
        <= BYTES_PER_CONNECTION_MAX,
        "calls per request": calls["per_request"] <= CALLS_PER_REQUEST_MAX,
        "quiet": max(calls["switches_idle_0"], calls["switches_idle_100"]) <= WAKE_UPS_MAX,
    }
    if not options.json:
        for what, is_good in good.items():
            print(f"  {'ok    ' if is_good else 'FAILED'} {what}")
    return {"memory": memory, "calls": calls, "good": all(good.values()), "verdicts": good}


def measure_memory(server, count):
    request = wire.post("/length", b"x" * BODY_BYTES, "application/octet-stream")
    for client in wire.connect(server.port, 1):
        with client:
            wire.ask_many(client, wire.get("/hello"), WARM_UP_REQUESTS)
            wire.ask_many(client, request, WARM_UP_REQUESTS)
    time.sleep(SETTLE_S)
    start, descriptors = server.rss_bytes(), server.descriptors()
    clients = wire.connect(server.port, count)
    wait_for_descriptors(server, descriptors + count)
    sizes = {"new": server.rss_bytes()}
    for key, message in (("after GET", wire.get("/hello")), ("after POST", request)):
        for client in clients:
            wire.ask_many(client, message, 1)
        time.sleep(SETTLE_S)
        sizes[key] = server.rss_bytes()
    # All at once: buffers that were lent to thousands at a time must be given back, too.
    for client in clients:
        client.sendall(request)
    for client in clients:
        wire.read_reply(client)
    time.sleep(SETTLE_S)
    sizes["after burst"] = server.rss_bytes()
    for client in clients:
        client.close()
    wait_for_descriptors(server, descriptors)
    sizes["closed"] = server.rss_bytes()
    return {
        "start_bytes": start,
        "bytes": sizes,
        "bytes_per_connection": {key: (size - start) / count for key, size in sizes.items()},
        "descriptors_left": server.descriptors() - descriptors,
    }


def wait_for_descriptors(server, wanted):
    """Wait until every connection is accepted, or closed; the caller reports what is left."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline and server.descriptors() != wanted:
        time.sleep(0.05)
    time.sleep(SETTLE_S)


def measure_calls(server, seconds):
    calls = {}
    for count in (0, 100):
        clients = wire.connect(server.port, count)
        for client in clients:
            wire.ask_many(client, wire.get("/hello"), 1)
        time.sleep(SETTLE_S)
        before = server.switches()
        time.sleep(seconds)
        calls[f"switches_idle_{count}"] = server.switches() - before
        with trace.counting(server) as counts:
            time.sleep(seconds)
        calls[f"calls_idle_{count}"] = dict(counts)
        for client in clients:
            client.close()
    requests = 1000
    (client,) = wire.connect(server.port, 1)
    with client, suppress(KeyboardInterrupt):
        wire.ask_many(client, wire.get("/hello"), WARM_UP_REQUESTS)
        with trace.counting(server, serving_only=True) as counts:
            for _ in range(requests):
                # A traced server is slow: without a pause it would find the next request before
                # it had to wait for one, and make fewer calls than it does untraced.
                time.sleep(PAUSE_S)
                wire.ask_many(client, wire.get("/hello"), 1)
    calls["requests"] = requests
    calls["per_request"] = counts.total / requests
    calls["by_name"] = dict(counts)
    return calls


def print_memory(memory, count):
    print(f"  resident, warm, no connection: {memory['start_bytes'] / 2**20:.1f} MiB")
    for key, each in memory["bytes_per_connection"].items():
        size = memory["bytes"][key] / 2**20
        print(f"  {count} connections, {key + ':':<13}{size:>8.1f} MiB, {each:>6.0f} bytes each")
    print(f"  descriptors left over: {memory['descriptors_left']}")


def print_calls(calls, seconds):
    for count in (0, 100):
        switches = calls[f"switches_idle_{count}"]
        counts = trace.Counts(calls[f"calls_idle_{count}"])
        print(
            f"  {seconds} s idle, {count} connections: {switches} context switches, "
            f"system calls {counts}"
        )
    counts = trace.Counts(calls["by_name"])
    print(f"  calls per request, one connection: {calls['per_request']:.2f}; {counts}")


if __name__ == "__main__":
    sys.exit(main())
