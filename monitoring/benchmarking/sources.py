"""Labelled rows in files of JSON lines, one object a line, in any folder.

A row has `prompt`, `response`, `context` and `reference` (text or null), `label` (0..1, or null where
nobody judged), and may have `task`, `source`, `spans` ([start, end, type] each) and `meta` (an object).
"""

from __future__ import annotations

import gzip
import json
import random
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any, NamedTuple, TypedDict

import msgspec

from monitoring.benchmarking.feeds import FEEDS, UNLABELLED, Row

__all__ = ["LabelledSource", "find_files", "read_rows", "read_sources"]

_SUFFIXES = (".jsonl", ".jsonl.gz")


class _Shape(TypedDict, total=False):
    task: str | None
    source: str | None
    prompt: str | None
    response: str | None
    context: str | None
    reference: str | None
    label: Annotated[float, msgspec.Meta(ge=0, le=1)] | None
    spans: list[tuple[int, int, str]] | None
    meta: dict[str, Any] | None


class LabelledSource(NamedTuple):
    """Rows of one task that were collected in one way; they are measured together and never pooled."""

    task: str
    name: str
    rows: Sequence[Row]

    def sample(self, limit: int | None, seed: int = 0) -> LabelledSource:
        """Return at most `limit` rows, the same for the same seed, in their order."""
        if limit is None or len(self.rows) <= limit:
            return self
        chance = random.Random(f"{seed} {self.task} {self.name}")  # noqa: S311 a sample, no secret
        kept = sorted(chance.sample(range(len(self.rows)), limit))
        return self._replace(rows=[self.rows[at] for at in kept])


def find_files(folder: Path) -> list[Path]:
    """Return the files of JSON lines below a folder, by name."""
    return sorted(
        path for path in folder.rglob("*.jsonl*") if path.name.endswith(_SUFFIXES) and path.is_file()
    )


def read_rows(path: Path) -> list[Row]:
    """Read JSON lines, gzipped when the name says so; lines that start with # are attributions.

    Raises ValueError with file and line for a line that is not a row.
    """
    opener = gzip.open if path.suffix == ".gz" else open
    rows = []
    with opener(path, "rt", encoding="utf-8") as lines:
        for number, line in enumerate(lines, start=1):
            if line.strip() and not line.startswith("#"):
                try:
                    rows.append(row := json.loads(line))
                    msgspec.convert(row, _Shape)
                except ValueError as error:
                    raise ValueError(f"{path}:{number}: {error}") from error
    return rows


def read_sources(path: Path, task: str | None = None) -> Iterator[LabelledSource]:
    """Return the sources of a file, of one task where one is given; rows without a label are left out.

    A row that names no task or source has those of its file: the task is the name of the folder or of the
    file, the source the name of the file. What was recorded in traffic counts as one source per file.
    Rows of a task that no evaluator is measured on are left out.
    """
    stem = path.name.removesuffix(".gz").removesuffix(".jsonl")
    own = next((name for name in (path.parent.name, stem) if name in FEEDS), "")
    found: dict[tuple[str, str], list[Row]] = {}
    for row in read_rows(path):
        named = row.get("task") or own
        if named not in FEEDS or task not in {None, named}:
            continue
        if named == UNLABELLED:
            found.setdefault((named, stem), []).append(row)
        elif row.get("label") is not None:
            found.setdefault((named, row.get("source") or stem), []).append(row)
    for (named, name), rows in found.items():
        yield LabelledSource(named, name, rows)
