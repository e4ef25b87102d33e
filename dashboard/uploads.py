"""Files of items that browsers send: read here, and passed to the API as a dataset."""

from __future__ import annotations

import asyncio
import re
import tempfile
from http import HTTPStatus
from pathlib import Path
from typing import Annotated, Any, Final
from uuid import UUID

import msgspec
from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse, Response

from app.errors import Forbidden, InvalidRecord, MonitorError
from app.experiments.reading import FoundItems, find_items
from app.schemas.datasets import MOST_ITEMS
from dashboard.auth.current_identity import CURRENT_IDENTITY
from dashboard.data.changes import Changes
from dashboard.data.datasets import save_items
from dashboard.data.view import read_view
from dashboard.drawing.datasets import MOST_UPLOADED, UPLOAD_PATH

__all__ = ["uploads_router"]

_SUFFIXES: Final = {".jsonl", ".ndjson", ".json", ".csv"}
_MOST_TOLD: Final = 20
_PLACE: Final = re.compile(r"items\W*(\d+)")


def uploads_router(changes: Changes) -> APIRouter:
    """Return the route that takes a file of items; its address has the fields of the page's."""
    router = APIRouter()

    @router.post(UPLOAD_PATH)
    async def upload(
        request: Request,
        file: Annotated[str, Query(max_length=255)] = "",
        name: Annotated[str, Query(max_length=80)] = "",
        dataset: UUID | None = None,
    ) -> Response:
        view = read_view(request.url.query)
        try:
            identity = CURRENT_IDENTITY.get()
            if identity is not None and identity.project_id != view.project_id:
                raise Forbidden(f"Sign in with a key of the project {view.project_id}.")
            found = await asyncio.to_thread(_read, file, await _body(request))
            if found.problems:
                return _told("Nothing was added", _listed(found.problems))
            called = name.strip() or Path(file).stem[:80]
            items = [msgspec.to_builtins(item) for item in found.items.values()]
            place = None if dataset is None or name.strip() else dataset
            try:
                answer = await save_items(changes, view.project_id, place, called, {"items": items})
            except MonitorError as error:
                return _told("Nothing was added", [_at_line(error, found)])
        except MonitorError as error:
            return _told("Nothing was added", [error.detail])
        told = f"{answer['name']} has {answer['items']:,} items now, in version {answer['version']}."
        return JSONResponse({"told": told, "dataset": answer["dataset_id"]})

    return router


async def _body(request: Request) -> bytes:
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > MOST_UPLOADED:
            raise InvalidRecord(f"A file has at most {MOST_UPLOADED // 2**20} MB: send it in parts.")
        parts.append(part)
    return b"".join(parts)


def _read(file: str, content: bytes) -> FoundItems:
    suffix = Path(file).suffix.lower()
    if suffix not in _SUFFIXES:
        raise InvalidRecord("Choose a file that ends with .jsonl, .ndjson or .csv.")
    with tempfile.NamedTemporaryFile(suffix=suffix) as kept:
        kept.write(content)
        kept.flush()
        try:
            found = find_items(Path(kept.name))
        except MonitorError as error:
            raise InvalidRecord(error.detail.replace(kept.name, "The file")) from error
    if not found.items and not found.problems:
        raise InvalidRecord("There is no item in this file: each line is one, with a prompt.")
    if len(found.items) > MOST_ITEMS:
        raise InvalidRecord(
            f"A dataset has at most {MOST_ITEMS:,} items, and this file {len(found.items):,}."
        )
    return found


def _listed(problems: tuple[str, ...]) -> list[str]:
    more = len(problems) - _MOST_TOLD
    rest = [f"and {more:,} more lines"] if more > 0 else []
    return [*(one[:1].upper() + one[1:] for one in problems[:_MOST_TOLD]), *rest]


def _at_line(error: MonitorError, found: FoundItems) -> str:
    """Return what the API refused, with the line of the file in place of the number of the item."""
    place = _PLACE.search(error.detail)
    lines = list(found.items)
    if place is None or int(place[1]) >= len(lines):
        return error.detail
    return f"Line {lines[int(place[1])]}: {error.detail}"


def _told(title: str, lines: list[str]) -> Response:
    answer: dict[str, Any] = {"title": title, "lines": lines}
    return JSONResponse(answer, HTTPStatus.OK)
