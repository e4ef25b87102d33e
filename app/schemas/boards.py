"""Boards: charts that a project puts together, as they are stored and exported."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

from app.schemas.keys import NAME_PATTERN

__all__ = [
    "BOARD_ID",
    "LONGEST_BOARD_NAME",
    "LONGEST_FILTER",
    "LONGEST_SPLIT",
    "LONGEST_TITLE",
    "MOST_BOARDS",
    "MOST_CHARTS",
    "SCHEMA",
    "Board",
    "BoardChart",
    "BoardFile",
]

SCHEMA: Final = "llm-monitor/board/1"
"""The name and the version of the schema; it is the first field of every file."""
MOST_BOARDS: Final = 50
"""Boards of one project."""
MOST_CHARTS: Final = 24
"""Charts of one board."""
LONGEST_BOARD_NAME: Final = 80
LONGEST_TITLE: Final = 80
LONGEST_FILTER: Final = 2_000
LONGEST_SPLIT: Final = 300
BOARD_ID: Final = r"^[a-z0-9][a-z0-9-]{0,62}$"

_MEASURE: Final = r"^[a-z][a-z0-9_]{0,30}(:[^\x00-\x1f\x7f]{1,128})?(?![\s\S])"


class BoardChart(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One chart: a measure over time, of some calls, with one line for each value of a field.

    `measure` is one of docs/reference/boards.md. `split` is a field to group by, such as `model` or
    `metadata.team`. `filter` is text in the language of filters. An empty `split` or `filter` means
    none.
    """

    title: Annotated[str, Meta(min_length=1, max_length=LONGEST_TITLE, pattern=NAME_PATTERN)]
    measure: Annotated[str, Meta(pattern=_MEASURE)]
    split: Annotated[str, Meta(max_length=LONGEST_SPLIT)] = ""
    filter: Annotated[str, Meta(max_length=LONGEST_FILTER)] = ""


class BoardFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A board as a file: what GET /boards/{id} answers, and what PUT takes."""

    schema: Literal["llm-monitor/board/1"]
    name: Annotated[str, Meta(min_length=1, max_length=LONGEST_BOARD_NAME, pattern=NAME_PATTERN)]
    charts: Annotated[tuple[BoardChart, ...], Meta(max_length=MOST_CHARTS)] = ()


class Board(msgspec.Struct, frozen=True, kw_only=True):
    """A stored board. Its maker chooses `board_id`, so that files in git keep their place."""

    project_id: str
    board_id: str
    name: str
    charts: tuple[BoardChart, ...]
    created_at: datetime
    changed_at: datetime

    def to_file(self) -> BoardFile:
        """Return the board as it is exported."""
        return BoardFile(schema=SCHEMA, name=self.name, charts=self.charts)
