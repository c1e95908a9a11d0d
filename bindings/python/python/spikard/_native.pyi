"""The native module: the engine, its workers, and the process tree."""

from asyncio import AbstractEventLoop
from collections.abc import Callable, Iterator, Sequence
from types import FrameType
from typing import Any

from spikard.app import Spikard
from spikard.errors import AddressInUse, ConfigError, RouteError
from spikard.hooks import Around
from spikard.state import State

# One entry per parameter of a handler, in order: (kind, index, python_name, converter), and, where
# they are not None, its default as (made by a call, object) and the names of a group.
# In the place of these names a body whose document says `host_judges` has the decoder that judges;
# when it has refused, and the engine admits the body, the converter is asked.
# Kinds: 0 the engine's argument `index`, 1 the body, 2 the Request; 3, 4 and 5 the same by keyword;
# 6, and 7 by keyword, a dict of the engine's arguments from `index` on, under the group's names.
# 8, and 9 by keyword, a file; its name stands for a group's, and an index of 1 makes a list of all.
# 10, and 11 by keyword, a form whose class has files.
# 12, and 13 by keyword, the claims of the token, as JSON bytes; empty ones only without a default.
# 14, and 15 by keyword, one field of a form, of which the converter receives all as a dict.
# A converter receives the engine's value, the body's bytes, the dict, or of the last kind the bytes
# and a list of all files.
Binder = tuple[tuple[Any, ...], ...]

class Engine:
    """An application: a configuration and its routes."""

    def __init__(self, application: Spikard | None = None) -> None: ...
    def configure(self, json: str) -> None:
        """Take a configuration document. Raises ConfigError that names every fault."""

    def tables(self) -> str:
        """Return the function table of the application as it stands. Raises ConfigError."""

    def route(
        self,
        document: str,
        handler: Callable[..., Any],
        is_async: bool,
        binder: Binder,
        around: Around | None = None,
    ) -> int:
        """Add a route and return its handler's number; `around` runs in the handler's place.

        Raises RouteError.
        """

    def hook(self, run: Around, reads_form: bool) -> int:
        """Add hooks that run as one function, and return its number."""

    def set_hooks(self, document: str) -> None:
        """Say which hooks there are where no route is known. Raises RouteError."""

class Headers:
    """The header fields of a request. Lookup ignores case.

    What a hook changes before the handler runs is what the engine reads from then on.
    """

    def __getitem__(self, name: str) -> str: ...
    def __contains__(self, name: object) -> bool: ...
    def __setitem__(self, name: str, value: str) -> None: ...
    def __delitem__(self, name: str) -> None: ...
    def __iter__(self) -> Iterator[str]: ...
    def __len__(self) -> int: ...
    def add(self, name: str, value: str) -> None:
        """Append a field, also if the name is there already."""

    def setdefault(self, name: str, default: str) -> str:
        """Return the first value of this name, which is the default if there was none."""

    def pop(self, name: str) -> str:
        """Remove this name and return its first value. Raises KeyError if there is none."""

    def get(self, name: str, default: Any = None) -> Any:
        """Return the first value of this name, or the default."""

    def getlist(self, name: str) -> list[str]:
        """Return every value of this name, in order."""

    def keys(self) -> list[str]:
        """Return the names, in lower case, once each."""

    def values(self) -> list[str]:
        """Return the first value of each name."""

    def items(self) -> list[tuple[str, str]]:
        """Return every field in order, repeats included."""

class Request:
    """One request, for handlers that ask for it (`request: Request`)."""

    @property
    def method(self) -> str:
        """The method, as sent."""

    @property
    def path(self) -> str:
        """The path as sent, percent-encoded, without the query."""

    @property
    def query_string(self) -> str:
        """The query as sent, without `?`; empty if absent."""

    @property
    def url(self) -> str:
        """The whole URL, as the client has it."""

    @property
    def scheme(self) -> str:
        """`http`, or `https` where a trusted proxy says that the client came so."""

    @property
    def http_version(self) -> str:
        """`1.1` or `1.0`."""

    @property
    def client(self) -> tuple[str, int] | None:
        """Address and port of the client, as trusted proxies say, else of the other end of the
        connection; None in process."""

    @property
    def route(self) -> str:
        """The pattern of the route, as registered."""

    @property
    def request_id(self) -> str:
        """The id of this exchange; empty if ids are off."""

    @property
    def headers(self) -> Headers:
        """The header fields."""

    @property
    def cookies(self) -> dict[str, str]:
        """The cookies by name."""

    @property
    def path_params(self) -> dict[str, Any]:
        """The converted values of the path, by name."""

    @property
    def query_params(self) -> dict[str, Any]:
        """The converted values of the query, by name."""

    @property
    def state(self) -> dict[str, Any]:
        """Whatever this request's functions want to share. The claims of a token are in it, under
        `claims`."""

    @property
    def app(self) -> Spikard:
        """The application."""

    @property
    def app_state(self) -> State:
        """What the application's functions share in this worker: `app.state`."""

    @property
    def claims(self) -> dict[str, Any] | None:
        """The claims of the token that let the request in; None without a token."""

    @property
    def body(self) -> bytes:
        """The body, whole. Raises RuntimeError in on_request hooks: it is not read yet."""

    def _close(self) -> None:
        """The handler runs: further changes are for nobody else."""

    def json(self) -> Any:
        """Return the body read as JSON.

        Raises `HttpProblem` for a body that is none, is nested deeper than `max_json_depth`, or has
        a key twice: the 400 of a route that declares its body, which leaves as the reply unless it
        is caught.
        """

    def text(self) -> str:
        """Return the body read as UTF-8. Raises `HttpProblem`, a 400, if it is none."""

    def form(self) -> dict[str, Any]:
        """Return the body read as a form, url-encoded or multipart: its fields by name.

        A field is text, and a list of texts if its name is repeated; where the route declares its
        form, fields are what its schema makes of them. Files of a multipart form stand under their
        names as `UploadFile`, and as a list if there are several; where the route declares files,
        only those that it takes. A request without a body is a form without fields. Raises
        `HttpProblem` for a body that is no form: 400, 413 or 415, which leaves as the reply unless
        it is caught.
        """

