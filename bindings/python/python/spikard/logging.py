"""Where the engine's sentences go: the logger "spikard", or stderr if nobody listens to it.

A program that configures logging gets records, with the request they are about as attributes; one
that does not still sees how its server started and why a handler failed, as words or, with
`log_format="json"`, as one JSON object per line.
Knows nothing of what is logged.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import sys
import time
import traceback
from types import FrameType

__all__ = ["JsonFormatter", "access_logger", "handler_failed", "log", "logger", "stalled"]

logger = logging.getLogger("spikard")
"""Give it handlers and a level as any logger; then nothing is printed to stderr."""

access_logger = logging.getLogger("spikard.access")
"""Receives the access log where its target is "log"; each record is a line, as configured."""


class JsonFormatter(logging.Formatter):
    """Formats any record as the server's own log does with `log_format="json"`.

    An object of one line with the keys `time`, `level`, `message`, `request_id`, `method`, `path`,
    `route`, `traceback` and `worker`; what is not known is null.
    """

    def format(self, record: logging.LogRecord) -> str:
        """Return the line of a record."""
        trace = getattr(record, "traceback", None)
        if record.exc_info and record.exc_info[0] is not None:
            trace = self.formatException(record.exc_info)
        moment = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        line = {
            "time": f"{moment}.{int(record.created * 1000) % 1000:03}Z",
            "level": NAMES.get(record.levelno, record.levelname.lower()),
            "message": record.getMessage(),
            **{key: getattr(record, key, None) for key in SUBJECT},
            "traceback": trace,
            "worker": record.process,
        }
        # The one control character that JSON lets pass.
        return json.dumps(line, separators=(",", ":"), default=str).replace("\x7f", "\\u007f")


class _Form:
    """How lines are printed: as the configuration that was built last in this process says."""

    is_json = False


def configure(log_format: str) -> None:
    """Print lines in this format, "text" or "json"."""
    _Form.is_json = log_format == "json"


def is_json() -> bool:
    """Return whether lines are JSON."""
    return _Form.is_json


def log(
    level: int, message: str, error: BaseException | None = None, **subject: str | None
) -> None:
    """Log one sentence of the engine, with the traceback of `error`. Any thread.

    `subject` is what of SUBJECT is known, and `traceback` where there is no error.
    """
    if level == ACCESS:
        _access(message)
        return
    number = LEVELS.get(level, logging.INFO)
    if logger.hasHandlers():
        if _Form.is_json and (facts := _facts(message)):
            message, subject = facts
        logger.log(number, message, exc_info=error, extra=subject)
    elif number >= logger.level:
        if _Form.is_json:
            _write(_line(number, message, error, subject) + "\n")
        else:
            _write(_words(number, message, error))


def handler_failed(
    error: BaseException, request_id: str, method: str, path: str, route: str
) -> None:
    """Log the exception of a handler, which the client never sees."""
    if isinstance(error, SystemExit):
        # Who runs the loop may see it, too, and is to know that it is answered.
        error.is_of_a_handler = True  # type: ignore[attr-defined]
    name = f" [{request_id}]" if request_id else ""
    message = f"{method} {path} failed in {route}{name}: {type(error).__name__}: {error}"
    subject = {"request_id": request_id, "method": method, "path": path, "route": route}
    log(ERROR, message, error, **{key: value or None for key, value in subject.items()})


def stalled(name: str, route: str, for_ms: int, frame: FrameType | None) -> None:
    """Log that a worker serves nothing else, and the line that its thread is at."""
    who = f"{name} ({route}) has held its worker" if name else "a turn has taken its worker"
    message = f"{who} for {for_ms} ms; nothing else is served meanwhile"
    stack = "" if frame is None else "".join(traceback.format_stack(frame)).rstrip()
    if stack and not _Form.is_json:
        message += f", it is at:\n{stack}"
    log(WARNING, message, route=route or None, traceback=stack or None)


def _access(line: str) -> None:
    """Log one line of the access log."""
    if access_logger.hasHandlers():
        access_logger.info(line)
    else:
        _write(line + "\n")


def _facts(line: str) -> tuple[str, dict[str, str | None]] | None:
    """Return the sentence and the subject of a line that the engine has formatted."""
    if not line.startswith('{"time":'):
        return None
    facts = json.loads(line)
    return facts["message"], {key: facts[key] for key in (*SUBJECT, "traceback")}


def _line(
    number: int, message: str, error: BaseException | None, subject: dict[str, str | None]
) -> str:
    """Return a JSON line; one of the engine's is one already."""
    if message.startswith('{"time":'):
        return message
    info = (type(error), error, error.__traceback__) if error is not None else None
    record = logger.makeRecord(logger.name, number, "", 0, message, (), info, extra=subject)
    return JsonFormatter().format(record)


def _words(number: int, message: str, error: BaseException | None) -> str:
    """Return one readable line, and the traceback below it."""
    level = f"{logging.getLevelName(number):<7}"
    if sys.stderr is not None and sys.stderr.isatty() and "NO_COLOR" not in os.environ:
        level = f"\x1b[{COLOURS.get(number, '0')}m{level}\x1b[0m"
    text = f"{time.strftime('%H:%M:%S')} {level} {message}\n"
    if error is not None:
        text += "".join(traceback.format_exception(type(error), error, error.__traceback__))
    return text


def _write(text: str) -> None:
    """Write to stderr in one piece."""
    if sys.stderr is None:
        return
    # Nobody may read stderr any more; a server does not end for that.
    with contextlib.suppress(OSError, ValueError):
        sys.stderr.write(text)
        sys.stderr.flush()


ERROR, WARNING, INFO, DEBUG, ACCESS = 1, 2, 3, 4, 5
"""The engine's levels."""

SUBJECT = ("request_id", "method", "path", "route")
"""What a record says of the request that it is about, as attributes."""

# The engine's levels as those of the logging module, and those as the engine names them.
LEVELS = {
    ERROR: logging.ERROR,
    WARNING: logging.WARNING,
    INFO: logging.INFO,
    DEBUG: logging.DEBUG,
}
NAMES = {logging.WARNING: "warn", logging.CRITICAL: "error"}
COLOURS = {logging.ERROR: "31", logging.WARNING: "33", logging.INFO: "32", logging.DEBUG: "2"}
