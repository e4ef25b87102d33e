"""What other batches know of a call: documents that were retrieved for it, and calls inside it.

Exporters send what ended in the last seconds, and a call ends long after the search before it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import NamedTuple
from uuid import UUID

from msgspec import structs

from app.schemas.ids import minted_at
from app.schemas.queued import Envelope
from app.schemas.spans import STEP, PlacedSpan
from app.schemas.traces import COUNTED_KINDS, StoredSpan
from app.storage.partitions import first_id

__all__ = ["is_related", "outer_spans", "relate", "within_reach"]

_REACH = timedelta(hours=1)
_RETRIEVERS = frozenset({"retriever", "reranker"})
_MOST_PASSAGES = 64

_Id = tuple[bytes | None, bytes | None]


class _Family(NamedTuple):
    """What is known of the traces of a batch: retrieved documents by trace, and spans with a call inside."""

    documents: dict[bytes, list[StoredSpan]]
    outer: set[_Id]


def within_reach(envelopes: Sequence[Envelope]) -> tuple[UUID, UUID]:
    """Return between which ids relatives of the records lie: those accepted within an hour of them."""
    received = [one.trace_id for one in envelopes]
    return first_id(minted_at(min(received)) - _REACH), first_id(minted_at(max(received)) + _REACH)


def is_related(envelope: Envelope) -> bool:
    """Tell whether a record is a call within an OpenTelemetry trace."""
    return envelope.kind in COUNTED_KINDS and envelope.otel_trace_id is not None


def relate(envelopes: Sequence[Envelope], stored: Iterable[StoredSpan]) -> list[Envelope]:
    """Return envelopes with what spans stored before say of them.

    A call without context gets the documents that its trace retrieved before it began; one with another
    call inside it becomes a step, which is neither scored nor counted.
    """
    family = _family(envelopes, stored)
    return [_relate(envelope, family) if is_related(envelope) else envelope for envelope in envelopes]


def _family(envelopes: Sequence[Envelope], stored: Iterable[StoredSpan]) -> _Family:
    documents: dict[bytes, list[StoredSpan]] = defaultdict(list)
    spans = list(stored)
    for span in spans:
        if span.kind in _RETRIEVERS and span.context:
            documents[span.otel_trace_id].append(span)
    return _Family(documents, outer_spans([*envelopes, *spans]))


def outer_spans(spans: Iterable[Envelope | PlacedSpan | StoredSpan]) -> set[_Id]:
    """Return trace and span ids of all spans that have a call inside them, however deep."""
    above: dict[_Id, _Id] = {}
    calls: list[_Id] = []
    for span in spans:
        if span.otel_trace_id is None:
            continue
        own = (span.otel_trace_id, span.otel_span_id)
        above[own] = (span.otel_trace_id, span.otel_parent_span_id)
        if span.kind in COUNTED_KINDS:
            calls.append(own)
    outer: set[_Id] = set()
    for call in calls:
        place = above[call]
        while place in above and place != call and place not in outer:
            outer.add(place)
            place = above[place]
    return outer


def _relate(envelope: Envelope, family: _Family) -> Envelope:
    if (envelope.otel_trace_id, envelope.otel_span_id) in family.outer:
        return structs.replace(envelope, kind=STEP)
    record = envelope.record
    found = family.documents.get(envelope.otel_trace_id or b"", ())
    if record.context or not found or record.timestamp is None:
        return envelope
    begun = record.timestamp
    passages = (
        passage
        for span in sorted(found, key=lambda one: one.occurred_at)
        if span.occurred_at + timedelta(milliseconds=span.response_time_ms or 0) <= begun
        for passage in span.context
    )
    context = tuple(dict.fromkeys(passages))[:_MOST_PASSAGES]
    return structs.replace(envelope, record=structs.replace(record, context=context))
