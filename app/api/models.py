"""Bodies that pydantic reads, under the same rules for media types, compression and size as all others."""

from __future__ import annotations

from typing import Final, TypeVar

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ValidationError

from app.api.bodies import read_body

__all__ = ["read_model"]

Model = TypeVar("Model", bound=BaseModel)

# An opinion's comment of 10,000 characters with all its categories has 75 KB where each is escaped.
_MOST_BYTES: Final = 256 * 1024


async def read_model(request: Request, kind: type[Model], *, limit: int) -> Model:
    """Read a JSON body of at most 256 KiB, or `limit` bytes where that is less.

    Raises RequestValidationError and what `read_body` raises.
    """
    body = await read_body(request, limit=min(_MOST_BYTES, limit), formats=("json",))
    try:
        return kind.model_validate_json(body.content)
    except ValidationError as error:
        findings = error.errors(include_url=False, include_context=False, include_input=False)
        raise RequestValidationError(
            [{**finding, "loc": ("body", *finding["loc"])} for finding in findings]
        ) from error
