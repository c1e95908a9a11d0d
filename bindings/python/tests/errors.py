"""The kinds of errors that fixtures know beside ordinary ones, and what handles them.

Knows nothing of fixtures beyond one behaviour.
"""

from __future__ import annotations

from typing import Any

from spikard import HttpProblem, Request


class Lookup(Exception):
    """Something was not found."""


class Missing(Lookup):
    """It was there once."""


LEFT_OUT = ("kind", "extensions")
KINDS: dict[str | None, type[Exception]] = {None: Exception, "lookup": Lookup, "missing": Missing}


def handler(behavior: dict[str, Any], placement: str) -> Any:
    """A function that makes a reply of an error, for the event loop or for the thread pool."""

    def explain(_: Request, error: Exception) -> HttpProblem:
        members = {key: value for key, value in behavior.items() if key not in LEFT_OUT}
        if behavior["kind"] == "raise":
            raise KINDS[behavior.get("error")](behavior["message"])
        if behavior["kind"] == "explain":
            members["detail"] = str(error)
        return HttpProblem(**members, **behavior.get("extensions", {}))

    async def explain_later(request: Request, error: Exception) -> HttpProblem:
        return explain(request, error)

    return explain_later if placement == "inline" else explain
