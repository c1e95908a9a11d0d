"""Headless Chromium on a page, for tests in which a browser decides.

Knows nothing of what the page does; it reports by itself, to the server that it came from.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

BROWSER = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
# A sandbox within a container's own is often forbidden, and the pages are ours.
OPTIONS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-sync",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-dev-shm-usage",
)
# Longest wait for a browser to start and run a page, in seconds.
PAGE_SECONDS_MAX = 90.0


def required() -> None:
    """Skip the test where no browser is installed, or fail it where nothing may be skipped."""
    if BROWSER is None:
        if os.environ.get("SPIKARD_REQUIRE") == "all":
            pytest.fail("SPIKARD_REQUIRE=all, and there is no browser")
        pytest.skip("no browser is installed (chromium)")


@contextmanager
def opened(url: str) -> Iterator[float]:
    """Keep a page open, in a profile of its own. Yields how long to wait for it, in seconds."""
    assert BROWSER is not None
    # Its helper processes outlive it by a moment, and write to the folder until they end.
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        command = [BROWSER, *OPTIONS, f"--user-data-dir={profile}", "--remote-debugging-port=0"]
        with subprocess.Popen(
            [*command, url], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        ) as browser:
            try:
                yield PAGE_SECONDS_MAX
            finally:
                browser.terminate()
