"""Every error as problem+json (RFC 9457), for exporters in the form of OTLP.

No answer contains the text of an exception.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from http import HTTPStatus
from typing import Any

import msgspec
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, HTTPConnection

from app.api.exports import is_export, refuse_export
from app.errors import MonitorError

__all__ = [
    "GONE",
    "MEDIA_TYPE",
    "PROBLEM_SCHEMA",
    "answer_expected",
    "answer_unexpected",
    "install",
    "problem_response",
]

MEDIA_TYPE = "application/problem+json"
GONE = 499  # the status of nginx for clients that left before they had sent their request
_LISTED_ERRORS = 1000
_CHALLENGE = 'Bearer realm="llm-monitor"'

PROBLEM_SCHEMA: dict[str, Any] = {
    "title": "Problem",
    "description": "What went wrong and what to do about it (RFC 9457).",
    "type": "object",
    "required": ["type", "title", "status", "detail", "instance"],
    "properties": {
        "type": {"type": "string", "format": "uri"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "instance": {"type": "string", "format": "uri-reference"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "field": {"type": "string", "nullable": True},
                    "line": {"type": "integer"},
                    "position": {"type": "integer"},
                    "message": {"type": "string"},
                },
            },
        },
    },
}


def problem_response(
    request: HTTPConnection,
    status: HTTPStatus,
    *,
    slug: str,
    title: str,
    detail: str,
    errors: Sequence[Mapping[str, object]] = (),
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Return a problem document. Only the first thousand `errors` are included.

    An exporter gets only `detail`, in the form and encoding that it reads.
    """
    if is_export(request.scope["path"]):
        return refuse_export(request, status, detail, headers)
    problem: dict[str, object] = {
        "type": f"urn:llm-monitor:problem:{slug}",
        "title": title,
        "status": int(status),
        "detail": detail,
        "instance": request.url.path,
    }
    if errors:
        problem["errors"] = errors[:_LISTED_ERRORS]
    return Response(msgspec.json.encode(problem), status, headers, MEDIA_TYPE)


def install(app: FastAPI) -> None:
    """Make the application answer every error with a problem document."""
    app.add_exception_handler(MonitorError, _answer_expected)
    app.add_exception_handler(RequestValidationError, _answer_invalid)
    app.add_exception_handler(HTTPException, _answer_http)
    app.add_exception_handler(ClientDisconnect, _answer_nobody)
    app.add_exception_handler(Exception, _answer_unexpected)


async def _answer_expected(request: Request, error: Exception) -> Response:
    assert isinstance(error, MonitorError)  # noqa: S101 narrows the signature that Starlette wants
    return answer_expected(request, error)


def answer_expected(request: HTTPConnection, error: MonitorError) -> Response:
    """Return the problem document of a MonitorError."""
    headers: dict[str, str] = {}
    if error.retry_after is not None:
        headers["Retry-After"] = str(error.retry_after)
    if error.status is HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = _CHALLENGE
    return problem_response(
        request,
        error.status,
        slug=error.slug,
        title=error.title,
        detail=error.detail,
        errors=error.errors,
        headers=headers,
    )


async def _answer_invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101 narrows the signature that Starlette wants
    findings = error.errors()
    if any(finding["type"] == "json_invalid" for finding in findings):
        return problem_response(
            request,
            HTTPStatus.BAD_REQUEST,
            slug="malformed-body",
            title="Malformed body",
            detail="The body is not valid JSON.",
        )
    errors = [
        {"field": _path(finding["loc"]), "message": finding["msg"].removeprefix("Value error, ")}
        for finding in findings
    ]
    in_body = any(finding["loc"][:1] == ("body",) for finding in findings)
    listed = "; ".join(f"{entry['field']}: {entry['message']}" for entry in errors[:5])
    return problem_response(
        request,
        HTTPStatus.UNPROCESSABLE_ENTITY,
        slug="invalid-record" if in_body else "invalid-parameter",
        title="Invalid body" if in_body else "Invalid parameter",
        detail=f"The request was refused: {listed}.",
        errors=errors,
    )


def _path(location: Iterable[object]) -> str:
    """Return the place of a finding, without the part of the request that contains it."""
    parts = [str(part) for part in location]
    return ".".join(parts[1:] or parts)


async def _answer_http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 narrows the signature that Starlette wants
    status = HTTPStatus(error.status_code)
    detail = {
        HTTPStatus.NOT_FOUND: "There is no such address. /docs lists all of them.",
        HTTPStatus.METHOD_NOT_ALLOWED: f"This address does not answer {request.method}.",
        HTTPStatus.BAD_REQUEST: "The request could not be read.",
    }.get(status, status.description or status.phrase)
    return problem_response(
        request,
        status,
        slug=status.phrase.lower().replace(" ", "-"),
        title=status.phrase,
        detail=detail,
        headers=error.headers,
    )


async def _answer_nobody(_: Request, __: Exception) -> Response:
    return Response(status_code=GONE)


async def _answer_unexpected(request: Request, _: Exception) -> Response:
    return answer_unexpected(request)


def answer_unexpected(request: HTTPConnection) -> Response:
    """Return the problem document of an unexpected error."""
    return problem_response(
        request,
        HTTPStatus.INTERNAL_SERVER_ERROR,
        slug="internal-error",
        title="Internal error",
        detail="The server failed on this request; its log says why.",
    )
