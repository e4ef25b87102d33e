"""The results of an evaluation: pages of them as JSON, and all as a file."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from functools import partial
from http import HTTPStatus
from typing import Annotated, Any, Final, Literal
from uuid import UUID

import msgspec
from fastapi import Response
from pydantic import BaseModel, Field

from app.api.dependencies import Services
from app.api.exporting import MEDIA_TYPES, ExportAnswer, until_stopped
from app.api.paging import read_number, write_number
from app.api.responses import json_response
from app.exporting.encoding import encoded
from app.exporting.turns import Ask, asking
from app.schemas.exported import RESULTS, Format
from app.storage.evaluations.results import read_results

__all__ = ["ResultPage", "ResultQuery", "answer_file", "answer_page", "chosen_format"]

_ROWS: Final = 500
_FORMATS: Final[dict[str, Format]] = {
    "application/x-ndjson": "ndjson",
    "application/ndjson": "ndjson",
    "application/jsonl": "ndjson",
    "text/csv": "csv",
    "application/vnd.apache.parquet": "parquet",
}


class ResultQuery(BaseModel, extra="forbid"):
    """The parameters of GET /evaluate/{job_id}/results."""

    cursor: Annotated[str | None, Field(max_length=64, description="`next` of the page before.")] = None
    limit: Annotated[
        int | None, Field(ge=1, le=1_000_000, description="Results; of JSON at most 1,000, by default 100.")
    ] = None
    format: Annotated[
        Literal["json", "ndjson", "csv", "parquet"] | None, Field(description="Instead of Accept.")
    ] = None


class ResultPage(msgspec.Struct, frozen=True):
    """Some results in the order of the items, and the cursor of those that follow.

    `state` of a result is pending, scored, failed, or deleted for a call that was erased or is past
    its retention. `line` is where the item stood in the body.
    """

    results: tuple[msgspec.Raw, ...]
    next: str | None


def chosen_format(query: ResultQuery, accept: str) -> Format | None:
    """Return the form of the file that is asked for, None for a page of JSON."""
    if query.format is not None:
        return None if query.format == "json" else query.format
    wanted = (one.partition(";")[0].strip().lower() for one in accept.split(","))
    return next((_FORMATS[one] for one in wanted if one in _FORMATS), None)


async def answer_page(serving: Services, project: str, job_id: UUID, query: ResultQuery) -> Response:
    """Return one page of results."""
    most = min(query.limit or 100, 1_000)
    after = read_number(query.cursor)
    ask: Ask[Any] = asking(serving.engine, serving.readers, project)
    rows: list[bytes] = []
    while len(rows) < most:
        found = await ask(_question(project, job_id, after + len(rows), most - len(rows), flat=False))
        if not found:
            return json_response(_page(rows, None), HTTPStatus.OK)
        rows += found
    return json_response(_page(rows, write_number(after + most)))


def _page(rows: list[bytes], following: str | None) -> ResultPage:
    return ResultPage(tuple(msgspec.Raw(one) for one in rows), following)


async def answer_file(
    serving: Services, project: str, job_id: UUID, query: ResultQuery, form: Format
) -> Response:
    """Return results as one file, which is written while it is read."""
    after = read_number(query.cursor)
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(serving.exports.admit(project))
        ask: Ask[Any] = asking(serving.engine, serving.readers, project)
        rows = _lines(ask, project, job_id, after, query.limit, flat=form != "ndjson")
        content = encoded(until_stopped(rows, lambda: serving.stopping), form, RESULTS, head=not after)
        headers = {
            "Cache-Control": "no-store",
            "Content-Disposition": f'attachment; filename="evaluation-{job_id}.{form}"',
        }
        return ExportAnswer(content, stack.pop_all(), headers, MEDIA_TYPES[form])


async def _lines(
    ask: Ask[Any], project: str, job_id: UUID, after: int, limit: int | None, *, flat: bool
) -> AsyncIterator[bytes]:
    left = limit
    while left is None or left > 0:
        most = _ROWS if left is None else min(left, _ROWS)
        rows: list[bytes] = await ask(_question(project, job_id, after, most, flat=flat))
        if not rows:
            return
        after += len(rows)
        left = None if left is None else left - len(rows)
        yield b"\n".join((*rows, b""))


def _question(project: str, job_id: UUID, after: int, most: int, *, flat: bool) -> Any:
    return partial(read_results, project_id=project, job_id=job_id, after=after, most=most, flat=flat)
