"""What is done when the decoder refuses a value that its schema admits.

To JSON Schema `1.0` is an integer, to the decoder it is none: such a value is read once more by a
decoder that takes whole floats for integers. And of a dict's value that does not fit the decoder
does not name the key: it is searched for.
Both only after a refusal, so that the usual value costs nothing. Knows nothing of types.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from spikard.misfit import Misplaced, steps

__all__ = ["is_about_float", "tolerant"]

Decode = Callable[[bytes], Any]

# How the decoder's path shows a step that it does not name.
UNKNOWN_STEP = "[...]"


def is_about_float(refusal: BaseException) -> bool:
    """Whether a value may be refused only because `1.0` stands for an integer."""
    message = str(refusal)
    return "int" in message and "got `float`" in message


def tolerant(strict: Decode, lax: Decode | None) -> Decode:
    """Return a decoder of JSON that asks `lax` where `strict` finds a float for an integer.

    What both refuse is refused with the keys of dicts in its place.
    """

    def decode(data: bytes) -> Any:
        try:
            return strict(data)
        except msgspec.ValidationError as error:
            if lax is None or not is_about_float(error):
                raise _located(strict, data, error) from error.__cause__
        try:
            return lax(data)
        except msgspec.ValidationError as error:
            raise _located(lax, data, error) from error.__cause__

    return decode


def _located(decode: Decode, data: bytes, error: msgspec.ValidationError) -> Exception:
    """Return the refusal with its whole place, if that can be found."""
    refusal = str(error)
    message, _, place = refusal.rpartition(" - at `$")
    if UNKNOWN_STEP not in place or not message:
        return error
    known = place.removesuffix("`").split(UNKNOWN_STEP)
    path = _search(decode, msgspec.json.decode(data), known, refusal)
    return error if path is None else Misplaced(message, path)


def _search(decode: Decode, whole: Any, known: list[str], refusal: str) -> list[Any] | None:
    """Return the path to what is refused in these words; None if it is not found.

    Of a dict that holds it, halves of the members are taken away as long as the refusal stays.
    """
    path: list[Any] = steps(known[0])
    for behind in known[1:]:
        holder = whole
        for step in path:
            holder = holder[step]
        if not isinstance(holder, dict) or not holder:
            return None
        members = list(holder.items())
        while len(members) > 1:
            first, second = members[: len(members) // 2], members[len(members) // 2 :]
            members = first if _refuses(decode, whole, holder, first, refusal) else second
        if not _refuses(decode, whole, holder, members, refusal):
            return None
        path += [members[0][0], *steps(behind)]
    return path


def _refuses(
    decode: Decode,
    whole: Any,
    holder: dict[str, Any],
    members: list[tuple[str, Any]],
    refusal: str,
) -> bool:
    """Whether a value is refused in the same words when its dict has these members only."""
    holder.clear()
    holder.update(members)
    try:
        decode(msgspec.json.encode(whole))
    except msgspec.ValidationError as error:
        return str(error) == refusal
    return False
