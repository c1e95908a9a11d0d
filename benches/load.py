"""Requests per second and CPU per request, beside a floor that does nothing but the sockets.

Servers sit on CPU 0, wrk on CPU 1. Contenders take turns, round by round, so that whatever else
the machine does hits all of them; a table shows medians. CPU per request is the figure to trust:
it hardly moves when the machine is busy, where requests per second do.
"""

import argparse
import json
import os
import shutil
import statistics
import sys
from contextlib import ExitStack
from dataclasses import asdict

from harness import catalog, load, machine, picture
from harness.process import Server

WARM_UP_S = 1


def main():
    options = read_options()
    if shutil.which("wrk") is None:
        raise SystemExit("missing: wrk: apt-get install wrk (Debian)")
    contenders = [catalog.floor(), *catalog.ours(options.engines, options.languages)]
    contenders += [] if options.no_peers else catalog.peers()
    if options.only:
        wanted = options.only.split(",")
        chosen = [each for each in contenders[1:] if any(word in each.name for word in wanted)]
        contenders = [contenders[0], *chosen]
    facts = machine.facts()
    print(machine.describe(facts), file=sys.stderr)
    if (os.cpu_count() or 1) < 2:
        print("one CPU: server and load share it, so rates are too low", file=sys.stderr)
    with ExitStack() as stack:
        servers = {}
        for each in contenders:
            if each.server not in servers:
                server = Server(each.server, each.command, environment=each.environment)
                servers[each.server] = stack.enter_context(server)
        samples = run_rounds(contenders, servers, options)
        for each in contenders:
            check_engine(each, servers[each.server])
    rows = summarise(contenders, samples)
    draw(rows, facts, options)
    if options.json:
        print(json.dumps({**facts, "rows": rows}, indent=2))
    else:
        print_table(rows)
    return 0 if all(row["errors"] == 0 for row in rows) else 1


def read_options():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=3, help="length of one run")
    parser.add_argument("--rounds", type=int, default=3, help="runs of each row; medians count")
    parser.add_argument("--connections", default="64,1,256", help="the first one is drawn")
    parser.add_argument("--engines", default="io_uring,epoll")
    parser.add_argument("--languages", default="rust,python")
    parser.add_argument("--only", help="rows whose name contains one of these words, and the floor")
    parser.add_argument("--no-peers", action="store_true", help="only our own servers")
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args()
    options.connections = [int(each) for each in options.connections.split(",")]
    options.engines = options.engines.split(",")
    options.languages = options.languages.split(",")
    return options


def run_rounds(contenders, servers, options):
    samples = {}
    for each in contenders:
        # Long enough for a route to prove that it is fast.
        warm_up = {"connections": 8, "seconds": WARM_UP_S, "script": each.script}
        load.run_wrk(servers[each.server].port, each.path, **warm_up)
    total = options.rounds * len(options.connections) * len(contenders)
    done = 0
    for _ in range(options.rounds):
        for connections in options.connections:
            for each in contenders:
                sample = load.measure(
                    servers[each.server],
                    each.path,
                    connections=connections,
                    seconds=options.seconds,
                    script=each.script,
                )
                samples.setdefault((each.name, connections), []).append(sample)
                done += 1
                if sys.stderr.isatty():
                    print(f"\r{done}/{total} {each.name:<40}", end="", file=sys.stderr)
    if sys.stderr.isatty():
        print(file=sys.stderr)
    return samples


def check_engine(contender, server):
    """A table must not name an engine that did not run."""
    wanted = contender.environment.get("ENGINE")
    if wanted and server.engine() != wanted:
        raise SystemExit(f"{contender.name}: it ran on {server.engine() or 'an unknown engine'}")


def summarise(contenders, samples):
    """Return one row per contender and number of connections: medians, and the floor's ratio."""
    rows = []
    floors = {}
    for (name, connections), taken in samples.items():
        contender = next(each for each in contenders if each.name == name)
        fields = [asdict(sample) for sample in taken]
        row = {key: statistics.median(each[key] for each in fields) for key in fields[0]}
        row["errors"] = sum(each["errors"] for each in fields)
        row["cpu_us"] = statistics.median(sample.cpu_us for sample in taken)
        # The first contender is the floor, so its row comes first.
        floor = floors.setdefault(connections, row["cpu_us"])
        row["ratio"] = row["cpu_us"] / floor if floor else 0
        row |= {"name": name, "connections": connections, "target": contender.target}
        row["runs_cpu_us"] = [round(sample.cpu_us, 2) for sample in taken]
        rows.append(row)
    order = {each.name: at for at, each in enumerate(contenders)}
    connections = list(floors)
    return sorted(rows, key=lambda row: (connections.index(row["connections"]), order[row["name"]]))


def print_table(rows):
    print(
        f"{'':<30}{'conns':>6}{'req/s':>9}{'user':>7}{'sys':>7}{'CPU us':>8}{'x floor':>9}"
        f"{'target':>8}{'p50 ms':>8}{'p99 ms':>8}{'MiB':>7}{'errors':>8}"
    )
    before = None
    for row in rows:
        if before not in (None, row["connections"]):
            print()
        before = row["connections"]
        target = row["target"]
        verdict = ""
        if target is not None:
            verdict = f"{target:.1f}{'' if row['ratio'] <= target else ' !'}"
        print(
            f"{row['name']:<30}{row['connections']:>6}{row['per_second']:>9.0f}"
            f"{row['user_us']:>7.1f}{row['system_us']:>7.1f}{row['cpu_us']:>8.1f}"
            f"{row['ratio']:>9.2f}{verdict:>8}{row['p50_us'] / 1000:>8.2f}"
            f"{row['p99_us'] / 1000:>8.2f}{row['rss_bytes'] / 2**20:>7.0f}{row['errors']:>8}"
        )


def draw(rows, facts, options):
    connections = options.connections[0]
    drawn = [row for row in rows if row["connections"] == connections]
    bars = [
        (
            row["name"],
            row["cpu_us"],
            f"{row['cpu_us']:.1f} us ({row['ratio']:.2f} x)",
            "#9aa0a6" if row["target"] is None else "#b7410e",
        )
        for row in drawn
    ]
    title = f"CPU per request, {connections} connections, one core"
    subtitle = f"{facts['machine']}, Linux {facts['kernel']}; the dashed line is the floor"
    machine.OUT.mkdir(exist_ok=True)
    path = machine.OUT / "bench.svg"
    path.write_text(picture.bars(title, subtitle, bars, mark=drawn[0]["cpu_us"]))
    print(f"drawn: {path.relative_to(machine.ROOT)}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
