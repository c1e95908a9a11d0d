"""The classes of the configuration, generated from the engine's contract, and their document.

The engine checks values and unknown keys; nothing is checked twice here.
Knows nothing of what a knob does.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from spikard._generated import config as _generated
from spikard._generated.config import *  # noqa: F403 -- its list is generated, and is ours
from spikard._generated.config import ServerConfig
from spikard.errors import ConfigError

__all__: list[str] = []
__all__ += _generated.__all__


def document_of(config: ServerConfig | Mapping[str, Any] | None, **changes: object) -> str:
    """Return the JSON document of `config`, with the `changes` that are not None.

    Raises ConfigError for a value that JSON cannot say.
    """
    if config is None:
        document: dict[str, Any] = {}
    elif isinstance(config, ServerConfig):
        document = config.to_dict()
    else:
        document = dict(config)
    document.update((key, value) for key, value in changes.items() if value is not None)
    try:
        return json.dumps(document, default=_plain, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise ConfigError(f"the configuration is not JSON: {error}") from None


def read(document: str) -> ServerConfig:
    """Return the configuration of a document that the engine has accepted."""
    return ServerConfig.from_dict(json.loads(document))


def seconds_of(value: float | timedelta) -> float:
    """Return a duration in seconds."""
    return value.total_seconds() if isinstance(value, timedelta) else float(value)


def plain(value: Any) -> Any:
    """Return a value as JSON knows it: durations in seconds, config objects as mappings."""
    if isinstance(value, timedelta):
        return value.total_seconds()
    to_dict = getattr(value, "to_dict", None)
    return value if to_dict is None else to_dict()


def _plain(value: object) -> object:
    """Turn what JSON does not know into what it does, or raise."""
    known = dict(value) if isinstance(value, Mapping) else plain(value)
    if known is value:
        raise TypeError(f"{value!r} is no value of a configuration")
    return known
