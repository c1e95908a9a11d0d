"""Why values could not be made, as the rows of a problem document.

The engine judges by schemas and tells everything that they say; this tells what only code finds:
`__post_init__`, validators of pydantic and attrs, decoders. Only messages meant for it are told;
any other exception is the program's own failure, and raised again.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

__all__ = ["Misfit", "Misplaced", "explain", "steps"]

Misfit = tuple[list[str], Any, Exception]
"""Where, what was to be converted (a body's bytes, or a plain value), and the refusal."""

Row = dict[str, Any]


class Misplaced(msgspec.ValidationError):
    """A refusal whose place the decoder did not name; it was found by other means."""

    def __init__(self, message: str, path: list[Any]) -> None:
        """Refuse what is at `path`."""
        super().__init__(message)
        self.path = path


# The order of sources within one answer.
SOURCES = {"path": 0, "query": 1, "headers": 2, "cookie": 3, "body": 4, "files": 5}

INTEGER = ("int_parsing", "Input should be a valid integer, unable to parse string as an integer")
NUMBER = ("float_parsing", "Input should be a valid number, unable to parse string as a number")
BOOLEAN = ("bool_parsing", "Input should be a valid boolean, unable to interpret input")
OBJECT = ("dict_type", "Input should be a valid dictionary")

# What pydantic says in other words than the engine, by type.
PYDANTIC_WORDS = {
    "bool_type": BOOLEAN,
    "dataclass_type": OBJECT,
    "float_type": NUMBER,
    "int_from_float": INTEGER,
    "int_type": INTEGER,
    "model_attributes_type": OBJECT,
    "model_type": OBJECT,
}
# What msgspec and Python refuse although a schema takes it, by how the message begins.
REFUSALS = {
    "year 0 is": ("date_parsing", "Input should be a valid date"),
    "Expected `int`": INTEGER,
    "Integer value out of range": INTEGER,
    "Invalid RFC3339 encoded datetime": ("datetime_parsing", "Input should be a valid datetime"),
    "Invalid RFC3339 encoded date": ("date_parsing", "Input should be a valid date"),
    "Invalid RFC3339 encoded time": ("time_parsing", "Input should be a valid time"),
    "Object missing required field": ("missing", "Field required"),
    "Invalid UUID": ("uuid_parsing", "Input should be a valid UUID"),
    "Invalid ISO8601 duration": ("duration_parsing", "Input should be a valid duration"),
    "Duration is out of range": ("duration_parsing", "Input should be a valid duration"),
    "Only units 'D'": ("duration_parsing", "Input should be a valid duration"),
    "Invalid decimal string": ("decimal_parsing", "Input should be a valid decimal"),
    "Invalid base64 encoded string": ("bytes_parsing", "Input should be valid base64"),
}

# `... - at `$.items[0].name``, which msgspec puts behind every message that is not of the root.
PLACE = re.compile(r"\A(?P<message>.*) - at `(?:key` in `)?\$(?P<path>[^`]*)`\Z", re.DOTALL)
STEP = re.compile(r"\.([^.\[]+)|\[(\d+)\]|(\[\.\.\.\])")


def explain(misfits: Sequence[Misfit]) -> str:
    """Return the problem that lists what is wrong with some values, as JSON.

    Raises the first error that no value is to blame for.
    """
    rows: list[Row] = []
    for loc, given, error in misfits:
        value = msgspec.json.decode(given) if type(given) is bytes else given
        rows += _rows(error, loc, value)
    rows.sort(key=lambda row: (SOURCES.get(row["loc"][0], len(SOURCES)), row["loc"][1:]))
    count = f"{len(rows)} validation error" + ("" if len(rows) == 1 else "s")
    problem = {
        "status": 422,
        "detail": f"{count} in request",
        "extensions": {"errors": rows},
    }
    return msgspec.json.encode(problem, enc_hook=str).decode()


def _rows(error: BaseException, loc: list[str], value: Any) -> Iterator[Row]:
    if _is_pydantic(error):
        yield from _pydantic_rows(error, loc, value)
        return
    if type(error) is ValueError:
        # Of Python's own constructors: what programs raise arrives as one of the others.
        kind, words = _known(str(error))
        yield {"type": kind, "loc": loc, "msg": words, "input": value}
        return
    if not isinstance(error, msgspec.ValidationError):
        raise error
    message, path = str(error), []
    if isinstance(error, Misplaced):
        path = error.path
    elif found := PLACE.match(message):
        message, path = found["message"], steps(found["path"])
    inner_loc, inner = _walk(value, path)
    cause = error.__cause__
    if cause is not None and (_is_pydantic(cause) or isinstance(cause, msgspec.ValidationError)):
        yield from _rows(cause, [*loc, *inner_loc], inner)
        return
    kind, words = ("value_error", message) if cause is not None else _known(message)
    yield {"type": kind, "loc": [*loc, *inner_loc], "msg": words, "input": inner}


def _known(message: str) -> tuple[str, str]:
    """Return type and words of a refusal that no program's code has made."""
    known = (told for start, told in REFUSALS.items() if message.startswith(start))
    return next(known, ("value_error", message))


def _pydantic_rows(error: Any, loc: list[str], value: Any) -> Iterator[Row]:
    for fault in error.errors(include_url=False):
        path, inner = _walk(value, list(fault["loc"]))
        kind, words = PYDANTIC_WORDS.get(fault["type"], (fault["type"], fault["msg"]))
        row = {"type": kind, "loc": [*loc, *path], "msg": words, "input": inner}
        context = {key: told for key, told in fault.get("ctx", {}).items() if key != "error"}
        yield {**row, "ctx": context} if context else row


def _is_pydantic(error: BaseException) -> bool:
    core = sys.modules.get("pydantic_core")
    return core is not None and isinstance(error, core.ValidationError)


def steps(path: str) -> list[Any]:
    """Return the steps of msgspec's path, as far as it knows them."""
    steps: list[Any] = []
    for name, index, unknown in STEP.findall(path):
        if unknown:
            break
        steps.append(int(index) if index else name)
    return steps


def _walk(value: Any, path: list[Any]) -> tuple[list[str], Any]:
    """Return where a path leads as text, and what is there; of what is missing, its parent.

    Steps that lead nowhere are left out unless they are the last: pydantic names the branches of
    unions among them.
    """
    loc: list[str] = []
    for number, step in enumerate(path, start=1):
        if _leads(value, step):
            value = value[step]
        elif number < len(path) or not isinstance(value, dict):
            continue
        loc.append(str(step))
    return loc, value


def _leads(value: Any, step: Any) -> bool:
    if isinstance(value, list):
        return isinstance(step, int) and step < len(value)
    return isinstance(value, dict) and step in value
