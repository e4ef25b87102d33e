"""Pure computation of the worker: from queued envelopes to traces ready to be stored."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

import msgspec

from app.figures.judging import Judging
from app.privacy import Privacy, SealError
from app.schemas.ids import minted_at, sample_fraction
from app.schemas.kinds import COUNTED_KINDS, Kind
from app.schemas.projects import ProjectSettings
from app.schemas.queued import Envelope
from app.schemas.traces import Trace, from_envelope, without_text
from monitoring.bisection import Bisection
from monitoring.bounds import bounded
from monitoring.entities.scoring import PII
from monitoring.evaluation import evaluate
from monitoring.evaluator import Evaluator
from monitoring.marks import Mark
from monitoring.models import Record, Result
from monitoring.spending.pricing import Priced, PricingStatus, Usage, price
from monitoring.text.excerpts import Excerpt, excerpt
from monitoring.text.tokens import TokenCount, count_tokens
from monitoring.verdict import Verdict, assess

__all__ = ["REPORTED", "Scoring", "Unscorable", "is_priced_alike", "price_call", "reprice"]

_SCORED = frozenset({Kind.LLM, Kind.GUARD})
REPORTED = "reported"
_UNPRICED = {True: PricingStatus.NO_USAGE, False: PricingStatus.NOT_COUNTED}  # by whether it is counted


class Unscorable(NamedTuple):
    """A record for which the scoring itself failed: it goes to the dead letters, whole."""

    envelope: Envelope
    reason: str
    detail: str


class Scoring:
    """Scores batches with the evaluators of one process, opening what was sealed."""

    def __init__(self, evaluators: Sequence[Evaluator], privacy: Privacy) -> None:
        self._evaluators = evaluators
        self._privacy = privacy

    def score(
        self, envelopes: Sequence[Envelope], job_id: str, settings: ProjectSettings
    ) -> list[Trace | Unscorable]:
        """Score a batch; what raises outside an evaluator is halved until the culprit is alone.

        An evaluator that raises is not the culprit: it leaves a Failure in that record's scores. Sealed
        records are opened here, and nothing of their text is in what is returned.
        """
        results: list[Trace | Unscorable] = []
        parts = Bisection(envelopes)
        for part in parts:
            try:
                results += list(self._score(part, job_id, settings))
            except Exception as error:  # noqa: BLE001 whatever it was is written beside the record that caused it
                if not parts.halve(part):
                    results.append(_unscorable(part[0], error))
        return results

    def open(self, envelope: Envelope) -> Record:
        """Return the original of a record, for its texts to be scored; raises SealError."""
        return self._privacy.open(envelope)

    def _score(
        self, envelopes: Sequence[Envelope], job_id: str, settings: ProjectSettings
    ) -> Iterator[Trace]:
        # Also what was queued, or given up and is tried again, before there were bounds.
        envelopes = [_bounded(envelope) for envelope in envelopes]
        records = [bounded(self._privacy.open(envelope)) for envelope in envelopes]
        scored = [
            excerpt(_to_score(envelope, record))
            if envelope.kind in _SCORED and Mark.NO_CONTENT not in record.marks
            else None
            for record, envelope in zip(records, envelopes, strict=True)
        ]
        results = iter(evaluate([part.record for part in scored if part is not None], self._evaluators))
        counts = count_tokens(records)
        judging = Judging.of(self._evaluators, settings.policy)
        for envelope, record, call, count in zip(envelopes, records, scored, counts, strict=True):
            if call is None:
                trace = _unjudged(envelope, record, job_id, count)
            else:
                found = _found(envelope, call.restore(next(results)))
                verdict = assess(record, found, self._evaluators, settings.policy)
                trace = _judged(envelope, record, job_id, found, count, judging, verdict)
                trace = _marked(trace, call)
            yield _kept(trace, envelope, settings)


def _unscorable(envelope: Envelope, error: Exception) -> Unscorable:
    """Say what went wrong; of a sealed record without what might quote it."""
    quotes = envelope.sealed is not None and not isinstance(error, SealError)
    return Unscorable(envelope, type(error).__name__, "" if quotes else str(error))


def _bounded(envelope: Envelope) -> Envelope:
    record = bounded(envelope.record)
    return envelope if record is envelope.record else msgspec.structs.replace(envelope, record=record)


def _to_score(envelope: Envelope, record: Record) -> Record:
    """Return the record to evaluate: of a redacted one the pii evaluator has seen the original already."""
    if envelope.pii is None:
        return record
    return msgspec.structs.replace(record, skip=(*record.skip, PII))


def _marked(trace: Trace, scored: Excerpt) -> Trace:
    """Return the trace with a mark where its texts were too long to be scored whole."""
    if not scored.partial:
        return trace
    return msgspec.structs.replace(trace, marks=tuple(dict.fromkeys((*trace.marks, Mark.SCORED_IN_PART))))


def _found(envelope: Envelope, results: Mapping[str, Result]) -> dict[str, Result]:
    if envelope.pii is None or PII in envelope.record.skip:
        return dict(results)
    return {**results, PII: envelope.pii}


def _judged(
    envelope: Envelope,
    record: Record,
    job_id: str,
    results: dict[str, Result],
    count: TokenCount,
    judging: Judging,
    verdict: Verdict,
) -> Trace:
    occurred_at = _occurred_at(envelope, record)
    priced = _price(record, count, occurred_at)
    trace = from_envelope(
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
    if envelope.kind != Kind.GUARD:
        return trace
    # The model may never have been asked, or is paid for where its answer was.
    return msgspec.structs.replace(
        trace, cost_usd=None, pricing_status=PricingStatus.NOT_A_CALL, price_source=None
    )


def _unjudged(envelope: Envelope, record: Record, job_id: str, count: TokenCount) -> Trace:
    """Return the trace of a call without text, which is priced by what it reports, or of a step around calls."""
    counted = envelope.kind in COUNTED_KINDS
    reports = record.prompt_tokens is not None or record.completion_tokens is not None
    known = counted and (reports or Mark.NO_CONTENT not in record.marks)
    occurred_at = _occurred_at(envelope, record)
    priced = _price(record, count, occurred_at) if known else _reported(record) if counted else None
    return from_envelope(
        envelope,
        job_id,
        occurred_at,
        scores={},
        prompt_tokens=count.prompt if known else record.prompt_tokens,
        completion_tokens=count.completion if known else record.completion_tokens,
        token_source=count.source if known else None,
        cost_usd=priced.cost_usd if priced else None,
        pricing_status=priced.status if priced else _UNPRICED[counted],
        price_source=(priced.source or None) if priced else None,
    )


def _occurred_at(envelope: Envelope, record: Record) -> datetime:
    return record.timestamp or minted_at(envelope.trace_id)


def _price(record: Record, count: TokenCount, at: datetime) -> Priced:
    told = record.reported_cost_usd
    return price_call(_usage(record, count), record.provider, record.model_name, at, told=told)


def _reported(record: Record) -> Priced | None:
    told = record.reported_cost_usd
    return None if told is None else Priced(told, PricingStatus.PRICED, REPORTED)


def reprice(call: Trace) -> Priced:
    """Return what a stored call costs by its tokens, in USD: see `price_call`."""
    usage = Usage(
        prompt=call.prompt_tokens or 0,
        completion=call.completion_tokens or 0,
        cache_read=call.cache_read_tokens or 0,
        cache_write=call.cache_write_tokens or 0,
        reasoning=call.reasoning_tokens or 0,
    )
    return price_call(usage, call.provider, call.model_name, call.occurred_at, told=call.reported_cost_usd)


def is_priced_alike(one: Trace, other: Trace) -> bool:
    """Tell whether what decides on a price beside the tokens, the model and the moment is the same of two calls."""
    return one.provider == other.provider and one.reported_cost_usd == other.reported_cost_usd


def price_call(
    usage: Usage, provider: str | None, model: str, at: datetime, *, told: Decimal | None
) -> Priced:
    """Return what a call cost: by the tables of prices, and where they do not know it, as the client `told`, in USD."""
    priced = price(usage, provider, model, at)
    return (
        Priced(told, PricingStatus.PRICED, REPORTED)
        if priced.cost_usd is None and told is not None
        else priced
    )


def _kept(trace: Trace, envelope: Envelope, settings: ProjectSettings) -> Trace:
    """Return the trace as it is stored: without text where that was dropped or is not in the sample."""
    if envelope.sealed is not None:
        return without_text(trace, Mark.TEXT_DROPPED)
    if sample_fraction(trace.trace_id) >= settings.text_share:
        return without_text(trace, Mark.TEXT_NOT_SAMPLED)
    return trace


def _usage(record: Record, count: TokenCount) -> Usage:
    return Usage(
        prompt=count.prompt,
        completion=count.completion,
        cache_read=record.cache_read_tokens or 0,
        cache_write=record.cache_write_tokens or 0,
        reasoning=record.reasoning_tokens or 0,
    )
