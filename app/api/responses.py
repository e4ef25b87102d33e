"""Fast JSON answers for the busy routes."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus

import msgspec
from fastapi.responses import Response

__all__ = ["json_response"]

_encode = msgspec.json.Encoder(decimal_format="number").encode


def json_response(
    value: object, status: HTTPStatus = HTTPStatus.OK, headers: Mapping[str, str] | None = None
) -> Response:
    """Return msgspec structs, mappings and lists as JSON, with amounts of money as numbers."""
    return Response(_encode(value), status, headers, "application/json")
