"""`llm-monitor labels`: what people said of a project's calls, as a labelled file."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from app.errors import InvalidParameter
from app.local.clients import Clients, open_clients
from app.review.labelled_rows import row_of
from app.schemas.projects import DEFAULT_PROJECT
from app.storage.engine import reading
from app.storage.traces.labelled_texts import LabelledText, Place, read_labelled_texts
from monitoring.statistics.trends import Window, window_of

__all__ = ["labels"]

_encode = msgspec.json.Encoder().encode


def labels(
    file: Annotated[Path, typer.Argument(help="The file to write: JSON lines.")],
    *,
    project: Annotated[str, typer.Option(help="The project whose labels are written.")] = DEFAULT_PROJECT,
    from_: Annotated[str, typer.Option("--from", help="The period of the calls: 24h, 7d, 30d.")] = "30d",
    source: Annotated[str, typer.Option(help="live, evaluate or import.")] = "live",
) -> None:
    """Write the labels of people and the texts of their calls to FILE.

    `llm-monitor benchmark` reads such files.
    """
    try:
        window = window_of(from_, datetime.now(UTC))
    except ValueError as error:
        raise InvalidParameter(f"--from: {error}.") from error
    try:
        number = asyncio.run(_write(file, project, window, source))
    except OSError as error:
        raise InvalidParameter(f"{file} cannot be written: {error.strerror}.") from error
    typer.echo(f"{number:,} labels of {project} are in {file}")


async def _write(file: Path, project: str, window: Window, source: str) -> int:
    number = 0
    async with open_clients() as clients:
        with file.open("wb") as out:
            async for one in _pages(clients, project, window, source):
                out.write(_encode(row_of(one)) + b"\n")
                number += 1
    return number


async def _pages(clients: Clients, project: str, window: Window, source: str) -> AsyncIterator[LabelledText]:
    after: Place | None = None
    while True:
        async with reading(clients.engine) as connection:
            page = await read_labelled_texts(connection, project, window, source, after=after)
        for one in page:
            yield one
        if not page:
            return
        after = page[-1].place
