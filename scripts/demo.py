"""Runs a program, the Python quick start unless another is named, on the port of PORT.

Otherwise it runs exactly as it is written. Workers start this file again and read the same
variable, so all of them agree.
Knows nothing of what the program does.
"""

from __future__ import annotations

import os
import runpy
import sys
from pathlib import Path
from typing import Any

from spikard import Spikard

QUICKSTART = Path(__file__).resolve().parents[1] / "examples" / "python" / "quickstart.py"

_run = Spikard.run


def _run_on_port(app: Spikard, *args: Any, **options: Any) -> None:
    """As `Spikard.run`, on the port of the environment."""
    _run(app, *args, **{"port": int(os.environ["PORT"]), **options})


if os.environ.get("PORT"):
    Spikard.run = _run_on_port  # type: ignore[assignment,method-assign]
program = sys.argv[1] if len(sys.argv) > 1 else str(QUICKSTART)
runpy.run_path(program, run_name="__main__")
