"""The route by which stored data leaves as a file."""

from __future__ import annotations

from contextlib import AsyncExitStack
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response

from app.api.dependencies import Project, Services, Serving
from app.api.exporting import MEDIA_TYPES, ExportAnswer, ExportQuery, file_name, until_stopped
from app.api.operations import EXPORT_SHOWN
from app.exporting.cursors import Place, question_of, read_place, write_place
from app.exporting.cut import find_cut
from app.exporting.encoding import encoded
from app.exporting.pieces import Piece, piece_of_calls, piece_of_rollups
from app.exporting.turns import Ask, asking
from app.schemas.exported import EXPORTED
from app.storage.rollups.exporting import rollups_between
from app.storage.rollups.folding import figures
from app.storage.traces.exporting import Exported

__all__ = ["router"]

router = APIRouter(tags=["export"])


@router.get("/export", **EXPORT_SHOWN)
async def get_export(serving: Serving, project: Project, query: Annotated[ExportQuery, Query()]) -> Response:
    """Return stored data as one file, which is written while it is read.

    The parameters of GET /traces choose the calls. `scores`, `feedback` and `labels` are those of
    these calls, one row each, and `rollups` are sums by hour or day. Everything that was accepted
    before `Export-Cut` is in the file, once, and nothing that was accepted later. A file that
    breaks off is not whole: its connection ends without the end of the content. With `limit` it
    comes in pieces, each a file of its own, and `Export-Next` is the cursor of the next piece.
    """
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(serving.exports.admit(project))
        place = await _place(serving, project, query)
        piece = await _piece(serving, project, query, place)
        lines = until_stopped(piece.lines, lambda: serving.stopping)
        content = encoded(lines, query.format, EXPORTED[query.kind], head=not place.after)
        return ExportAnswer(
            content, stack.pop_all(), _headers(query, place, piece), MEDIA_TYPES[query.format]
        )


async def _place(serving: Services, project: str, query: ExportQuery) -> Place:
    """Return where the piece begins; a new export has its cut and its period from now on."""
    question = question_of(query.asked())
    if query.cursor is not None:
        return read_place(query.cursor, question)
    start, end = query.period(serving.clock())
    cut = await find_cut(serving.redis, project, serving.clock, settle_seconds=serving.exports.settle_seconds)
    return Place(question, cut, start or cut, start, end)


async def _piece(serving: Services, project: str, query: ExportQuery, place: Place) -> Piece:
    ask: Ask[Any] = asking(serving.engine, serving.readers, project)
    if query.kind == "rollups":
        query.refuse_filters()
        source = None if query.source == "all" else query.source
        async with serving.readers.admit(project), figures(serving.engine, project):
            pass  # adds up what waits
        end = min(place.end or place.cut, place.cut)
        exported = rollups_between(project, source, place.start, end, place.cut)
        return await piece_of_rollups(ask, exported, place, query.limit)
    fixed = query.model_copy(update={"time_period": None, "start": place.start, "end": place.end})
    chosen = fixed.chosen(place.cut, partial(serving.privacy.stored_forms, project))
    flat = query.format != "ndjson"
    calls = Exported(project, query.kind, chosen, place.cut, flat)
    return await piece_of_calls(ask, calls, place, query.limit)


def _headers(query: ExportQuery, place: Place, piece: Piece) -> dict[str, str]:
    headers = {
        "Cache-Control": "no-store",
        "Content-Disposition": f'attachment; filename="{file_name(query.kind, query.format, place.cut)}"',
        "Export-Cut": place.cut.isoformat().replace("+00:00", "Z"),
    }
    if query.limit is not None:
        headers["Export-Share"] = f"{piece.share:.4f}"
    if piece.calls is not None:
        headers["Export-Calls"] = str(piece.calls)
    if piece.next is not None:
        headers["Export-Next"] = write_place(piece.next)
    return headers
