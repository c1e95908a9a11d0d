"""What the package raises itself, each with a sentence a person can act on.

The native module raises these too: it is given the classes when the package is imported.
Knows nothing of when they are raised.
"""

from __future__ import annotations

__all__ = ["AddressInUse", "ConfigError", "RouteError"]


class ConfigError(ValueError):
    """The configuration was refused; the message names every fault by JSON pointer."""


class RouteError(ValueError):
    """A route was refused; the message names the function, its place and the fix."""


class AddressInUse(OSError):
    """Another process listens on the address (`errno` is `EADDRINUSE`)."""
