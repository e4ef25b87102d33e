"""What others found in a call, as scores beside ours, and as feedback where a user said it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple
from uuid import UUID, uuid5

from app.schemas.feedback import Feedback
from app.schemas.ids import minted_at
from app.schemas.queued import EVALUATED, RATED
from app.storage.engine import Connection
from app.storage.traces.feedback import put_feedback
from app.storage.traces.late_scores import LateScore, upsert_scores
from monitoring.models import Evidence, Record

__all__ = ["Finding", "keep_findings"]

_OPENTELEMETRY = "otel"


class Finding(NamedTuple):
    """A finding that was sent as a part, the stored call it is about, and its record as it was redacted."""

    trace_id: UUID
    part_id: UUID
    record: Record


async def keep_findings(connection: Connection, project_id: str, findings: Sequence[Finding]) -> None:
    """Store findings of a project; one that was changed and sent again takes the place of the earlier."""
    await upsert_scores(connection, [_score(project_id, finding) for finding in findings])
    opinions = (_opinion(project_id, finding) for finding in findings)
    await put_feedback(connection, project_id, [opinion for opinion in opinions if opinion is not None])


def _score(project_id: str, finding: Finding) -> LateScore:
    record = finding.record
    sent = record.metadata.get(EVALUATED)
    value = sent if isinstance(sent, int | float) else None  # one like an identifier may have been redacted
    within = value is not None and 0 <= value <= 1
    return LateScore(
        project_id=project_id,
        trace_id=finding.trace_id,
        evaluator=record.model_name,
        version="",
        source=record.provider or _OPENTELEMETRY,
        value=value if within else None,
        label=record.error or next(iter(record.tags), "") or next(iter(record.marks), ""),
        evidence=[Evidence("response", 0, 0, record.response)] if record.response else [],
        parts={} if within or value is None else {"value": float(value)},
    )


def _opinion(project_id: str, finding: Finding) -> Feedback | None:
    record = finding.record
    rating = record.metadata.get(RATED)
    if not isinstance(rating, int):
        return None
    return Feedback(
        feedback_id=uuid5(finding.trace_id, f"{project_id}/{record.id or finding.part_id}"),
        trace_id=finding.trace_id,
        rating=rating,
        comment=record.response or None,
        user_id=record.user_id,
        categories=(record.model_name,),
        created_at=record.timestamp or minted_at(finding.part_id),
    )
