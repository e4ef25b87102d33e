"""Storing evaluation results that somebody else sent, as given scores and as feedback of users."""

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

__all__ = ["EvaluationResult", "store_evaluation_results"]

_OPENTELEMETRY = "otel"


class EvaluationResult(NamedTuple):
    """An evaluation result that came as a span part, and the stored call that it is about.

    `record` is the redacted record of the part.
    """

    trace_id: UUID
    part_id: UUID
    record: Record


async def store_evaluation_results(
    connection: Connection, project_id: str, results: Sequence[EvaluationResult]
) -> None:
    """Store the results of a project; a result that is sent again replaces the earlier one."""
    await upsert_scores(connection, [_score(project_id, result) for result in results])
    ratings = (_feedback(project_id, result) for result in results)
    await put_feedback(connection, project_id, [rating for rating in ratings if rating is not None])


def _score(project_id: str, result: EvaluationResult) -> LateScore:
    record = result.record
    sent = record.metadata.get(EVALUATED)
    value = sent if isinstance(sent, int | float) else None  # redaction may replace it
    within = value is not None and 0 <= value <= 1
    return LateScore(
        project_id=project_id,
        trace_id=result.trace_id,
        evaluator=record.model_name,
        version="",
        source=record.provider or _OPENTELEMETRY,
        value=value if within else None,
        label=record.error or next(iter(record.tags), "") or next(iter(record.marks), ""),
        evidence=[Evidence("response", 0, 0, record.response)] if record.response else [],
        parts={} if within or value is None else {"value": float(value)},
    )


def _feedback(project_id: str, result: EvaluationResult) -> Feedback | None:
    record = result.record
    rating = record.metadata.get(RATED)
    if not isinstance(rating, int):
        return None
    return Feedback(
        feedback_id=uuid5(result.trace_id, f"{project_id}/{record.id or result.part_id}"),
        trace_id=result.trace_id,
        rating=rating,
        comment=record.response or None,
        user_id=record.user_id,
        categories=(record.model_name,),
        created_at=record.timestamp or minted_at(result.part_id),
    )
