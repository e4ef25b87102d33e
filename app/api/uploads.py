"""Bodies of evaluations, which come in every form and may be of any length."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from typing import Final, NamedTuple
from uuid import UUID

from fastapi import Request, Response

from app.api.bodies import decompressed, read_format, stream_body
from app.api.dependencies import Services
from app.api.evaluations import MOST_AT_ONCE, accepted, refuse_empty
from app.errors import MonitorError, Unavailable
from app.schemas.records import BodyFormat
from app.storage.upkeep.jobs import Job
from app.uploading.keeping import Item, Upload
from app.uploading.multipart import open_file
from app.uploading.parquet import ParquetRows, parquet_lines
from app.uploading.reading import Items, Reading, Work, read_items
from app.uploading.rows import CsvRows, JsonRows, NdjsonRows, Rows

__all__ = ["Short", "take_body"]

logger = logging.getLogger(__name__)

_FILES: Final[tuple[BodyFormat, ...]] = ("json", "ndjson", "csv", "parquet")
_RETRY_SECONDS: Final = 2


class Short(NamedTuple):
    """A body whose items may be answered at once: all of them, and what was read of it."""

    items: list[Item]
    read: Reading


async def take_body(request: Request, serving: Services, project: str, job_id: UUID) -> Response | Short:
    """Return the items of a short body, or keep a long one and return 202 with its job.

    Raises MonitorError, and keeps nothing then.
    """
    async with _opened(request, serving.settings.evaluation_body_bytes) as (pieces, rows):
        read = Reading(rows)

        async def beside(content: bytes, work: Work) -> Items:
            return await serving.bodies.read(project, content, work)

        first: list[Item] = []
        size = 0
        async with aclosing(read_items(pieces, read, beside)) as stream:
            async for found in stream:
                first += found.records
                size += sum(item[2] for item in found.records)
                if read.items > MOST_AT_ONCE or size > serving.settings.max_body_bytes:
                    upload = Upload(serving.engine, serving.ingest, project, job_id, read)
                    return await _keep(serving, project, upload, first, stream)
        return Short(first, read)


async def _keep(
    serving: Services, project: str, upload: Upload, first: list[Item], more: AsyncIterator[Items]
) -> Response:
    async with serving.uploads.admit(serving.engine, project):
        await upload.begin()
        try:
            job = await _take(serving, upload, first, more)
        except BaseException:
            await asyncio.shield(_abandon(upload))
            raise
    return accepted(job)


async def _take(serving: Services, upload: Upload, first: list[Item], more: AsyncIterator[Items]) -> Job:
    await upload.add(first)
    first.clear()
    async for found in more:
        if serving.stopping:
            raise Unavailable(
                "This process was told to end, and nothing was accepted; send it again.",
                retry_after=_RETRY_SECONDS,
            )
        await upload.add(found.records)
    job = await upload.finish(serving.clock())
    if job is None:
        raise refuse_empty(upload.reading)
    return job


async def _abandon(upload: Upload) -> None:
    try:
        await upload.abandon()
    except MonitorError as error:
        logger.warning("what is left of a broken body is deleted in an hour: %s", error.detail)


@asynccontextmanager
async def _opened(request: Request, limit: int) -> AsyncIterator[tuple[AsyncIterator[bytes], Rows]]:
    """Open the rows of a body by its Content-Type, in multipart by that of its file."""
    media = request.headers.get("content-type")
    form = read_format(media, (*_FILES, "multipart"))
    async with AsyncExitStack() as stack:
        pieces: AsyncGenerator[bytes] = stream_body(request, limit=limit)
        await stack.enter_async_context(aclosing(pieces))
        if form == "multipart":
            file = await open_file(pieces, media or "")
            form = read_format(file.media, _FILES)
            pieces = decompressed(file.content, file.encoding, limit)
            await stack.enter_async_context(aclosing(pieces))
        if form == "parquet":
            pieces = parquet_lines(pieces, limit)
            await stack.enter_async_context(aclosing(pieces))
        yield pieces, _rows_of(form)


def _rows_of(form: BodyFormat) -> Rows:
    match form:
        case "ndjson":
            return NdjsonRows()
        case "csv":
            return CsvRows()
        case "parquet":
            return ParquetRows()
    return JsonRows()
