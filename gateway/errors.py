"""The errors of a request, and the shape in which each family of routes answers them.

    GatewayError            status and message for the caller
      Refused         400   the request is wrong; names the field and the expectation
      Unknown         404   no such symbol, signal or bar
      Conflict        409   not as things stand
      Unavailable     503   no answer yet; try again after ``retry_after_s``
        Unconfirmed   503   what was asked for may happen yet
      TooSlow         504   a worker did not answer in time

``/api/...`` without ``v1`` answers in the envelope, everything else ``{"detail": ...}``.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import BaseRoute, Match, Route
from starlette.types import Scope

from gateway.envelope import Envelope, encode, failure, is_enveloped

EVENT_STREAM = "text/event-stream"
LONGEST_VALUE = 60
UNREAD = "There was an error parsing the body"  # FastAPI, of bytes that stop the parser


class GatewayError(Exception):
    """A failed request; ``extra`` is added to the body beside the message."""

    status: ClassVar[int] = 500

    def __init__(self, message: str, **extra: Any) -> None:
        super().__init__(message)
        self.message = message
        self.extra = extra


class Refused(GatewayError):
    """The request is wrong."""

    status = 400


class Unknown(GatewayError):
    """The gateway knows nothing of that name."""

    status = 404


class Conflict(GatewayError):
    """The request contradicts the present state."""

    status = 409


class Unavailable(GatewayError):
    """There is no answer yet; a later attempt may get one."""

    status = 503
    retry_after_s: ClassVar[int] = 2


class Unconfirmed(Unavailable):
    """The broker was sent a record and did not say that it has it; it may yet take it."""

    def __init__(self, cause: str) -> None:
        super().__init__(
            f"the message broker did not confirm the record ({cause}), and may yet take it; the "
            "same Idempotency-Key repeats it without a second effect"
        )


class TooSlow(GatewayError):
    """A worker did not answer in time."""

    status = 504


class Detail(BaseModel):
    """The error body of ``/api/v1`` and the plain routes."""

    detail: str = Field(description="What was wrong, what was expected, what to do")


def openapi_responses(prefix: str) -> dict[int | str, dict[str, Any]]:
    """Return the error responses of a family of routes, for OpenAPI."""
    model = Envelope[None] if is_enveloped(prefix) else Detail
    client_error = {"model": model, "description": "Names the field and what was expected"}
    unavailable = {
        "model": model,
        "description": "No answer now; try again after Retry-After seconds",
    }
    return {"4XX": client_error, "503": unavailable} if prefix else {"4XX": client_error}


def error_response(
    path: str, status: int, message: str, extra: dict[str, Any] | None = None
) -> Response:
    """Return the error in the shape of the path's family."""
    body = failure(message) if is_enveloped(path) else encode({"detail": message, **(extra or {})})
    headers = {"Retry-After": str(Unavailable.retry_after_s)} if status == 503 else None
    return Response(body, status, headers, media_type="application/json")


def describe(errors: Sequence[Any], *, values: bool = True) -> str:
    """Return one line that names each wrong field, what was expected of it, and what it was."""
    parts = []
    for error in errors:
        if error["type"] == "json_invalid":
            at = f" at character {error['loc'][-1]}" if error["loc"] else ""
            parts.append(f"body: expected JSON: {error['ctx']['error']}{at}")
            continue
        place = ".".join(str(p) for p in error["loc"] if p not in {"body", "query", "path"})
        message = error["msg"].removeprefix("Value error, ")
        if error["type"] == "string_unicode":
            message = "expected valid Unicode, got a lone surrogate"
        # What the project refuses itself tells the value in its own words.
        told = not values or "got " in message or error["type"] == "value_error"
        parts.append(f"{place or 'body'}: {message}{'' if told else _got(error)}")
    return "; ".join(parts)


def _got(error: Any) -> str:
    """Return the value that was wrong; nothing of a header, which may be a secret, or of a list."""
    value = error.get("input")
    secret, whole = error["loc"][:1] == ("header",), not isinstance(value, str | int | float | None)
    if error["type"] == "missing" or secret or whole:
        return ""
    text = repr(value) if isinstance(value, str) else json.dumps(value)
    return f", got {text}" if len(text) <= LONGEST_VALUE else f", got {text[:LONGEST_VALUE]}..."


def install(app: FastAPI, routes: Sequence[BaseRoute]) -> None:
    """Answer every error of the app in the shape of its family of routes.

    Args:
        app: The app.
        routes: Those of the routers that it includes.
    """

    @app.exception_handler(GatewayError)
    async def _gateway_error(request: Request, error: GatewayError) -> Response:
        return error_response(request.url.path, error.status, error.message, error.extra)

    @app.exception_handler(RequestValidationError)
    async def _invalid(request: Request, error: RequestValidationError) -> Response:
        return error_response(request.url.path, 400, describe(error.errors()))

    @app.exception_handler(HTTPException)
    async def _http(request: Request, error: HTTPException) -> Response:
        message = str(error.detail)
        if error.status_code == 404 and message == "Not Found":
            message = f"no route {request.url.path}; GET /docs lists them"
        if error.status_code == 400 and message == UNREAD:
            deep = isinstance(error.__cause__, RecursionError)
            message = f"body: expected JSON{', nested less deep' if deep else ' in UTF-8'}"
        headers = dict(error.headers or {})
        if error.status_code == 405:
            allowed = headers["Allow"] = ", ".join(
                allowed_methods([*routes, *app.routes], request.scope)
            )
            message = f"{request.method} is not possible here, expected {allowed}; see GET /docs"
        response = error_response(request.url.path, error.status_code, message)
        response.headers.update(headers)
        return response


def allowed_methods(routes: Iterable[BaseRoute], scope: Scope) -> list[str]:
    """Return the methods of a path, by every route that has the template of the first match."""
    matching = [r for r in routes if isinstance(r, Route) and r.matches(scope)[0] != Match.NONE]
    same = [route for route in matching if route.path == matching[0].path]
    methods = {method for route in same for method in route.methods or ()}
    return sorted(methods | ({"HEAD"} if "GET" in methods else set()))


def errors_as_json(openapi: dict[str, Any]) -> dict[str, Any]:
    """Say of every operation that its errors are JSON, also where its answer is a stream."""
    for operations in openapi["paths"].values():
        for operation in operations.values():
            for status, response in operation["responses"].items():
                content = response.get("content", {})
                if not status.startswith("2") and EVENT_STREAM in content:
                    content["application/json"] = content.pop(EVENT_STREAM)
    return openapi
