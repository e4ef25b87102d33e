"""The SQLAlchemy columns of the table of traces, made from the fields of `Trace`.

See `app.schemas.traces.Trace`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import (
    ARRAY,
    JSON,
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Double,
    LargeBinary,
    Numeric,
    Text,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.types import TypeEngine

from app.schemas.columns import COLUMNS, ColumnType

__all__ = ["trace_columns"]

_TYPES: Mapping[ColumnType, TypeEngine[Any]] = {
    ColumnType.TEXT: Text(),
    ColumnType.BYTES: LargeBinary(),
    ColumnType.ID: Uuid(),
    ColumnType.MOMENT: DateTime(timezone=True),
    ColumnType.TRUTH: Boolean(),
    ColumnType.COUNT: BigInteger(),
    ColumnType.NUMBER: Double(),
    ColumnType.MONEY: Numeric(20, 10),
    ColumnType.TEXTS: ARRAY(Text),
    ColumnType.OBJECT: JSONB(),
    ColumnType.SCORES: JSON(),  # kept as sent: it is read whole, and jsonb costs twice the CPU to store
}
_KEY = frozenset({"project_id", "trace_id"})
_ADDED_LATER = frozenset({"hits", "dismissed_flags", "dismissed_hits"})  # after there were rows already


def trace_columns() -> list[Column[Any]]:
    """Return one column per field."""
    return [
        Column(
            declared.name,
            _TYPES[declared.type],
            primary_key=declared.name in _KEY,
            nullable=declared.nullable,
            server_default=text("'{}'") if declared.name in _ADDED_LATER else None,
        )
        for declared in COLUMNS
    ]
