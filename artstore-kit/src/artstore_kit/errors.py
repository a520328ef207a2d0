"""Errors that carry their HTTP status, rendered as problem documents (RFC 9457)."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from artstore_kit import tracing

PROBLEM_TYPE = "application/problem+json"


class ServiceError(Exception):
    """An expected failure: `status` for HTTP, `code` for programs, the message for people."""

    status = HTTPStatus.INTERNAL_SERVER_ERROR
    code = "internal_error"

    def __init__(
        self, detail: str, *, headers: Mapping[str, str] | None = None, **extensions: Any
    ) -> None:
        super().__init__(detail)
        self.detail = detail
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


class ConflictError(ServiceError):
    status = HTTPStatus.CONFLICT
    code = "conflict"


class TooLargeError(ServiceError):
    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    code = "too_large"


class UnprocessableError(ServiceError):
    status = HTTPStatus.UNPROCESSABLE_ENTITY
    code = "invalid_fields"


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
    body = {
        "type": f"urn:artstore:problem:{code}",
        "title": HTTPStatus(status).phrase,
        "status": int(status),
        "detail": detail,
        "instance": path,
        "code": code,
        "trace_id": tracing.current_trace_id(),
        **extensions,
    }
    return JSONResponse(body, status, media_type=PROBLEM_TYPE, headers=dict(headers or {}))


def field_errors(errors: Sequence[Mapping[str, Any]]) -> list[dict[str, str]]:
    """Name the field and the fault of each pydantic error, never the value that was sent."""
    return [
        {"field": ".".join(str(part) for part in error["loc"]) or "body", "message": error["msg"]}
        for error in errors
    ]


def install_error_handlers(app: FastAPI) -> None:
    """Make `app` answer every error with a problem document."""

    async def service_error(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, ServiceError)  # noqa: S101 - registered for this class only
        return problem_response(
            request.url.path,
            error.status,
            error.code,
            error.detail,
            headers=error.headers,
            **error.extensions,
        )

    async def http_error(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, HTTPException)  # noqa: S101 - registered for this class only
        code = HTTPStatus(error.status_code).name.lower()
        detail = str(error.detail)
        return problem_response(
            request.url.path, error.status_code, code, detail, headers=error.headers
        )

    async def validation_error(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, RequestValidationError)  # noqa: S101 - as above
        faults = field_errors(error.errors())
        detail = "; ".join(f"{fault['field']}: {fault['message']}" for fault in faults)
        return problem_response(
            request.url.path, 422, UnprocessableError.code, detail, errors=faults
        )

    app.add_exception_handler(ServiceError, service_error)
    app.add_exception_handler(HTTPException, http_error)
    app.add_exception_handler(RequestValidationError, validation_error)
