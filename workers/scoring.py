"""The pure computation of a worker: from queued envelopes to traces that are ready to be stored."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from operator import attrgetter
from typing import NamedTuple

import msgspec

from app.figures.judging import Judging
from app.privacy import Privacy, SealError
from app.schemas.ids import minted_at, sample_fraction
from app.schemas.kinds import COUNTED_KINDS, Kind
from app.schemas.projects import ProjectSettings
from app.schemas.queued import Envelope
from app.schemas.traces import Trace, from_envelope, priced_columns, without_text
from monitoring.bisection import Bisection
from monitoring.bounds import bounded
from monitoring.entities.scoring import PII
from monitoring.evaluation import evaluate
from monitoring.evaluator import Evaluator
from monitoring.marks import Mark
from monitoring.models import Record, Result
from monitoring.overall_quality import NAME as OVERALL_QUALITY
from monitoring.spending.own_prices import OwnPrices
from monitoring.spending.pricing import Priced, PricingStatus, price_call
from monitoring.spending.usage import BILLED_BY, stored_usage, usage_of
from monitoring.text.excerpts import Excerpt, excerpt
from monitoring.text.tokens import TokenCount, count_tokens
from monitoring.verdict import Verdict, assess

__all__ = ["Scoring", "Unscorable", "is_priced_alike", "reprice"]

_SCORED = frozenset({Kind.LLM, Kind.GUARD})


class Unscorable(NamedTuple):
    """A record whose scoring failed; it becomes a dead letter."""

    envelope: Envelope
    reason: str
    detail: str


class Scoring:
    """Scores batches with the evaluators of one process, and opens sealed records."""

    def __init__(self, evaluators: Sequence[Evaluator], privacy: Privacy) -> None:
        self._evaluators = evaluators
        self._privacy = privacy

    def score(
        self,
        envelopes: Sequence[Envelope],
        job_id: str,
        settings: ProjectSettings,
        prices: OwnPrices | None = None,
    ) -> list[Trace | Unscorable]:
        """Score a batch; if it raises an error, it is halved until the record at fault is alone.

        `prices` are the project's own.

        An evaluator that raises an error does not make a batch fail: the record then has a Failure
        among its scores. Sealed records are opened here, and no text of theirs is in the result.
        """
        results: list[Trace | Unscorable] = []
        parts = Bisection(envelopes)
        for part in parts:
            try:
                results += list(self._score(part, job_id, settings, prices))
            except Exception as error:  # noqa: BLE001 any error is noted beside the record at fault
                if not parts.halve(part):
                    results.append(_unscorable(part[0], error))
        return results

    def open(self, envelope: Envelope) -> Record:
        """Return the original of a record, so that its texts can be scored; raises SealError."""
        return self._privacy.open(envelope)

    def _score(
        self,
        envelopes: Sequence[Envelope],
        job_id: str,
        settings: ProjectSettings,
        prices: OwnPrices | None,
    ) -> Iterator[Trace]:
        # Older queued records and dead letters may date from before there were bounds.
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
            priced = _price(envelope, record, count, prices)
            if call is None:
                trace = _unjudged(envelope, record, job_id, count, priced)
            else:
                found = _found(envelope, call.restore(next(results)))
                verdict = assess(record, found, self._evaluators, settings.policy)
                trace = _judged(envelope, record, job_id, found, count, judging, verdict, priced)
                trace = _marked(trace, call)
            yield _kept(trace, envelope, settings)


def _unscorable(envelope: Envelope, error: Exception) -> Unscorable:
    """Return a record with its error; of a sealed record without a message that may quote it."""
    quotes = envelope.sealed is not None and not isinstance(error, SealError)
    return Unscorable(envelope, type(error).__name__, "" if quotes else str(error))


def _bounded(envelope: Envelope) -> Envelope:
    record = bounded(envelope.record)
    return envelope if record is envelope.record else msgspec.structs.replace(envelope, record=record)


def _to_score(envelope: Envelope, record: Record) -> Record:
    """Return the record to evaluate.

    For a redacted record the pii evaluator is skipped, because it judged the original.
    """
    if envelope.pii is None:
        return record
    return msgspec.structs.replace(record, skip=(*record.skip, PII))


def _marked(trace: Trace, scored: Excerpt) -> Trace:
    """Return the trace with a mark if its texts were too long to be scored in full."""
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
    priced: Priced,
) -> Trace:
    return from_envelope(
        envelope,
        job_id,
        _occurred_at(envelope, record),
        scores=results if verdict.quality is None else results | {OVERALL_QUALITY: verdict.quality},
        hits=judging.hits(results),
        prompt_tokens=count.prompt,
        completion_tokens=count.completion,
        token_source=count.source,
        **priced_columns(priced),
        overall_quality=verdict.overall_quality,
        safety_score=verdict.safety_score,
        is_safe=verdict.is_safe,
        flags=verdict.flags,
        topic=verdict.topic_category,
    )


def _unjudged(envelope: Envelope, record: Record, job_id: str, count: TokenCount, priced: Priced) -> Trace:
    """Return the trace of a call without texts, or of a step."""
    known = _is_measured(envelope, record)
    return from_envelope(
        envelope,
        job_id,
        _occurred_at(envelope, record),
        scores={},
        prompt_tokens=count.prompt if known else record.prompt_tokens,
        completion_tokens=count.completion if known else record.completion_tokens,
        token_source=count.source if known else None,
        **priced_columns(priced),
    )


def _is_measured(envelope: Envelope, record: Record) -> bool:
    """Tell whether the tokens of a call are known: it reports them, or it has texts."""
    reports = record.prompt_tokens is not None or record.completion_tokens is not None
    return envelope.kind in COUNTED_KINDS and (reports or Mark.NO_CONTENT not in record.marks)


def _occurred_at(envelope: Envelope, record: Record) -> datetime:
    return record.timestamp or minted_at(envelope.trace_id)


def _price(envelope: Envelope, record: Record, count: TokenCount, prices: OwnPrices | None) -> Priced:
    """Return the cost of a call, which a step and a text that the guard judged do not have."""
    if envelope.kind == Kind.GUARD and Mark.NO_CONTENT not in record.marks:
        # The model may not have been called. If it was, the record of that call has the cost.
        return Priced(None, PricingStatus.NOT_A_CALL, "")
    if envelope.kind not in COUNTED_KINDS:
        return Priced(None, PricingStatus.NOT_COUNTED, "")
    known = _is_measured(envelope, record)
    usage = usage_of(record, count.prompt, count.completion) if known else None
    return price_call(record, usage, _occurred_at(envelope, record), own=prices)


def reprice(call: Trace, prices: OwnPrices | None) -> Priced:
    """Return the cost of a stored call in USD, from its tokens; see `price_call`."""
    return price_call(call, stored_usage(call), call.occurred_at, own=prices)


def is_priced_alike(one: Trace, other: Trace) -> bool:
    """Tell whether two calls agree in what decides their cost beside their usage."""
    return _decisive(one) == _decisive(other)


_decisive = attrgetter("provider", "reported_cost_usd", "response_time_ms", *BILLED_BY)


def _kept(trace: Trace, envelope: Envelope, settings: ProjectSettings) -> Trace:
    """Return the trace as it is stored: without dropped texts and texts outside the sample."""
    if envelope.sealed is not None:
        return without_text(trace, Mark.TEXT_DROPPED)
    if sample_fraction(trace.trace_id) >= settings.text_share:
        return without_text(trace, Mark.TEXT_NOT_SAMPLED)
    return trace
