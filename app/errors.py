"""The one tree of errors that leave the application, each with what a person can do about it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from http import HTTPStatus


class MonitorError(Exception):
    """An expected failure: becomes problem+json over HTTP and one line on a terminal.

    `detail` is shown to users, so it says what to do and never carries secrets or raw exception text.
    `errors` lists per-field or per-line findings; `retry_after` is in whole seconds.
    """

    status: HTTPStatus = HTTPStatus.INTERNAL_SERVER_ERROR
    slug: str = "internal-error"
    title: str = "Internal error"

    def __init__(
        self,
        detail: str,
        *,
        errors: Sequence[Mapping[str, object]] = (),
        retry_after: int | None = None,
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.errors = tuple(errors)
        self.retry_after = retry_after


class MalformedBody(MonitorError):
    """The body is not what its media type says."""

    status, slug, title = HTTPStatus.BAD_REQUEST, "malformed-body", "Malformed body"


class InvalidRecord(MonitorError):
    """The body was read, but a field has the wrong shape."""

    status, slug, title = HTTPStatus.UNPROCESSABLE_ENTITY, "invalid-record", "Invalid record"


class InvalidParameter(MonitorError):
    """A query or path parameter has a value that is not offered."""

    status, slug, title = HTTPStatus.UNPROCESSABLE_ENTITY, "invalid-parameter", "Invalid parameter"


class UnsupportedMediaType(MonitorError):
    """The content type or content encoding is not one that this route reads."""

    status, slug, title = (
        HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
        "unsupported-media-type",
        "Unsupported media type",
    )


class BodyTooLarge(MonitorError):
    """The body exceeds the limit, as sent or after decompression."""

    status, slug, title = (
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        "body-too-large",
        "Body too large",
    )


class HeadTooLarge(MonitorError):
    """The address or the fields of a request exceed the limits."""

    status, slug, title = (
        HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
        "head-too-large",
        "Request head too large",
    )


class TooSlow(MonitorError):
    """The client took longer to send its request than the server waits."""

    status, slug, title = HTTPStatus.REQUEST_TIMEOUT, "too-slow", "Request came too slowly"


class Unauthorized(MonitorError):
    """No key was sent where one is needed, or one that does not count."""

    status, slug, title = HTTPStatus.UNAUTHORIZED, "unauthorized", "Unauthorized"


class Forbidden(MonitorError):
    """Whoever asks is known and may not do this."""

    status, slug, title = HTTPStatus.FORBIDDEN, "forbidden", "Forbidden"


class NotFound(MonitorError):
    """Nothing is stored under this identifier; with `retry_after`, not yet."""

    status, slug, title = HTTPStatus.NOT_FOUND, "not-found", "Not found"


class Conflict(MonitorError):
    """The request contradicts what is stored."""

    status, slug, title = HTTPStatus.CONFLICT, "conflict", "Conflict"


class PreconditionFailed(MonitorError):
    """What is stored is not what the request was written for."""

    status, slug, title = HTTPStatus.PRECONDITION_FAILED, "precondition-failed", "Changed meanwhile"


class PreconditionRequired(MonitorError):
    """The request replaces everything and does not say what it was written for."""

    status, slug, title = HTTPStatus.PRECONDITION_REQUIRED, "precondition-required", "If-Match is missing"


class Overloaded(MonitorError):
    """A limit of this client or project is reached; nothing was taken."""

    status, slug, title = HTTPStatus.TOO_MANY_REQUESTS, "overloaded", "Too many requests"


class Unavailable(MonitorError):
    """Redis or Postgres cannot take or answer this now; nothing was half-taken."""

    status, slug, title = HTTPStatus.SERVICE_UNAVAILABLE, "unavailable", "Service unavailable"


class Overdue(Unavailable):
    """Answering takes longer than a client may take from others, and was ended."""

    slug, title = "overdue", "Takes too long"


class StorageFull(Unavailable):
    """A disk has no room for more; nothing was taken, and what is stored can be read."""

    status, slug, title = HTTPStatus.INSUFFICIENT_STORAGE, "storage-full", "Storage full"


class NotOffered(MonitorError):
    """The address is known from another product, and what it does there is not done here."""

    status, slug, title = HTTPStatus.NOT_IMPLEMENTED, "not-offered", "Not offered"


class StartupError(MonitorError):
    """The process cannot start as configured; `detail` is the one line that says what to do."""

    slug, title = "startup-error", "Cannot start"
