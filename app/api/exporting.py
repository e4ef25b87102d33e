"""What GET /export is asked, and the answer, which is written while it is read."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, aclosing
from datetime import datetime
from typing import Annotated, Any, Final

from fastapi.responses import StreamingResponse
from pydantic import Field
from starlette.types import Receive, Scope, Send

from app.api.traces import CallQuery
from app.errors import InvalidParameter, MonitorError, Unavailable
from app.exporting.cursors import LONGEST_CURSOR
from app.schemas.exported import ExportKind, Format

__all__ = ["MEDIA_TYPES", "ExportAnswer", "ExportQuery", "file_name", "until_stopped"]

logger = logging.getLogger(__name__)

MEDIA_TYPES: Final[Mapping[Format, str]] = {
    "ndjson": "application/x-ndjson",
    "csv": "text/csv; charset=utf-8",
    "parquet": "application/vnd.apache.parquet",
}
_MOST_CALLS: Final = 1_000_000
_OF_ROLLUPS: Final = frozenset({"kind", "format", "limit", "cursor", "source", "time_period", "start", "end"})


class ExportQuery(CallQuery):
    """The parameters of GET /export: those that choose calls, and those of the file."""

    kind: ExportKind = "traces"
    format: Format = "ndjson"
    limit: Annotated[
        int | None,
        Field(
            ge=1,
            le=_MOST_CALLS,
            description="Calls (for rollups: buckets) of this piece; Export-Next is the cursor of the next one.",
        ),
    ] = None
    cursor: Annotated[
        str | None, Field(max_length=LONGEST_CURSOR, description="Export-Next of the piece before.")
    ] = None

    def refuse_filters(self) -> None:
        """Raise InvalidParameter for parameters by which rollups cannot be chosen."""
        message = "rollups are sums over calls, and are chosen by source and time alone"
        given = sorted(self.model_fields_set - _OF_ROLLUPS)
        if given:
            raise InvalidParameter(
                f"{given[0]}: {message}.", errors=[{"field": name, "message": message} for name in given]
            )

    def asked(self) -> dict[str, Any]:
        """Return what is the same for all pieces of one export."""
        return self.model_dump(mode="json", exclude={"cursor", "limit", "format"})


class ExportAnswer(StreamingResponse):
    """An answer whose content comes from an iterator. Whatever it holds is freed when it ends.

    That is also the case if the client leaves, or never takes the first byte.
    """

    def __init__(
        self,
        content: AsyncGenerator[bytes],
        held: AsyncExitStack,
        headers: Mapping[str, str],
        media_type: str,
    ) -> None:
        super().__init__(content, headers=dict(headers), media_type=media_type)
        self._content = content
        self._held = held

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the answer. What breaks off has no end, so that nobody takes it for whole."""
        async with self._held, aclosing(self._content):
            try:
                await super().__call__(scope, receive, send)
            except MonitorError as error:
                logger.warning("an export broke off: %s", error.detail)


async def until_stopped(
    content: AsyncIterator[bytes], is_stopping: Callable[[], bool]
) -> AsyncIterator[bytes]:
    """Yield the content, and raise Unavailable when this process is told to end."""
    async for piece in content:
        if is_stopping():
            raise Unavailable("this process was told to end")
        yield piece


def file_name(kind: ExportKind, form: Format, cut: datetime) -> str:
    """Return the name under which browsers save an export."""
    return f"{kind}-{cut:%Y%m%dT%H%M%SZ}.{form}"
