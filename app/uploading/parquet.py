"""Parquet files as lines of JSON. They end with their directory, so they are put on disk first."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import sys
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Final

import msgspec

from app.errors import BodyTooLarge, MalformedBody, StorageFull
from app.uploading.rows import NdjsonRows, Row, mapped

__all__ = ["ParquetRows", "parquet_lines"]

_PIECE_BYTES: Final = 256 * 1024
_ROOT: Final = Path(__file__).resolve().parents[2]
_RETRY_SECONDS: Final = 30


class ParquetRows(NdjsonRows):
    """Rows that the program wrote. Their columns become the fields of records, or metadata."""

    def feed(self, piece: bytes) -> Iterator[Row]:
        """Yield the records of the rows that end in a piece."""
        yield from map(_mapped, super().feed(piece))

    def finish(self) -> Iterator[Row]:
        """Yield the record of the last row."""
        yield from map(_mapped, super().finish())


def _mapped(row: Row) -> Row:
    return row if row.problem else mapped(row.line, msgspec.json.decode(row.content))


async def parquet_lines(body: AsyncIterator[bytes], limit: int) -> AsyncGenerator[bytes]:
    """Yield the rows of a Parquet file as lines of JSON, of at most `limit` bytes in all.

    Raises MalformedBody, BodyTooLarge, and StorageFull when the folder for temporary files is full.
    """
    with NamedTemporaryFile(suffix=".parquet") as spool:
        try:
            async for piece in body:
                await asyncio.to_thread(spool.write, piece)
            await asyncio.to_thread(spool.flush)
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise
            raise StorageFull(
                "The folder for temporary files is full, and nothing was accepted; make room, or set TMPDIR.",
                retry_after=_RETRY_SECONDS,
            ) from error
        async with contextlib.aclosing(_rows(spool.name)) as rows:
            async for piece in rows:
                limit -= len(piece)
                if limit < 0:
                    raise BodyTooLarge("The rows of this Parquet file are longer than a body may be.")
                yield piece


async def _rows(path: str) -> AsyncGenerator[bytes]:
    paths = os.pathsep.join(filter(None, (str(_ROOT), os.environ.get("PYTHONPATH"))))
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "app.uploading.decode", path),
        stdin=DEVNULL,
        stdout=PIPE,
        stderr=DEVNULL,
        env={"PYTHONPATH": paths, "PATH": os.environ.get("PATH", "")},
        limit=_PIECE_BYTES,
    )
    try:
        if process.stdout is not None:
            while piece := await process.stdout.read(_PIECE_BYTES):
                yield piece
        if await process.wait():
            raise MalformedBody("The body is not a Parquet file, or a batch of its rows is too large.")
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
