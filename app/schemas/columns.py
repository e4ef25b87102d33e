"""The columns of a stored trace, derived from the fields of `Trace`, where alone they are declared.

The table, writing, reading and lists all use these columns. A new field of a record is declared as
a field of `Record` and of `Trace`, and migrated.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from types import NoneType
from typing import Any, Final, NamedTuple, get_args
from uuid import UUID

from msgspec.structs import fields

from app.schemas.traces import Trace
from monitoring.models import Result

__all__ = ["COLUMNS", "PROMISED_NAMES", "TEXT_ARRAYS", "UNSHOWN", "Column", "ColumnType"]


class ColumnType(StrEnum):
    """The types of columns, by their names in Postgres."""

    TEXT = "text"
    BYTES = "bytea"
    ID = "uuid"
    MOMENT = "timestamptz"
    TRUTH = "boolean"
    COUNT = "bigint"
    NUMBER = "double precision"
    MONEY = "numeric"
    TEXTS = "text[]"
    OBJECT = "jsonb"
    SCORES = "json"


_TYPES: Mapping[Any, ColumnType] = {
    str: ColumnType.TEXT,
    bytes: ColumnType.BYTES,
    UUID: ColumnType.ID,
    datetime: ColumnType.MOMENT,
    bool: ColumnType.TRUTH,
    int: ColumnType.COUNT,
    float: ColumnType.NUMBER,
    Decimal: ColumnType.MONEY,
    tuple[str, ...]: ColumnType.TEXTS,
    dict[str, Any]: ColumnType.OBJECT,
    tuple[dict[str, Any], ...]: ColumnType.OBJECT,
    dict[str, Result]: ColumnType.SCORES,
}


class Column(NamedTuple):
    """One column: its name, its type, and whether it may be null.

    Empty objects are stored as null.
    """

    name: str
    type: ColumnType
    nullable: bool


def _column(name: str, annotation: Any) -> Column:
    optional = NoneType in get_args(annotation)
    (plain,) = (one for one in get_args(annotation) if one is not NoneType) if optional else (annotation,)
    kind = _TYPES[plain]
    return Column(name, kind, nullable=optional or kind is ColumnType.OBJECT)


COLUMNS: Final = tuple(_column(field.name, field.type) for field in fields(Trace))
TEXT_ARRAYS: Final = tuple(one.name for one in COLUMNS if one.type is ColumnType.TEXTS)
PROMISED_NAMES: Final[Mapping[str, str]] = {
    "occurred_at": "timestamp",
    "overall_quality": "quality_score",
    "flags": "safety_flags",
}
"""The columns that users know under another name."""
UNSHOWN: Final = frozenset({"project_id", "job_id", "response_key"})
"""The columns that no answer shows."""