class Server:
    """A worker that accepts connections. Made, turned and closed on the loop's thread."""

    fd: int
    engine_name: str
    def __init__(
        self,
        engine: Engine,
        listener_fd: int,
        event_loop: AbstractEventLoop,
        *,
        blocking_threads: int,
        queue_timeout: float,
        on_drained: Callable[[], None],
    ) -> None:
        """Make a worker that owns `listener_fd`. The loop must watch `fd` and call `turn`."""

    def turn(self) -> None:
        """Do all that is due. Schedules its own follow-ups on the loop."""

    def stop(self, force: bool = False) -> None:
        """Accept nothing more and finish what is in flight; with `force`, close at once."""

    def was_raised_by_a_call(self, error: BaseException) -> bool:
        """Return whether a handler or hook has just raised this; its call is answered next."""

    def stats(self) -> dict[str, int]:
        """Return how many connections, calls in flight and orphans there are."""

    def close(self) -> None:
        """Free the worker."""

class InProcess:
    """A worker without sockets: requests are handed in as bytes."""

    def __init__(
        self,
        engine: Engine,
        event_loop: AbstractEventLoop | None,
        *,
        blocking_threads: int,
        queue_timeout: float,
    ) -> None:
        """Make a worker; its turns run on the loop."""

    def inject(self, request: bytes, callback: Callable[[bytes], None]) -> None:
        """Hand in a raw request; the callback gets the raw reply."""

    def turn(self) -> float | None:
        """Do all that is due and return the seconds until the next deadline."""

    def close(self) -> None:
        """Free the worker."""

class Inherited:
    """What a parent left for this process, its worker."""

    worker: int
    workers: int
    control_fd: int
    def listener_fd(self) -> int:
        """Return a descriptor of this worker's listener, which is the caller's."""

    def ready(self, engine_name: str) -> None:
        """Tell the parent that this worker accepts connections."""

    def obey(self, server: Server) -> bool:
        """Have the server follow the orders that have come; return whether more may come."""

def listen(config_json: str, count: int) -> tuple[list[int], int]:
    """Listen as configured with `count` sockets; return their descriptors and the port.

    The port of a unix socket is 0. Raises AddressInUse, or OSError.
    """

def supervise(command: list[str], config_json: str) -> int:
    """Run workers with this command until the server ends, and return the exit code."""

def inherited() -> Inherited | None:
    """Take over what a parent left for this process, if it is a worker; the first call only."""

def set_cookie(json: str) -> str:
    """Write a cookie document as a Set-Cookie value. Raises ValueError for one browsers drop."""
    ...

def etag(opaque: str, is_weak: bool) -> str:
    """Write an ETag value from a bare text. Raises ValueError for a text that is no tag."""
    ...

def etag_of(content: bytes, is_weak: bool) -> str:
    """Write an ETag value that names these bytes."""
    ...

def check_redirect(status: int, location: str) -> None:
    """Raise ValueError for a redirect that cannot be sent."""
    ...

def setup(
    *,
    response_type: type,
    upload_file: type,
    spool: type,
    problem_type: type[BaseException],
    hook_failed: type[BaseException],
    rescued: type[BaseException],
    settle: Callable[[Any, bool, Any], None],
    encode: Callable[[Any], bytes],
    decode: Callable[[bytes | str], Any],
    form: Callable[[str | None, bytes, list[Any]], dict[str, Any]],
    explain: Callable[[Sequence[tuple[list[str], Any, Exception]]], str],
    handler_failed: Callable[[BaseException, str, str, str, str], None],
    stalled: Callable[[str, str, int, FrameType | None], None],
    log: Callable[[int, str], None],
    config_error: type[ConfigError],
    route_error: type[RouteError],
    address_in_use: type[AddressInUse],
) -> None:
    """Hand the package's classes and functions to the native module, once."""
