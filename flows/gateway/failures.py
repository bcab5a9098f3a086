"""The one form of errors: {"error": {"type", "message", "request_id"}}.

The idea: what a person did wrong is said in the words of `InvalidInput`, which name the value and the remedy;
of what went wrong inside nothing is told but the id under which the log has its type. Programs written for
OpenAI's API find the names that they look for in the same object.
"""

import logging
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.types import Scope

from tasks.errors import BadDocument, InvalidInput, NightreadError, NotFound, Transient
from tasks.ingest.home.remote import shown
from tasks.serve.door import Busy, DeadlinePassed, NotAllowed, UnknownContext

LOG = logging.getLogger("nightread.gateway")
TYPES = {
    400: ("invalid_input", "invalid_request_error"),
    401: ("unauthenticated", "authentication_error"),
    403: ("forbidden", "permission_error"),
    404: ("not_found", "not_found_error"),
    405: ("method_not_allowed", "invalid_request_error"),
    408: ("too_slow", "invalid_request_error"),
    409: ("conflict", "invalid_request_error"),
    413: ("too_large", "invalid_request_error"),
    421: ("wrong_host", "invalid_request_error"),
    429: ("busy", "rate_limit_error"),
    500: ("internal", "server_error"),
    503: ("unavailable", "server_error"),
    504: ("deadline_passed", "server_error"),
}
"""Of each status: the type of an error, and what OpenAI's API calls it."""
OPENAI = ("/v1/chat/", "/v1/models", "/v1/vector_stores")
RETRY_AFTER_S = 1.0
INTERNAL = "something failed here; the log of the gateway has its type under this request id"


class Problem(BaseModel):
    """What went wrong."""

    type: str = Field(description="One word for programs, such as invalid_input, not_found or busy.")
    message: str = Field(description="What is wrong, and what helps.")
    request_id: str = Field(description="By which the log of the gateway knows the request.")


class Failure(BaseModel):
    """The body of every answer that is an error."""

    error: Problem


def told(error: Exception) -> tuple[int, str, dict[str, str]]:
    """Status, message and headers for an error; 500 for one that nobody meant."""
    match error:
        case HTTPException():
            return error.status_code, str(error.detail), dict(error.headers or {})
        case RequestValidationError():
            return 400, first(error.errors()), {}
        case Busy():
            return 429, str(error), _again(error.retry_after_s)
        case NotAllowed():  # between the gateway and its readers: nothing that a user can mend
            return 503, "the reader does not know this gateway: give both the same token", {}
        case DeadlinePassed():
            return 504, str(error), _again(RETRY_AFTER_S)
        case Transient():
            return 503, str(error), _again(RETRY_AFTER_S)
        case NotFound() | UnknownContext():
            return 404, str(error), {}
        case InvalidInput() | BadDocument():
            return 400, str(error), {}
        case NightreadError():  # raised on purpose: its words are for people
            return 500, str(error), {}
    return 500, INTERNAL, {}


def answer(scope: Scope, error: Exception) -> Response:
    """The response to a request that ended in an error."""
    status, message, headers = told(error)
    if status == 500:
        LOG.error("request %s failed: %s", request_id(scope), type(error).__name__)
    return JSONResponse(body(scope, status, message), status, headers)


def body(scope: Scope, status: int, message: str) -> dict[str, Any]:
    """The error as an object of JSON."""
    own, openai = TYPES.get(status, TYPES[500] if status >= 500 else TYPES[400])
    said = without_home(scope, message)
    if str(scope.get("path", "")).startswith(OPENAI):
        named = {"type": openai, "message": said, "param": None, "code": own}
        return {"error": {**named, "request_id": request_id(scope)}}
    return {"error": {"type": own, "message": said, "request_id": request_id(scope)}}


def without_home(scope: Scope, message: str) -> str:
    """A message without where on this machine the home lies."""
    return without(Path(scope["app"].state.doors.config.home) if "app" in scope else Path(), message)


def without(home: Path, message: str) -> str:
    """The same, of a home that is known."""
    for name in sorted({str(home), str(home.absolute()), shown(home)}, key=len, reverse=True):
        message = message.replace(name, "home") if len(name) > 1 else message
    return message


def request_id(scope: Scope) -> str:
    """The id that a request was given when it came in."""
    return str(scope.get("state", {}).get("request_id", ""))


def handle(app: FastAPI) -> None:
    """Have every error of the routes answered in the one form."""

    def answered(request: Request, error: Exception) -> Response:
        return answer(request.scope, error)

    for kind in (HTTPException, RequestValidationError, NightreadError):
        app.add_exception_handler(kind, answered)


def _again(seconds: float) -> dict[str, str]:
    return {"Retry-After": str(max(1, math.ceil(seconds)))}


def first(errors: Sequence[Mapping[str, Any]]) -> str:
    """What is wrong with a request, at the place that is named most exactly, without the value itself, which
    may be long."""
    error = max(errors, key=lambda one: len(one["loc"]))
    names = [str(part) for part in error["loc"] if part != "body" and "[" not in str(part)]
    return f"{'.'.join(names) or 'the body'}: {error['msg'][:1].lower()}{error['msg'][1:]}"
