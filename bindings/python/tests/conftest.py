"""What the suites share: the line that counts fixtures, and whether io_uring works here.

Knows nothing of single tests.
"""

from __future__ import annotations

import pytest

import behaviors


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print how many fixtures ran; `scripts/test.py` compares it with the other languages."""
    if behaviors.RAN:
        terminalreporter.write_line(f"FIXTURES python {len(behaviors.RAN)}")
