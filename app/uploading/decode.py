"""The program that turns a Parquet file into lines of JSON on its standard output.

It is a process of its own with little memory and a low priority, because a small file may stand for
very much.
"""

from __future__ import annotations

import os
import resource
import sys
from typing import Final

from arro3.io import read_parquet, write_ndjson

__all__ = ["main"]

_NICENESS: Final = 10
_MOST_MEMORY: Final = 2 * 1024**3
_BATCH_ROWS: Final = 256


def main(path: str) -> None:
    """Write the rows of a file."""
    os.nice(_NICENESS)
    resource.setrlimit(resource.RLIMIT_AS, (_MOST_MEMORY, _MOST_MEMORY))
    for batch in read_parquet(path, batch_size=_BATCH_ROWS):
        write_ndjson(batch, sys.stdout.buffer)
    sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1])
