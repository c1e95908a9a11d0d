"""What a fixture sends, as bytes, and how its reply is judged: strictly, as its README says.

Knows nothing of applications or of how bytes travel.
"""

from __future__ import annotations

import base64
import gzip
import json
import re
from typing import Any

import brotli

from spikard.testing import Reply

# Header fields that every reply has and that are judged by themselves.
IMPLICIT = {"x-request-id", "date", "content-length", "connection"}
FRAMING = ("date", "content-length", "transfer-encoding", "connection")
IMF_FIXDATE = re.compile(
    r"(Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d (Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) \d{4} "
    r"\d\d:\d\d:\d\d GMT"
)


def head_and_body(request: dict[str, Any]) -> tuple[bytes, bytes]:
    """A request's head and body as they go on the wire."""
    fields = [(name, value) for name, value in request.get("headers", ())]
    names = {name.lower() for name, _ in fields}
    body, body_fields = _body_of(request.get("body"))
    for name, value in [("host", "localhost"), *body_fields]:
        if name not in names:
            fields.append((name, value))
    lines = [f"{request['method']} {request['target']} HTTP/1.1"]
    lines += [f"{name}: {value}" for name, value in fields]
    return "\r\n".join([*lines, "", ""]).encode(), body


def after(request: dict[str, Any], before: Reply | None) -> dict[str, Any]:
    """A request with all that it takes from the reply before."""
    fields = [
        (name, value if isinstance(value, str) else _of_reply(value["reply"], before))
        for name, value in request.get("headers", ())
    ]
    return request | {"headers": fields}


def _of_reply(name: str, reply: Reply | None) -> str:
    """The value of a reply's header, empty if there is none."""
    return "" if reply is None else reply.headers.get(name) or ""


def _body_of(body: Any) -> tuple[bytes, list[tuple[str, str]]]:
    """A body's bytes, and the header fields that it needs."""
    if body is None:
        return b"", []
    if isinstance(body, dict) and "chunks" in body:
        chunks = [chunk.encode() for chunk in body["chunks"]]
        coded = [b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks]
        return b"".join([*coded, b"0\r\n\r\n"]), []
    if isinstance(body, str):
        data = body.encode()
    elif "json" in body:
        data = json.dumps(body["json"], separators=(",", ":"), ensure_ascii=False).encode()
    else:
        data = bytes_of(body)
    fields = [("content-length", str(len(data)))]
    if isinstance(body, dict) and "json" in body:
        fields.append(("content-type", "application/json"))
    return data, fields


def bytes_of(holder: dict[str, Any]) -> bytes:
    """The bytes that a holder of text, base64, a repetition or nothing stands for."""
    if "base64" in holder:
        return base64.b64decode(holder["base64"])
    if "repeat" in holder:
        text, times = holder["repeat"]
        return (holder.get("before", "") + text * times + holder.get("after", "")).encode()
    return holder.get("text", "").encode()


def faults(
    expect: dict[str, Any], reply: Reply, method: str, config: dict[str, Any], over_socket: bool
) -> list[str]:
    """In what a reply differs from what is expected; over a socket framing counts too."""
    found = []
    if reply.status_code != expect["status"]:
        found.append(f"status {reply.status_code}, not {expect['status']}")
    fields: dict[str, list[str]] = {}
    for name, value in reply.headers.pairs():
        fields.setdefault(name.lower(), []).append(value)
    for name, wanted in expect["headers"].items():
        if (over_socket or name not in FRAMING) and not _fits(fields.get(name), wanted):
            found.append(f"header {name} is {fields.get(name)}, not {wanted}")
    for name in sorted(set(fields) - set(expect["headers"]) - IMPLICIT):
        found.append(f"header {name}: {fields[name]} is not listed")
    ids = fields.get("x-request-id", [])
    sane = all(re.fullmatch("[!-~]{1,128}", value) for value in ids)
    if len(ids) != config.get("enable_request_id", True) or not sane:
        found.append(f"x-request-id is {ids}")
    if over_socket:
        found += _framing_faults(expect, reply, method, fields)
    if not _same_body(expect["body"], reply, expect.get("coding")):
        found.append(f"body is {reply.content[:2000]!r}, not {str(expect['body'])[:2000]}")
    return found


def _fits(values: list[str] | None, wanted: Any) -> bool:
    """Whether the lines of one name are what is expected."""
    if wanted is None or isinstance(wanted, list):
        return values == wanted
    if isinstance(wanted, dict):
        return values is not None and all(re.search(wanted["pattern"], value) for value in values)
    return values == [wanted]


def _framing_faults(
    expect: dict[str, Any], reply: Reply, method: str, fields: dict[str, list[str]]
) -> list[str]:
    """What is wrong with the fields that frame a reply on a connection."""
    found = []
    dates = fields.get("date", [])
    if len(dates) != 1 or IMF_FIXDATE.fullmatch(dates[0]) is None:
        found.append(f"date is {dates}")
    bodiless = expect["status"] in (204, 304)
    streamed = fields.get("transfer-encoding") == ["chunked"]
    length = None if bodiless or streamed else [str(len(reply.content))]
    if method != "HEAD" and fields.get("content-length") != length:
        found.append(f"content-length is {fields.get('content-length')}, not {length}")
    connection = ["close"] if expect.get("closes") else None
    if fields.get("connection") != connection:
        found.append(f"connection is {fields.get('connection')}, not {connection}")
    wanted = (100,) if expect.get("continue") else ()
    if reply.interim != wanted:
        found.append(f"interim replies are {reply.interim}, not {wanted}")
    return found


def _same_body(expect: dict[str, Any], reply: Reply, coding: str | None) -> bool:
    """Whether a body is the expected one, its coding undone."""
    content = reply.content
    if "pattern" in expect:
        return re.search(expect["pattern"], content.decode(errors="replace")) is not None
    try:
        if coding is not None:
            content = {"gzip": gzip.decompress, "br": brotli.decompress}[coding](content)
            if len(content) <= len(reply.content):
                return False
        if "json" not in expect:
            return content == bytes_of(expect)
        value = json.loads(content)
    except (ValueError, OSError, brotli.error):
        return False
    ordered = reply.headers.get("content-type") == "application/problem+json"
    return _same(value, expect["json"], ordered)


def _same(left: Any, right: Any, ordered: bool) -> bool:
    """Whether two JSON values are equal: 3 is not 3.0, and the order of keys may count."""
    if type(left) is not type(right):
        return False
    if isinstance(left, dict):
        keys = list(left) == list(right) if ordered else left.keys() == right.keys()
        return keys and all(_same(left[key], right[key], ordered) for key in left)
    if isinstance(left, list):
        return len(left) == len(right) and all(
            _same(a, b, ordered) for a, b in zip(left, right, strict=True)
        )
    return bool(left == right)


def mutants(expect: dict[str, Any]) -> list[dict[str, Any]]:
    """The same expectation with another status, another header, and another body."""
    name, value = next(iter(expect["headers"].items()), ("x-mutant", None))
    header = "mutant" if value is None else f"{value}x"
    body = expect["body"]
    changed = {"json": [body["json"]]} if "json" in body else {"text": "mutant"}
    return [
        expect | {"status": expect["status"] + 1},
        expect | {"headers": expect["headers"] | {name: header}},
        expect | {"body": changed},
    ]
