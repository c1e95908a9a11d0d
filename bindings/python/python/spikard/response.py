"""The response objects: for a handler that sets status, headers or media type itself.

Every other result of a handler is a body with status 200. What HTTP cannot carry is refused by the
engine, not here.
Knows nothing of how a reply is written.
"""

from __future__ import annotations

import copy
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal, TypedDict

import msgspec

from spikard import _native
from spikard.encoding import encode
from spikard.headers import HeaderInit, Headers

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from spikard._native import Request

__all__ = ["CookieAttributes", "RedirectResponse", "Response"]

SameSite = Literal["strict", "lax", "none", "Strict", "Lax", "None"]


class CookieAttributes(TypedDict, total=False):
    """Whom a cookie is sent to, and by whom it can be read."""

    path: str | None
    """The path it is sent to, all below included: "/" unless another is given. None leaves it to
    the browser, which takes that of the request."""
    domain: str | None
    """The host it is sent to, subdomains included; only this host unless one is given."""
    secure: bool
    """Only over TLS."""
    httponly: bool
    """Out of reach of scripts."""
    samesite: SameSite | None
    """Whether other sites' requests carry it."""
    partitioned: bool
    """Kept apart per top-level site."""


class Response:
    """What a handler returns to set status, headers or media type."""

    __slots__ = (
        "_content_tag",
        "content",
        "error",
        "headers",
        "media_type",
        "request",
        "status_code",
    )

    def __init__(
        self,
        content: Any = None,
        status_code: int = 200,
        headers: HeaderInit | None = None,
        media_type: str | None = None,
        *,
        etag: str | bool | None = None,
        weak_etag: bool = False,
    ) -> None:
        """Make a response.

        `content` is written as a plain result is: `str` as text, bytes as they are, anything else
        as JSON; None means no body. A `content-type` among the `headers` (a mapping, or pairs with
        repeats) wins over `media_type`, and that over the type of the content.

        `etag` names this state of the content, so that a GET that names it too is answered 304,
        without the body: a bare text, which is quoted here, or True for a tag of the content's
        bytes. A `weak_etag` promises the same meaning rather than the same bytes. Raises ValueError
        for a text that cannot be a tag.

        In a hook, `request` is what it answers and `error` the failure that made it, if one did.
        """
        self.content = content
        self.status_code = status_code
        self.headers = Headers(headers)
        self.media_type = media_type
        self.request: Request | None = None
        self.error: BaseException | None = None
        self._content_tag: Literal["strong", "weak"] | None = None
        if isinstance(etag, str):
            self.headers["etag"] = _native.etag(etag, weak_etag)
        elif etag:
            self._content_tag = "weak" if weak_etag else "strong"

    def set_cookie(
        self,
        key: str,
        value: str = "",
        *,
        max_age: float | timedelta | None = None,
        expires: datetime | float | None = None,
        **attributes: Unpack[CookieAttributes],
    ) -> None:
        """Set a cookie; several may be set. Raises ValueError for one that browsers would drop.

        `max_age` is seconds from now or a timedelta, and wins over `expires`, a datetime with a
        time zone or Unix seconds. Without both the cookie ends with the browser's session. See
        `CookieAttributes` for the rest.
        """
        document = {
            "name": key,
            "value": value,
            "max_age": _seconds(max_age),
            "expires": _unix_seconds(expires),
        }
        self._add_cookie(document, attributes)

    def delete_cookie(self, key: str, **attributes: Unpack[CookieAttributes]) -> None:
        """End a cookie. Path and domain must be those that it was set with."""
        self._add_cookie({"name": key, "ends": True}, attributes)

    def _add_cookie(self, document: dict[str, Any], attributes: CookieAttributes) -> None:
        """Let the engine write the field, which knows what browsers drop."""
        if unknown := attributes.keys() - ATTRIBUTES.keys():
            raise TypeError(f"a cookie has no attribute '{min(unknown)}'")
        document["path"] = "/"
        for name, value in attributes.items():
            document[ATTRIBUTES[name]] = value
        field = _native.set_cookie(msgspec.json.encode(document).decode())
        self.headers.add("set-cookie", field)

    def __repr__(self) -> str:
        name = type(self).__name__
        return f"{name}(status_code={self.status_code}, headers={self.headers.pairs()!r})"

    @classmethod
    def of(cls, result: Any) -> Response:
        """Return what a handler's result becomes, as a response."""
        if isinstance(result, Response):
            return result
        if result is None:
            return cls(b"null", media_type="application/json")
        return cls(result)

    def for_hooks(self, request: Request | None, error: BaseException | None = None) -> Response:
        """Return a copy for the hooks of one request: a handler may keep one for all of them."""
        twin = copy.copy(self)
        twin.headers = Headers(self.headers.pairs())
        twin.request, twin.error = request, error
        return twin

    def _parts(self) -> tuple[int, str | None, list[tuple[str, str]], bytes]:
        """Return status, content type if the headers have none, headers and body."""
        media_type, body = _body_of(self.content)
        fields = self.headers.pairs()
        if self._content_tag is not None and "etag" not in self.headers:
            fields.append(("etag", _native.etag_of(body, self._content_tag == "weak")))
        if "content-type" in self.headers:
            return self.status_code, None, fields, body
        return self.status_code, self.media_type or media_type, fields, body


class RedirectResponse(Response):
    """What a handler returns to send the client to another location."""

    __slots__ = ()

    def __init__(self, url: str, status_code: int = 307, headers: HeaderInit | None = None) -> None:
        """Make a redirect to `url`, absolute or relative, percent-encoded where it is not ASCII.

        307 and 308 keep the method and the body; after a form, 303 makes browsers ask for the
        location with GET. Raises ValueError for another status than 301, 302, 303, 307 and 308, and
        for a location that could not be sent.
        """
        _native.check_redirect(status_code, url)
        super().__init__(None, status_code, headers)
        self.headers["location"] = url


def _seconds(duration: float | timedelta | None) -> int | None:
    """Return whole seconds, cut off as Max-Age has no fractions."""
    if isinstance(duration, timedelta):
        duration = duration.total_seconds()
    return None if duration is None else int(duration)


def _unix_seconds(moment: datetime | float | None) -> int | None:
    """Return a moment as Unix seconds, not before 1970. Raises ValueError without a time zone."""
    if isinstance(moment, datetime):
        if moment.tzinfo is None:
            raise ValueError("a cookie's expires needs a time zone, for example timezone.utc")
        moment = moment.timestamp()
    return None if moment is None else max(0, int(moment))


def _body_of(content: Any) -> tuple[str | None, bytes]:
    """Return what a content is by itself: its media type and its bytes."""
    if content is None:
        return None, b""
    if isinstance(content, str):
        return "text/plain; charset=utf-8", content.encode()
    if isinstance(content, bytes | bytearray | memoryview):
        return "application/octet-stream", bytes(content)
    return "application/json", encode(content)


# The attributes of a cookie, as the engine names them.
ATTRIBUTES = {
    "path": "path",
    "domain": "domain",
    "secure": "secure",
    "httponly": "http_only",
    "samesite": "same_site",
    "partitioned": "partitioned",
}
