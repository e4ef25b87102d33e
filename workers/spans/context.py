"""What other batches know of a call: documents that were retrieved for it, and spans that tell of it too.

Exporters send what ended in the last seconds, and a call ends long after the search before it.
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
    "Family",
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


class Family(NamedTuple):
    """What is known of the traces of a batch: spans that retrieved documents, and which restates which call."""

    documents: Sequence[StoredSpan] = ()
    restated: Mapping[UUID, Restatement] = MappingProxyType({})


def within_reach(envelopes: Sequence[Envelope]) -> tuple[UUID, UUID]:
    """Return between which ids relatives of the records lie: those accepted within an hour of them."""
    received = [one.trace_id for one in envelopes]
    return first_id(minted_at(min(received)) - _REACH), first_id(minted_at(max(received)) + _REACH)


def is_related(envelope: Envelope) -> bool:
    """Tell whether a record is a call within an OpenTelemetry trace."""
    return envelope.kind in COUNTED_KINDS and envelope.otel_trace_id is not None


def wants_documents(envelopes: Iterable[Envelope]) -> dict[bytes, datetime]:
    """Return by trace until when documents are of use: to calls without context, which say when they began."""
    return latest_beginnings(
        one for one in envelopes if is_related(one) and not _own_documents(one.record, ())
    )


def latest_beginnings(calls: Iterable[Envelope]) -> dict[bytes, datetime]:
    """Return by trace when the last of its calls began, of calls that say so."""
    latest: dict[bytes, datetime] = {}
    for envelope in calls:
        record, otel_trace_id = envelope.record, envelope.otel_trace_id
        if otel_trace_id and record.timestamp is not None:
            latest[otel_trace_id] = max(record.timestamp, latest.get(otel_trace_id, record.timestamp))
    return latest


def relate(envelopes: Sequence[Envelope], family: Family) -> list[Envelope]:
    """Return envelopes with what spans stored before say of them.

    A call without documents of its own gets those that its trace retrieved before it began, the earliest first and
    as many as a call takes; one that restates another call becomes a step, which is neither scored nor counted.
    """
    documents = _by_trace(family.documents)
    return [
        _relate(envelope, documents, family.restated) if is_related(envelope) else envelope
        for envelope in envelopes
    ]


def placed(envelope: Envelope) -> PlacedSpan | None:
    """Return where a record stands and what it tells of a call; None for one of no OpenTelemetry trace."""
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
    """Return what tells a record apart from others of its usage."""
    record = envelope.record
    scope, service = named_in(record, SCOPE), named_in(record, SERVICE)
    return Wording(scope, service, record.prompt[:WORDING_CHARACTERS], record.response[:WORDING_CHARACTERS])


def give_documents(envelope: Envelope, documents: Sequence[StoredSpan]) -> Envelope:
    """Return a call with the documents that its trace retrieved before it began; itself where it has its own.

    Documents that it got from the same spans before are no documents of its own.
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
    """Tell whether a call names documents that neither a tool nor a span before it gave."""
    return bool(record.context) and not {*results_of(record.messages), *retrieved}.issuperset(record.context)
