"""What a crowd of slow and silent clients costs the others.

The p99 of ordinary clients is measured alone, then beside connections that are idle, and beside
those and clients that send one byte of a head per second (slow loris). A crowd that leaves is
filled up again, as an attacker would. The server sits on CPU 0; wrk and the crowd share CPU 1,
where the crowd gives way to wrk (niceness 19) and spreads its bytes over each second: what is
measured is the server, not the crowd's own use of wrk's CPU.
"""

import argparse
import json
import os
import selectors
import socket
import statistics
import sys
import threading
import time
from contextlib import suppress
from itertools import islice

from harness import catalog, load, machine
from harness.process import Server, settle

HEAD = b"GET /sync HTTP/1.1\r\nHost: a\r\nX-Slow: " + b"a" * 60_000
REPLY_BYTES_MAX = 65_536
RATIO_MAX = 2.0


class Crowd:
    """Clients that do little: `idle` ask once and wait; `slow` send a head byte by byte."""

    def __init__(self, port, idle, slow):
        self.port = port
        self.wanted = {"idle": idle, "slow": slow}
        self.clients = {"idle": {}, "slow": {}}
        self.refused = 0
        self.left = 0
        self.stopping = threading.Event()
        self.selector = selectors.DefaultSelector()
        self.thread = threading.Thread(target=self._run)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stopping.set()
        self.thread.join()

    def wait(self):
        """Wait until everybody is there."""
        while any(len(self.clients[kind]) < count for kind, count in self.wanted.items()):
            time.sleep(0.05)

    def _run(self):
        settle(1)
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 19)
        start, sent = time.monotonic(), 0
        while not self.stopping.is_set():
            self._fill()
            for key, _ in self.selector.select(0.01):
                self._read(*key.data, key.fileobj)
            due = int((time.monotonic() - start) * self.wanted["slow"])
            self._drip(min(due - sent, self.wanted["slow"]))
            sent = due
        for clients in self.clients.values():
            for client in clients:
                client.close()

    def _fill(self):
        for kind, count in self.wanted.items():
            for _ in range(min(100, count - len(self.clients[kind]))):
                client = socket.socket()
                client.settimeout(5)
                try:
                    client.connect(("127.0.0.1", self.port))
                except OSError:
                    self.refused += 1
                    client.close()
                    return
                client.setblocking(False)
                self.clients[kind][client] = 0
                if kind == "idle":
                    client.send(b"GET /sync HTTP/1.1\r\nHost: a\r\n\r\n")
                self.selector.register(client, selectors.EVENT_READ, (kind,))

    def _read(self, kind, client):
        try:
            if client.recv(REPLY_BYTES_MAX):
                return
        except OSError:
            pass
        self.left += 1
        self.selector.unregister(client)
        self.clients[kind].pop(client, None)
        client.close()

    def _drip(self, count):
        """Send the next byte of as many slow clients, those first who have waited longest."""
        slow = self.clients["slow"]
        for client in list(islice(slow, count)):
            sent = slow.pop(client)
            slow[client] = sent + 1
            with suppress(OSError):
                client.send(HEAD[sent : sent + 1])


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--idle", type=int, default=5000)
    parser.add_argument("--slow", type=int, default=1000)
    parser.add_argument("--seconds", type=int, default=4, help="length of one run")
    parser.add_argument("--rounds", type=int, default=3, help="runs of each case; medians count")
    parser.add_argument("--connections", type=int, default=16, help="of the ordinary clients")
    parser.add_argument("--engines", default="io_uring,epoll")
    parser.add_argument("--languages", default="rust,python")
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args()
    machine.raise_descriptor_limit(options.idle + options.slow + 512)
    print(machine.describe(machine.facts()), file=sys.stderr)
    table = []
    for language in options.languages.split(","):
        for engine in options.engines.split(","):
            with Server(
                language, catalog.command_of(language), environment={"ENGINE": engine}
            ) as server:
                table.append({"server": f"{language}, {engine}", **look_at(server, options)})
                if not options.json:
                    show(table[-1], options)
    if options.json:
        print(json.dumps(table, indent=2))
    return 0 if all(row["good"] for row in table) else 1


def look_at(server, options):
    """Measure one server alone and beside each crowd."""
    run(server, options, 1)
    row = {"alone_p99_us": run(server, options, options.rounds)}
    before = server.rss_bytes()
    with Crowd(server.port, options.idle, 0) as crowd:
        crowd.wait()
        row["idle_bytes"] = round((server.rss_bytes() - before) / max(options.idle, 1))
        row["idle_p99_us"] = run(server, options, options.rounds)
    with Crowd(server.port, options.idle, options.slow) as crowd:
        crowd.wait()
        row["crowd_p99_us"] = run(server, options, options.rounds)
        row["left"], row["refused"] = crowd.left, crowd.refused
    row["ratio"] = round(row["crowd_p99_us"] / row["alone_p99_us"], 2)
    row["good"] = row["ratio"] <= RATIO_MAX and not row["refused"]
    return row


def run(server, options, rounds):
    """Return the p99 of ordinary clients, the median of some rounds."""
    at = {"connections": options.connections, "seconds": options.seconds}
    return statistics.median(load.measure(server, "/sync", **at).p99_us for _ in range(rounds))


def show(row, options):
    print(
        f"{row['server']:<18} p99 alone {row['alone_p99_us'] / 1000:.2f} ms, "
        f"beside {options.idle} idle {row['idle_p99_us'] / 1000:.2f}, "
        f"and {options.slow} slow {row['crowd_p99_us'] / 1000:.2f} ({row['ratio']:.2f} x); "
        f"{row['idle_bytes']} bytes per idle one; {row['left']} left, {row['refused']} refused"
    )


if __name__ == "__main__":
    os.chdir(machine.ROOT)
    sys.exit(main())
