"""Errors that carry their HTTP status, rendered as problem documents (RFC 9457)."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from pydantic_core import PydanticSerializationError
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from starlette.exceptions import HTTPException
from starlette.routing import Match

from artstore_kit import tracing
from artstore_kit.logging import get_logger

logger = get_logger(__name__)

PROBLEM_TYPE = "application/problem+json"
# Classes of SQLSTATE (PostgreSQL, appendix A): connection, authorisation, no such database,
# rolled back, out of resources, locked, shutting down. Without one the connection has broken.
_DATABASE_AWAY = ("", "08", "28", "3D", "40", "53", "55", "57")
_DATA_REFUSED = "22"
_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")


class ServiceError(Exception):
    """An expected failure: `status` for HTTP, `code` for programs, the message for people."""

    status: int = HTTPStatus.INTERNAL_SERVER_ERROR
    code = "internal_error"

    def __init__(
        self,
        detail: str,
        *,
        code: str | None = None,
        headers: Mapping[str, str] | None = None,
        **extensions: Any,
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.code = code or self.code
        self.headers = dict(headers or {})
        self.extensions = extensions


class InvalidRequestError(ServiceError):
    status = HTTPStatus.BAD_REQUEST
    code = "invalid_request"


class UnauthorizedError(ServiceError):
    status = HTTPStatus.UNAUTHORIZED
    code = "invalid_token"


class ForbiddenError(ServiceError):
    status = HTTPStatus.FORBIDDEN
    code = "forbidden"


class NotFoundError(ServiceError):
    status = HTTPStatus.NOT_FOUND
    code = "not_found"


class TooSlowError(ServiceError):
    status = HTTPStatus.REQUEST_TIMEOUT
    code = "too_slow"


class ConflictError(ServiceError):
    status = HTTPStatus.CONFLICT
    code = "conflict"


class TooLargeError(ServiceError):
    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    code = "too_large"


class UnsupportedMediaTypeError(ServiceError):
    status = HTTPStatus.UNSUPPORTED_MEDIA_TYPE
    code = "unsupported_media_type"


class PreconditionRequiredError(ServiceError):
    """The request must say which state of the resource it means (RFC 6585, 3)."""

    status = HTTPStatus.PRECONDITION_REQUIRED
    code = "precondition_required"


class UnprocessableError(ServiceError):
    status = HTTPStatus.UNPROCESSABLE_ENTITY
    code = "invalid_fields"


class TooManyRequestsError(ServiceError):
    """The client asks more often than it may; `retry_after` seconds later it may again."""

    status = HTTPStatus.TOO_MANY_REQUESTS
    code = "rate_limited"

    def __init__(self, detail: str, *, retry_after: int, **extensions: Any) -> None:
        super().__init__(detail, headers={"Retry-After": str(retry_after)}, **extensions)


class UnavailableError(ServiceError):
    """Something this service needs is away; the client may repeat the request."""

    status = HTTPStatus.SERVICE_UNAVAILABLE
    code = "unavailable"

    def __init__(self, detail: str, *, retry_after: int = 5, **extensions: Any) -> None:
        super().__init__(detail, headers={"Retry-After": str(retry_after)}, **extensions)


class NoSpaceError(ServiceError):
    status = HTTPStatus.INSUFFICIENT_STORAGE
    code = "no_space"


class Problem(BaseModel):
    """The body of every error answer (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    code: str
    trace_id: str
    errors: list[dict[str, str]] | None = None


_CONTENT = {PROBLEM_TYPE: {"schema": Problem.model_json_schema()}}


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Document, for OpenAPI, that an operation may answer with a problem of these statuses."""
    return {status: {"description": _phrase(status), "content": _CONTENT} for status in statuses}


# What any operation may answer; each says of itself which of them it means.
ANY_PROBLEM: dict[int | str, dict[str, Any]] = {
    "4XX": {"description": "the request cannot be served as it is", "content": _CONTENT},
    "5XX": {"description": "something the service needs is away", "content": _CONTENT},
}


def problem_response(
    path: str,
    status: int,
    code: str,
    detail: str,
    *,
    headers: Mapping[str, str] | None = None,
    **extensions: Any,
) -> JSONResponse:
    """Render a problem document for the request to `path`; extensions become members of it."""
    body = _document(path, status, code, detail, **extensions)
    return JSONResponse(body, int(status), media_type=PROBLEM_TYPE, headers=dict(headers or {}))


def problem_of(path: str, error: ServiceError) -> Problem:
    """Return the problem document of an error that is a part of an answer, not all of it."""
    document = _document(path, error.status, error.code, error.detail, **error.extensions)
    return Problem.model_validate(document)


def _document(path: str, status: int, code: str, detail: str, **extensions: Any) -> dict[str, Any]:
    return {
        "type": f"urn:artstore:problem:{code}",
        "title": _phrase(status),
        "status": int(status),
        "detail": detail,
        "instance": path,
        "code": code,
        "trace_id": tracing.current_trace_id(),
        **extensions,
    }


def field_errors(errors: Sequence[Mapping[str, Any]]) -> list[dict[str, str]]:
    """Name the field and the fault of each pydantic error, never the value that was sent."""
    return [
        {"field": ".".join(str(part) for part in error["loc"]) or "body", "message": error["msg"]}
        for error in errors
    ]


def _phrase(status: int) -> str:
    # tus and proxies use numbers that HTTP never registered.
    return HTTPStatus(status).phrase if status in set(HTTPStatus) else "Error"


def _allowed_methods(request: Request) -> list[str]:
    """List the methods of a path; Starlette itself names only those of the first route on it."""
    routes = request.app.router.routes
    return [
        method
        for method in _METHODS
        if any(
            route.matches({**request.scope, "method": method})[0] is Match.FULL for route in routes
        )
    ]


async def _service_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, ServiceError)  # noqa: S101 - registered for this class only
    return problem_response(
        request.url.path,
        error.status,
        error.code,
        error.detail,
        headers=error.headers,
        **error.extensions,
    )


async def _http_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for this class only
    headers = dict(error.headers or {})
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        headers["Allow"] = ", ".join(_allowed_methods(request))
    code = _phrase(error.status_code).lower().replace(" ", "_")
    detail = str(error.detail)
    return problem_response(request.url.path, error.status_code, code, detail, headers=headers)


async def _validation_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - registered for this class only
    faults = field_errors(error.errors())
    detail = "; ".join(f"{fault['field']}: {fault['message']}" for fault in faults)
    return problem_response(request.url.path, 422, UnprocessableError.code, detail, errors=faults)


async def _database_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, DBAPIError)  # noqa: S101 - registered for this class only
    state = getattr(error.orig, "sqlstate", None) or ""
    if state[:2] in _DATABASE_AWAY:
        return await _dependency_error(request, error)
    if state.startswith(_DATA_REFUSED):
        return await _encoding_error(request, error)
    # The database is there; it is our statement that was wrong.
    raise error


async def _dependency_error(request: Request, error: Exception) -> JSONResponse:
    logger.warning("dependency_unavailable", path=request.url.path, reason=type(error).__name__)
    away = UnavailableError("something this service needs is away; try again")
    return await _service_error(request, away)


async def _encoding_error(request: Request, error: Exception) -> JSONResponse:
    if isinstance(error, PydanticSerializationError) and "surrogates" not in str(error):
        raise error
    logger.warning("value_refused", path=request.url.path, reason=type(error).__name__)
    refusal = UnprocessableError("a value in the request cannot be stored: is all of it Unicode?")
    return await _service_error(request, refusal)


def install_error_handlers(app: FastAPI) -> None:
    """Make `app` answer every error with a problem document."""
    app.add_exception_handler(ServiceError, _service_error)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(RequestValidationError, _validation_error)
    app.add_exception_handler(DBAPIError, _database_error)
    # What asyncpg and the pool raise while PostgreSQL cannot be reached or is overloaded.
    for kind in (PoolTimeoutError, ConnectionError, TimeoutError):
        app.add_exception_handler(kind, _dependency_error)
    # JSON can spell half a surrogate pair, which neither UTF-8 nor PostgreSQL can hold.
    app.add_exception_handler(UnicodeEncodeError, _encoding_error)
    app.add_exception_handler(PydanticSerializationError, _encoding_error)
