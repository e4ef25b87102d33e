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
    *BILLED_BY,
    *FIGURES,
    "cost_usd",
    "overall_quality",
    "safety_score",
    "is_safe",
    "scores",
)
_TEXT_ARRAYS = tuple(name for name in TEXT_ARRAYS if name in _NAMES)
COUNTED = ", ".join(f"t.{name}" for name in _NAMES)
"""The columns of `traces AS t` for a statement whose rows `counted_trace` reads."""


def counted_trace(row: Row[Any]) -> Trace:
    """Return the trace of a row, without texts."""
    values = {name: getattr(row, name) for name in _NAMES}
    for name in _TEXT_ARRAYS:
        values[name] = tuple(values[name])
    scores = values["scores"]
    values["scores"] = scores_from_json(msgspec.json.decode(scores) if isinstance(scores, str) else scores)
    values["trace_id"] = UUID(bytes=values["trace_id"].bytes)
    return Trace(**values, prompt="", response="")
