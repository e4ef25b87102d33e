"""What other batches know of a call: documents that were retrieved for it, and its restatements.

Exporters send the spans that ended in the last seconds. A call ends long after the search that came
before it, so the two are often in different batches.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import NamedTuple
from uuid import UUID

from msgspec import structs

from app.schemas.ids import first_id, minted_at
from app.schemas.kinds import COUNTED_KINDS, STEP
from app.schemas.queued import Envelope
from app.schemas.retrieval import Retrieved, as_context, first_passages, passages_before
from app.schemas.spans import SCOPE, SERVICE, WORDING_CHARACTERS, PlacedSpan, Restatement, Wording, named_in
from app.schemas.traces import StoredSpan
from monitoring.conversation import results_of
from monitoring.marks import Mark
from monitoring.models import Record

__all__ = [
    "RelatedSpans",
    "give_documents",
    "is_related",
    "latest_beginnings",
    "placed",
    "relate",
    "wants_documents",
    "within_reach",
    "wording",
]

_REACH = timedelta(hours=1)


class RelatedSpans(NamedTuple):
    """What is known of the traces of a batch: spans with documents, and its restatements."""

    documents: Sequence[StoredSpan] = ()
    restated: Mapping[UUID, Restatement] = MappingProxyType({})


def within_reach(envelopes: Sequence[Envelope]) -> tuple[UUID, UUID]:
    """Return the range of ids for records that were accepted within an hour of these."""
    received = [one.trace_id for one in envelopes]
    return first_id(minted_at(min(received)) - _REACH), first_id(minted_at(max(received)) + _REACH)


def is_related(envelope: Envelope) -> bool:
    """Tell whether a record is a call within an OpenTelemetry trace."""
    return envelope.kind in COUNTED_KINDS and envelope.otel_trace_id is not None


def wants_documents(envelopes: Iterable[Envelope]) -> dict[bytes, datetime]:
    """Return, by trace, the latest moment at which a document still serves one of its calls.

    Only calls without a context that say when they began want documents.
    """
    return latest_beginnings(
        one for one in envelopes if is_related(one) and not _own_documents(one.record, ())
    )


def latest_beginnings(calls: Iterable[Envelope]) -> dict[bytes, datetime]:
    """Return, by trace, when its last call began, for calls that say when they began."""
    latest: dict[bytes, datetime] = {}
    for envelope in calls:
        record, otel_trace_id = envelope.record, envelope.otel_trace_id
        if otel_trace_id and record.timestamp is not None:
            latest[otel_trace_id] = max(record.timestamp, latest.get(otel_trace_id, record.timestamp))
    return latest


def relate(envelopes: Sequence[Envelope], related: RelatedSpans) -> list[Envelope]:
    """Return envelopes with what stored spans add to them.

    A call without documents of its own gets those that its trace retrieved before it began: the
    earliest first, and as many as a call can hold. A call that restates another one becomes a step,
    which is neither scored nor counted.
    """
    documents = _by_trace(related.documents)
    return [
        _relate(envelope, documents, related.restated) if is_related(envelope) else envelope
        for envelope in envelopes
    ]


def placed(envelope: Envelope) -> PlacedSpan | None:
    """Return the place of a record and what it reports; None outside OpenTelemetry traces."""
    record = envelope.record
    if envelope.otel_trace_id is None or envelope.otel_span_id is None:
        return None
    return PlacedSpan(
        trace_id=envelope.trace_id,
        otel_trace_id=envelope.otel_trace_id,
        otel_span_id=envelope.otel_span_id,
        otel_parent_span_id=envelope.otel_parent_span_id,
        kind=envelope.kind,
        model_name=record.model_name,
        provider=record.provider,
        begun=record.timestamp,
        lasted_ms=record.response_time_ms,
        prompt_tokens=record.prompt_tokens,
        completion_tokens=record.completion_tokens,
        cached_tokens=(record.cache_read_tokens or 0) + (record.cache_write_tokens or 0),
        reasoning_tokens=record.reasoning_tokens or 0,
        silent=Mark.NO_CONTENT in record.marks,
        answered=bool(record.response) or record.completion_tokens is not None or envelope.sealed is not None,
        failed=record.error is not None,
        response_key=envelope.response_key,
        user_id=record.user_id,
        session_id=record.session_id,
        scope=named_in(record, SCOPE),
    )


def wording(envelope: Envelope) -> Wording:
    """Return the texts and names that distinguish a record from others with the same usage."""
    record = envelope.record
    scope, service = named_in(record, SCOPE), named_in(record, SERVICE)
    return Wording(scope, service, record.prompt[:WORDING_CHARACTERS], record.response[:WORDING_CHARACTERS])


def give_documents(envelope: Envelope, documents: Sequence[StoredSpan]) -> Envelope:
    """Return a call with the documents that its trace retrieved before it began.

    A call that has documents of its own is returned unchanged. Documents that it got from the same
    spans before do not count as its own.
    """
    return _given(envelope, _by_trace(documents).get(envelope.otel_trace_id or b""))


def _by_trace(documents: Iterable[StoredSpan]) -> dict[bytes, Retrieved[datetime]]:
    searches: dict[bytes, list[tuple[datetime, Sequence[str]]]] = defaultdict(list)
    for span in documents:
        ended = span.occurred_at + timedelta(milliseconds=span.response_time_ms or 0)
        searches[span.otel_trace_id].append((ended, span.context))
    return {otel_trace_id: first_passages(found) for otel_trace_id, found in searches.items()}


def _relate(
    envelope: Envelope, documents: Mapping[bytes, Retrieved[datetime]], restated: Mapping[UUID, Restatement]
) -> Envelope:
    if (found := restated.get(envelope.trace_id)) is not None:
        return structs.replace(envelope, kind=STEP, restates=found.call, restates_because=found.because)
    return _given(envelope, documents.get(envelope.otel_trace_id or b""))


def _given(envelope: Envelope, found: Retrieved[datetime] | None) -> Envelope:
    record = envelope.record
    if found is None or record.timestamp is None:
        return envelope
    passages = passages_before(found, record.timestamp)
    if not passages or _own_documents(record, passages):
        return envelope
    context = as_context(passages, results_of(record.messages))
    return structs.replace(envelope, record=structs.replace(record, context=context))


def _own_documents(record: Record, retrieved: Collection[str]) -> bool:
    """Tell whether a call has documents that came neither from a tool nor from an earlier span."""
    return bool(record.context) and not {*results_of(record.messages), *retrieved}.issuperset(record.context)
