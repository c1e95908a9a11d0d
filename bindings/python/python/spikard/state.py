"""What the functions of an application share: a dict whose keys are attributes as well.

Knows nothing of who fills it.
"""

from __future__ import annotations

from typing import Any

__all__ = ["State"]


class State(dict[str, Any]):
    """Values by name: `state["pool"]` and `state.pool` are the same.

    One per worker process. Handlers have it as `request.app_state`, and whoever has the application
    as `app.state`.
    """

    __slots__ = ()

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(
                f"the state has no '{name}'; a lifespan yields it, or a start-up function sets it"
            ) from None

    def __setattr__(self, name: str, value: Any) -> None:
        if hasattr(dict, name):
            raise AttributeError(f"'{name}' is a method of every dict; write state['{name}']")
        self[name] = value

    def __delattr__(self, name: str) -> None:
        try:
            del self[name]
        except KeyError:
            raise AttributeError(f"the state has no '{name}'") from None
