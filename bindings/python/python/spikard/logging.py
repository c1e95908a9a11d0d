"""Where the engine's sentences go: the logger "spikard", or stderr if nobody listens to it.

A program that configures logging gets records; one that does not still sees how its server
started and why a handler failed.
Knows nothing of what is logged.
"""

from __future__ import annotations

import contextlib
import logging
import os
import sys
import time
import traceback
from types import FrameType

__all__ = ["access_logger", "handler_failed", "log", "logger", "stalled"]

logger = logging.getLogger("spikard")
"""Give it handlers and a level as any logger; then nothing is printed to stderr."""

access_logger = logging.getLogger("spikard.access")
"""Receives the access log where its target is "log"; each record is a line, as configured."""


def log(level: int, message: str, error: BaseException | None = None) -> None:
    """Log one sentence of the engine, with the traceback of `error`. Any thread."""
    if level == ACCESS:
        _access(message)
        return
    number = LEVELS.get(level, logging.INFO)
    if logger.hasHandlers():
        logger.log(number, message, exc_info=error)
    elif number >= logger.level:
        _print(number, message, error)


def handler_failed(
    error: BaseException, request_id: str, method: str, path: str, route: str
) -> None:
    """Log the exception of a handler, which the client never sees."""
    name = f" [{request_id}]" if request_id else ""
    log(ERROR, f"{method} {path} failed in {route}{name}: {type(error).__name__}: {error}", error)


def stalled(name: str, route: str, for_ms: int, frame: FrameType | None) -> None:
    """Log that a worker serves nothing else, and the line that its thread is at."""
    who = f"{name} ({route}) has held its worker" if name else "a turn has taken its worker"
    message = f"{who} for {for_ms} ms; nothing else is served meanwhile"
    if frame is not None:
        message += ", it is at:\n" + "".join(traceback.format_stack(frame)).rstrip()
    log(WARNING, message)


def _access(line: str) -> None:
    """Log one line of the access log."""
    if access_logger.hasHandlers():
        access_logger.info(line)
    elif sys.stderr is not None:
        with contextlib.suppress(OSError, ValueError):
            sys.stderr.write(line + "\n")


def _print(number: int, message: str, error: BaseException | None) -> None:
    """Write one readable line, and the traceback below it, in one piece."""
    level = f"{logging.getLevelName(number):<7}"
    stream = sys.stderr
    if stream is None:
        return
    if stream.isatty() and "NO_COLOR" not in os.environ:
        level = f"\x1b[{COLOURS.get(number, '0')}m{level}\x1b[0m"
    text = f"{time.strftime('%H:%M:%S')} {level} {message}\n"
    if error is not None:
        text += "".join(traceback.format_exception(type(error), error, error.__traceback__))
    try:
        stream.write(text)
        stream.flush()
    except (OSError, ValueError):
        # Nobody reads stderr any more; a server does not end for that.
        return


ERROR, WARNING, INFO, DEBUG, ACCESS = 1, 2, 3, 4, 5
"""The engine's levels."""

# The engine's levels as those of the logging module.
LEVELS = {
    ERROR: logging.ERROR,
    WARNING: logging.WARNING,
    INFO: logging.INFO,
    DEBUG: logging.DEBUG,
}
COLOURS = {logging.ERROR: "31", logging.WARNING: "33", logging.INFO: "32", logging.DEBUG: "2"}
