"""Scores that arrive after their trace was stored."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

import msgspec
from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from app.schemas.listed import GivenScore
from app.storage.tables import scores
from monitoring.models import Evidence

__all__ = ["LateScore", "read_scores", "upsert_scores"]

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


async def read_scores(connection: AsyncConnection, project_id: str, trace_id: UUID) -> list[GivenScore]:
    """Return the scores that others gave a call, by name and source."""
    rows = await connection.execute(
        select(scores)
        .where(scores.c.project_id == project_id, scores.c.trace_id == trace_id)
        .order_by(scores.c.evaluator, scores.c.source, scores.c.version)
    )
    return [
        GivenScore(
            evaluator=row.evaluator,
            source=row.source,
            value=row.value,
            label=row.label,
            confidence=row.confidence,
            comment="\n".join(one["reason"] for one in row.evidence) or None,
            parts=row.parts,
            created_at=row.created_at,
        )
        for row in rows
    ]
