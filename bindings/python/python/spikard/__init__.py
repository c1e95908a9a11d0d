"""Spikard: an HTTP/1.1 server engine in Rust that runs Python handlers on its own thread.

>>> from spikard import Spikard
>>> app = Spikard()
>>> @app.get("/hello")
... def hello():
...     return {"message": "Hello, World!"}
>>> app.run()
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import msgspec

from spikard import _native, forms
from spikard._native import Request
from spikard.app import (
    Spikard,
    delete,
    get,
    head,
    options,
    patch,
    post,
    put,
    route,
    trace,
)
from spikard.config import ApiKeyConfig, JwtConfig, RateLimitConfig, ServerConfig
from spikard.custom import register_decoder, register_encoder
from spikard.encoding import encode
from spikard.errors import AddressInUse, ConfigError, RouteError
from spikard.headers import Headers
from spikard.hooks import HookFailed, Rescued, settle
from spikard.logging import handler_failed, log, stalled
from spikard.misfit import explain
from spikard.params import Body, Claims, Cookie, File, Form, Header, Path, Query
from spikard.problem import HttpProblem
from spikard.response import RedirectResponse, Response
from spikard.route import Route
from spikard.router import Router
from spikard.upload import Spool, UploadFile

__all__ = [
    "AddressInUse",
    "ApiKeyConfig",
    "Body",
    "Claims",
    "ConfigError",
    "Cookie",
    "File",
    "Form",
    "Header",
    "Headers",
    "HttpProblem",
    "JwtConfig",
    "Path",
    "Query",
    "RateLimitConfig",
    "RedirectResponse",
    "Request",
    "Response",
    "Route",
    "RouteError",
    "Router",
    "ServerConfig",
    "Spikard",
    "UploadFile",
    "delete",
    "get",
    "head",
    "options",
    "patch",
    "post",
    "put",
    "register_decoder",
    "register_encoder",
    "route",
    "trace",
]

_native.setup(
    response_type=Response,
    upload_file=UploadFile,
    spool=Spool,
    problem_type=HttpProblem,
    hook_failed=HookFailed,
    rescued=Rescued,
    settle=settle,
    encode=encode,
    decode=msgspec.json.decode,
    form=forms.of_body,
    explain=explain,
    handler_failed=handler_failed,
    stalled=stalled,
    log=log,
    config_error=ConfigError,
    route_error=RouteError,
    address_in_use=AddressInUse,
)
cast("Any", Mapping).register(_native.Headers)
