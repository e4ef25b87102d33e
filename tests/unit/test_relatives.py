from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from app.schemas.queued import Envelope
from app.schemas.traces import StoredSpan
from app.storage.partitions import first_id
from monitoring.models import Record
from workers.relatives import relate, within_reach

NOW = datetime(2026, 11, 26, tzinfo=UTC)
TRACE = b"t" * 16


def call(number: int = 9, parent: int | None = 1, **fields: Any) -> Envelope:
    values: dict[str, Any] = {"otel_trace_id": TRACE, "kind": "llm", **fields}
    record = Record(prompt="q", response="a", timestamp=NOW, context=values.pop("context", ()))
    return Envelope(
        trace_id=values.pop("trace_id", UUID(int=number)),
        project_id="p",
        source="live",
        record=record,
        otel_span_id=bytes([number]),
        otel_parent_span_id=bytes([parent]) if parent else None,
        **values,
    )


def stored(number: int, parent: int | None = None, **fields: Any) -> StoredSpan:
    values: dict[str, Any] = {
        "otel_trace_id": TRACE,
        "otel_span_id": bytes([number]),
        "otel_parent_span_id": bytes([parent]) if parent else None,
        "kind": "span",
        "occurred_at": NOW - timedelta(seconds=1),
        "response_time_ms": 500.0,
        "context": (),
        **fields,
    }
    return StoredSpan(**values)


def search(**fields: Any) -> StoredSpan:
    return stored(2, **{"kind": "retriever", "context": ("Paris.",), **fields})


@pytest.mark.parametrize(
    ("envelope", "spans", "context"),
    [
        (call(), [search()], ("Paris.",)),
        (call(), [search(), search(context=("Paris.", "Rome."))], ("Paris.", "Rome.")),
        (call(), [search(response_time_ms=1001.0)], ()),
        (call(), [search(otel_trace_id=b"u" * 16)], ()),
        (call(), [search(kind="tool")], ()),
        (call(context=("Own.",)), [search()], ("Own.",)),
        (call(otel_trace_id=None), [search()], ()),
        (call(kind="agent"), [search()], ()),
        (call(), [], ()),
    ],
)
def test_a_call_gets_what_was_retrieved_in_an_earlier_batch(
    envelope: Envelope, spans: list[StoredSpan], context: tuple[str, ...]
) -> None:
    (found,) = relate([envelope], spans)
    assert found.record.context == context
    assert found.kind == envelope.kind


@pytest.mark.parametrize(
    ("spans", "kind"),
    [
        ([stored(3, parent=9, kind="llm")], "chain"),
        ([stored(3, parent=9, kind="embedding")], "chain"),
        ([stored(3, parent=9, kind="tool")], "llm"),
        ([stored(3, parent=8, kind="llm"), stored(8, parent=9)], "chain"),
        ([stored(3, parent=8, kind="llm")], "llm"),
        ([stored(3, parent=9, kind="llm", otel_trace_id=b"u" * 16)], "llm"),
        ([stored(9, parent=9, kind="llm")], "llm"),
        ([stored(3, parent=4, kind="llm"), stored(4, parent=3, kind="llm")], "llm"),
    ],
)
def test_a_call_around_a_stored_call_is_a_step(spans: list[StoredSpan], kind: str) -> None:
    (found,) = relate([call()], spans)
    assert found.kind == kind


def test_a_call_around_one_that_lies_between_in_the_same_batch_is_a_step() -> None:
    between = call(8, parent=9, kind="tool")
    found = relate([between, call()], [stored(3, parent=8, kind="llm")])
    assert [one.kind for one in found] == ["tool", "chain"]


@pytest.mark.parametrize(
    ("others", "kind"),
    [
        ([call(3, parent=9)], "chain"),
        ([call(3, parent=8), call(8, parent=9, kind="tool")], "chain"),
        ([call(3, parent=8)], "llm"),
        ([call(3, parent=9, kind="tool")], "llm"),
        ([call(3, parent=9, otel_trace_id=b"u" * 16)], "llm"),
    ],
)
def test_a_call_around_one_of_the_same_job_is_a_step(others: list[Envelope], kind: str) -> None:
    assert relate([call(), *others], [])[0].kind == kind


def test_relatives_are_those_accepted_within_an_hour() -> None:
    moments = (NOW, NOW + timedelta(minutes=1))
    first, last = within_reach([call(trace_id=first_id(moment)) for moment in moments])
    assert (first, last) == (
        first_id(NOW - timedelta(hours=1)),
        first_id(NOW + timedelta(minutes=61)),
    )
