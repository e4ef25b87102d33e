"""Pure computation of the worker: from queued envelopes to traces ready to be stored."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from app.aggregation import Judging
from app.schemas.ids import minted_at
from app.schemas.queued import Envelope
from app.schemas.traces import Trace, from_envelope
from monitoring.evaluation import evaluate
from monitoring.evaluator import Evaluator
from monitoring.models import Record, Result
from monitoring.pricing import Usage, price
from monitoring.tokens import TokenCount, count_tokens
from monitoring.verdict import Policy, assess

__all__ = ["Unscorable", "score"]

_LLM = "llm"


class Unscorable(NamedTuple):
    """A record for which the scoring itself failed: it goes to the dead letters, whole."""

    envelope: Envelope
    reason: str
    detail: str


def score(
    envelopes: Sequence[Envelope], job_id: str, evaluators: Sequence[Evaluator], policy: Policy
) -> list[Trace | Unscorable]:
    """Score a batch; what raises outside an evaluator is halved until the culprit is alone.

    An evaluator that raises is not the culprit: it leaves a Failure in that record's scores.
    """
    if not envelopes:
        return []
    try:
        return list(_score(envelopes, job_id, evaluators, policy))
    except Exception as error:  # noqa: BLE001 whatever it was is written beside the record that caused it
        if len(envelopes) == 1:
            return [Unscorable(envelopes[0], type(error).__name__, str(error))]
        middle = len(envelopes) // 2
        return [
            *score(envelopes[:middle], job_id, evaluators, policy),
            *score(envelopes[middle:], job_id, evaluators, policy),
        ]


def _score(
    envelopes: Sequence[Envelope], job_id: str, evaluators: Sequence[Evaluator], policy: Policy
) -> list[Trace]:
    records = [envelope.record for envelope in envelopes]
    scored = [
        record if envelope.kind == _LLM else None for record, envelope in zip(records, envelopes, strict=True)
    ]
    calls = [record for record in scored if record is not None]
    results = iter(evaluate(calls, evaluators))
    counts = count_tokens(records)
    judging = Judging.of(evaluators, policy)
    return [
        _trace(envelope, job_id, dict(next(results)) if record else {}, count, evaluators, policy, judging)
        for envelope, record, count in zip(envelopes, scored, counts, strict=True)
    ]


def _trace(
    envelope: Envelope,
    job_id: str,
    results: dict[str, Result],
    count: TokenCount,
    evaluators: Sequence[Evaluator],
    policy: Policy,
    judging: Judging,
) -> Trace:
    record = envelope.record
    occurred_at = record.timestamp or minted_at(envelope.trace_id)
    priced = price(_usage(record, count), record.provider, record.model_name, occurred_at)
    verdict = assess(record, results, evaluators, policy)
    return from_envelope(
        envelope,
        job_id,
        occurred_at,
        scores=results,
        hits=judging.hits(results),
        prompt_tokens=count.prompt,
        completion_tokens=count.completion,
        token_source=count.source,
        cost_usd=priced.cost_usd,
        pricing_status=priced.status,
        price_source=priced.source or None,
        overall_quality=verdict.overall_quality,
        safety_score=verdict.safety_score,
        is_safe=verdict.is_safe,
        flags=verdict.flags,
        topic=verdict.topic_category,
    )


def _usage(record: Record, count: TokenCount) -> Usage:
    return Usage(
        prompt=count.prompt,
        completion=count.completion,
        cache_read=record.cache_read_tokens or 0,
        cache_write=record.cache_write_tokens or 0,
        reasoning=record.reasoning_tokens or 0,
    )
