"""The part of a stored trace that rollups count: everything but its texts, which may be large."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import Row

from app.schemas.columns import TEXT_ARRAYS
from app.schemas.traces import Trace, scores_from_json
from monitoring.bounds import FIGURES
from monitoring.spending.usage import BILLED_BY

__all__ = ["COUNTED", "counted_trace"]

_NAMES = (
    "project_id",
    "trace_id",
    "job_id",
    "source",
    "kind",
    "occurred_at",
    "model_name",
    "provider",
    "pricing_status",
    "user_id",
    "session_id",
    "template_id",
    "tags",
    "flags",
    "hits",
    "marks",
    "metadata",
    *BILLED_BY,
    *FIGURES,
    "cost_usd",
    "overall_quality",
    "safety_score",
    "is_safe",
    "scores",
)
_TEXT_ARRAYS = tuple(name for name in TEXT_ARRAYS if name in _NAMES)
# Of an error only its presence counts, and its text may be long.
COUNTED = ", ".join([*(f"t.{name}" for name in _NAMES), "left(t.error, 1) AS error"])
"""The columns of `traces AS t` for a statement whose rows `counted_trace` reads."""


def counted_trace(row: Row[Any]) -> Trace:
    """Return the trace of a row, without texts. Of its error there is the first character."""
    values = {name: getattr(row, name) for name in (*_NAMES, "error")}
    for name in _TEXT_ARRAYS:
        values[name] = tuple(values[name])
    values["scores"] = scores_from_json(_json(values["scores"]))
    values["metadata"] = _json(values["metadata"]) or {}
    values["trace_id"] = UUID(bytes=values["trace_id"].bytes)
    return Trace(**values, prompt="", response="")


def _json(value: Any) -> Any:
    # The driver gives JSON as text to statements that do not declare the type of the column.
    return msgspec.json.decode(value) if isinstance(value, str) else value
