"""What a decorator refuses at once: options that there are none of, a path that is a function.

A misspelt option would be a setting that silently does not hold, such as `auht="jwt"`.
Knows nothing of what the options mean.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Any

from spikard.errors import RouteError
from spikard.signature import describe

__all__ = ["refuse_handler", "refuse_options", "refuse_path"]


def refuse_options(who: str, what: str, given: Iterable[str], known: Iterable[str]) -> None:
    """Raise RouteError for options that are not known, with the nearest of each that is."""
    known = tuple(known)
    faults = [_unknown(what, name, known) for name in given if name not in known]
    if faults:
        raise RouteError(f"{who}: {'; '.join(faults)}")


def _unknown(what: str, name: str, known: tuple[str, ...]) -> str:
    nearest = difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean '{nearest[0]}'?" if nearest else f"there are {', '.join(sorted(known))}"
    return f"{what} has no option '{name}'; {hint}"


def refuse_path(path: Any, verb: str) -> None:
    """Raise RouteError for a path that is none, as where a decorator was left without one."""
    if isinstance(path, str):
        return
    example = f'`@app.{verb}("/path")`'
    if callable(path):
        raise RouteError(f"{describe(path)}: @{verb} was given no path; write {example} above it")
    raise RouteError(f"@{verb} takes a path, not {path!r}; write {example}")


def refuse_handler(handler: Any, path: str, verb: str) -> None:
    """Raise RouteError for a handler that cannot be called."""
    if not callable(handler):
        raise RouteError(
            f"@{verb} of '{path}' was given {handler!r} as its handler, which is no function; "
            f'write `@app.{verb}("{path}")` above a `def` or `async def`'
        )
