"""Fast JSON answers for the busy routes."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus

from fastapi.responses import Response

from app.schemas.json_output import encode_json

__all__ = ["json_response"]


def json_response(
    value: object, status: HTTPStatus = HTTPStatus.OK, headers: Mapping[str, str] | None = None
) -> Response:
    """Return msgspec structs, mappings and lists as JSON, with amounts of money as numbers."""
    return _Json(encode_json(value), status, headers)


class _Json(Response):
    """A JSON answer. Its fixed headers are written without a search in those that are given."""

    media_type = "application/json"

    def init_headers(self, headers: Mapping[str, str] | None = None) -> None:
        """Set the given headers, the length and the type."""
        raw = [(b"content-length", b"%d" % len(self.body)), (b"content-type", b"application/json")]
        for name, value in (headers or {}).items():
            raw.append((name.lower().encode("latin-1"), value.encode("latin-1")))
        self.raw_headers = raw
