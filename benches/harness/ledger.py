"""The account of a soak: every request sent is answered as expected, given up, or a surprise."""

from collections import Counter
from contextlib import contextmanager

SURPRISES_SHOWN_MAX = 20


class Surprise(Exception):
    """An answer that is not the expected one."""


class Ledger:
    """Counts by kind of client, and how long fast routes took."""

    def __init__(self):
        self.sent = Counter()
        self.answered = Counter()
        self.abandoned = Counter()
        self.surprised = Counter()
        self.surprises = []
        self.latencies_ms = []
        self.open_connections = 0

    def send(self, kind, count=1):
        """Note requests that are about to leave."""
        self.sent[kind] += count

    def answer(self, kind, *, expected, got):
        """Note an answer. Raises Surprise if it is another than expected."""
        if got != expected:
            raise Surprise(f"expected {expected!r}, got {got!r}")
        self.answered[kind] += 1

    def abandon(self, kind):
        """Note a request whose answer nobody waits for, as planned."""
        self.abandoned[kind] += 1

    @contextmanager
    def watching(self, kind):
        """Turn what goes wrong inside into surprises, one per request that has no end yet."""
        before = self.open_requests(kind)
        try:
            yield
        except (OSError, EOFError, Surprise, TimeoutError) as error:
            lost = self.open_requests(kind) - before
            self.surprised[kind] += max(lost, 1)
            if len(self.surprises) < SURPRISES_SHOWN_MAX:
                text = f"{type(error).__name__}: {error}"
                self.surprises.append(f"{kind}: {max(lost, 1)} x {text}"[:300])

    def open_requests(self, kind):
        """Return how many requests of a kind have no end yet."""
        ended = self.answered[kind] + self.abandoned[kind] + self.surprised[kind]
        return self.sent[kind] - ended

    @property
    def unaccounted(self):
        """Requests that were neither answered as expected nor given up as planned."""
        return self.sent.total() - self.answered.total() - self.abandoned.total()

    def p99_ms(self):
        """Return the latency that 1 in 100 requests on fast routes exceeds."""
        ordered = sorted(self.latencies_ms)
        return ordered[int(len(ordered) * 0.99)] if ordered else 0.0
