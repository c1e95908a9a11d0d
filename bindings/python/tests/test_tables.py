"""The function table of each example is the committed one.

A change of what a program does for a request shows in a diff. With SPIKARD_WRITE=1 stale files are
written instead of refused.
"""

from __future__ import annotations

import os
import runpy
from pathlib import Path
from typing import Any

import pytest

from spikard import Spikard

ROOT = Path(__file__).resolve().parents[3]
EXAMPLES = sorted((ROOT / "examples" / "python").glob("*.py"))


def test_there_are_examples() -> None:
    assert [example.stem for example in EXAMPLES] == ["configuration", "hooks", "quickstart"]


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.stem)
def test_the_table_of_an_example_is_the_committed_one(
    example: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "public").mkdir()
    monkeypatch.chdir(tmp_path)
    served: list[str] = []

    def run(app: Spikard, config: Any = None, **_: Any) -> None:
        served.append(app.tables(config))

    monkeypatch.setattr(Spikard, "run", run)
    runpy.run_path(str(example), run_name="__main__")
    assert len(served) == 1
    path = ROOT / "testing_data" / "tables" / f"python_{example.stem}.txt"
    if os.environ.get("SPIKARD_WRITE") == "1":
        path.write_text(served[0])
    assert path.read_text() == served[0], "SPIKARD_WRITE=1 writes it anew"
