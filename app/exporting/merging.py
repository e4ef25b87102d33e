"""Several Parquet files of the same columns as one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from app.exporting.encode import COMPRESSION, GROUP_ROWS

if TYPE_CHECKING:
    from arro3.core import RecordBatch

__all__ = ["merge_parquet"]

_BATCH_ROWS = 200


def merge_parquet(paths: Sequence[Path], out: Path) -> None:
    """Write the rows of files one after the other into one file, without holding them all."""
    from arro3.core import RecordBatchReader
    from arro3.io import read_parquet, write_parquet

    def batches() -> Iterator[RecordBatch]:
        for path in paths:
            yield from read_parquet(path, batch_size=_BATCH_ROWS)

    schema = read_parquet(paths[0]).schema
    rows = RecordBatchReader.from_batches(schema, batches())
    write_parquet(rows, out, compression=COMPRESSION, max_row_group_size=GROUP_ROWS)
