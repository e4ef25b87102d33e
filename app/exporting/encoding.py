"""Rows of JSON as NDJSON, CSV or Parquet, written while they come."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from pathlib import Path
from typing import Final

from app.errors import MonitorError
from app.schemas.exported import ExportColumn, Format

__all__ = ["encoded"]

_PIECE_BYTES: Final = 256 * 1024
_ROOT: Final = Path(__file__).resolve().parents[2]


async def encoded(
    lines: AsyncIterator[bytes], form: Format, columns: Sequence[ExportColumn], *, head: bool = True
) -> AsyncGenerator[bytes]:
    """Yield the bytes of a file whose rows are `lines`, each piece of which ends with a line.

    `head` says whether CSV begins with the names of its columns. CSV and Parquet are written by a
    process of their own (`app.exporting.encode`), which ends with this iterator. Raises
    MonitorError if it fails, so that a file that is not whole never ends as if it were.
    """
    if form == "ndjson":
        async for piece in lines:
            yield piece
        return
    process = await _start(form, columns, head=head)
    feeding = asyncio.create_task(_feed(process, lines))
    try:
        if process.stdout is not None:
            while piece := await process.stdout.read(_PIECE_BYTES):
                yield piece
        await feeding
        if await process.wait():
            raise MonitorError(f"The export could not be written as {form}.")
    finally:
        feeding.cancel()
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await asyncio.gather(feeding, process.wait(), return_exceptions=True)


async def _start(form: Format, columns: Sequence[ExportColumn], *, head: bool) -> Process:
    declared = json.dumps([[one.name, one.type] for one in columns])
    paths = os.pathsep.join(filter(None, (str(_ROOT), os.environ.get("PYTHONPATH"))))
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "app.exporting.encode", form, declared, "head" if head else "rows"),
        stdin=PIPE,
        stdout=PIPE,
        env={"PYTHONPATH": paths, "PATH": os.environ.get("PATH", "")},
        limit=_PIECE_BYTES,
    )


async def _feed(process: Process, lines: AsyncIterator[bytes]) -> None:
    if process.stdin is None:
        return
    try:
        async for piece in lines:
            process.stdin.write(piece)
            await process.stdin.drain()
    except ConnectionError:  # the process has ended, and its exit status says so
        return
    except Exception:
        # Otherwise the process would wait for more, and its reader for the process.
        process.kill()
        raise
    process.stdin.close()
