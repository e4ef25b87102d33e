"""Scores that arrive after their trace was stored."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

import msgspec
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from app.storage.tables import scores
from monitoring.models import Evidence

__all__ = ["LateScore", "upsert_scores"]

_KEY = ("project_id", "trace_id", "evaluator", "version", "source")


class LateScore(msgspec.Struct, frozen=True, kw_only=True):
    """One score of one trace; `source` says who gave it, such as `otel`, and fields are the columns."""

    project_id: str
    trace_id: UUID
    evaluator: str
    version: str
    source: str
    value: float | None
    label: str
    confidence: float = 1.0
    evidence: list[Evidence] = []
    parts: dict[str, float] = {}


async def upsert_scores(connection: AsyncConnection, found: Sequence[LateScore]) -> None:
    """Store scores; a later one of the same evaluator, version and source takes the place of the earlier."""
    if not found:
        return
    statement = insert(scores)
    changed = {
        name: statement.excluded[name] for name in ("value", "label", "confidence", "evidence", "parts")
    }
    await connection.execute(
        statement.on_conflict_do_update(index_elements=_KEY, set_=changed),
        [msgspec.to_builtins(score, builtin_types=(UUID,)) for score in found],
    )
