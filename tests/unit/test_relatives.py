from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from app.schemas.ids import first_id
from app.schemas.queued import Envelope
from app.schemas.spans import Restatement
from app.schemas.traces import StoredSpan
from monitoring.models import Record
from workers.spans.context import Family, relate, wants_documents, within_reach

NOW = datetime(2026, 11, 26, tzinfo=UTC)
TRACE = b"t" * 16
TOLD: dict[str, Any] = {"role": "tool", "content": "Told."}


def call(number: int = 9, parent: int | None = 1, **fields: Any) -> Envelope:
    values: dict[str, Any] = {"otel_trace_id": TRACE, "kind": "llm", **fields}
    record = Record(
        prompt="q",
        response="a",
        timestamp=NOW,
        context=values.pop("context", ()),
        messages=values.pop("messages", ()),
    )
    return Envelope(
        trace_id=values.pop("trace_id", UUID(int=number)),
        project_id="p",
        source="live",
        record=record,
        otel_span_id=bytes([number]),
        otel_parent_span_id=bytes([parent]) if parent else None,
        **values,
    )


def search(**fields: Any) -> StoredSpan:
    values: dict[str, Any] = {
        "otel_trace_id": TRACE,
        "occurred_at": NOW - timedelta(seconds=1),
        "response_time_ms": 500.0,
        "context": ("Paris.",),
        **fields,
    }
    return StoredSpan(**values)


@pytest.mark.parametrize(
    ("envelope", "spans", "context"),
    [
        (call(), [search()], ("Paris.",)),
        (call(), [search(), search(context=("Paris.", "Rome."))], ("Paris.", "Rome.")),
        (call(), [search(response_time_ms=1001.0)], ()),
        (call(), [search(otel_trace_id=b"u" * 16)], ()),
        (call(context=("Own.",)), [search()], ("Own.",)),
        (call(context=("Told.",), messages=(TOLD,)), [search()], ("Paris.", "Told.")),
        (call(context=("Told.", "Own."), messages=(TOLD,)), [search()], ("Told.", "Own.")),
        (call(context=("Told.",), messages=(TOLD,)), [search(response_time_ms=1001.0)], ("Told.",)),
        (call(context=("Paris.",)), [search(), search(context=("Rome.",))], ("Paris.", "Rome.")),
        (call(otel_trace_id=None), [search()], ()),
        (call(kind="agent"), [search()], ()),
        (call(), [], ()),
    ],
)
def test_a_call_gets_what_was_retrieved_in_an_earlier_batch(
    envelope: Envelope, spans: list[StoredSpan], context: tuple[str, ...]
) -> None:
    (found,) = relate([envelope], Family(documents=spans))
    assert found.record.context == context
    assert found.kind == envelope.kind


def test_a_call_that_restates_another_is_a_step_that_names_it() -> None:
    other = UUID(int=3)
    restated = {UUID(int=9): Restatement(other, "same_usage"), UUID(int=7): Restatement(other, "same_usage")}
    found = relate([call(), call(8), call(7, kind="tool")], Family(restated=restated))
    assert [(one.kind, one.restates, one.restates_because) for one in found] == [
        ("chain", other, "same_usage"),
        ("llm", None, None),
        ("tool", None, None),
    ]


def test_the_earliest_documents_count_each_once_and_no_more_than_are_read() -> None:
    spans = [
        search(
            occurred_at=NOW - timedelta(seconds=100 - number),
            context=(f"{number // 2}", f"{number // 2} too"),
        )
        for number in range(90)
    ]
    (found,) = relate([call()], Family(documents=spans[::-1]))
    assert found.record.context == tuple(f"{number // 2}{' too' * (number % 2)}" for number in range(64))


def test_one_that_ended_late_hides_no_later_one_that_did_not() -> None:
    late = search(occurred_at=NOW - timedelta(seconds=3), response_time_ms=5000.0, context=("Rome.",))
    (found,) = relate([call()], Family(documents=[late, search()]))
    assert found.record.context == ("Paris.",)


@pytest.mark.parametrize(
    ("envelopes", "wanted"),
    [
        ([call()], {TRACE: NOW}),
        ([call(), call(8)], {TRACE: NOW}),
        ([call(context=("Own.",))], {}),
        ([call(kind="agent")], {}),
        ([call(otel_trace_id=None)], {}),
    ],
)
def test_documents_are_asked_for_where_a_call_can_use_them(
    envelopes: list[Envelope], wanted: dict[bytes, datetime]
) -> None:
    assert wants_documents(envelopes) == wanted


def test_time_grows_with_calls_and_documents_and_not_with_their_product() -> None:
    def seconds(count: int) -> float:
        spans = [search(context=("Paris.",), occurred_at=NOW - timedelta(seconds=n + 1)) for n in range(256)]
        calls = [call(number % 200 + 1, parent=None, trace_id=UUID(int=number)) for number in range(count)]
        begun = time.process_time()
        relate(calls, Family(documents=spans))
        return time.process_time() - begun

    small = min(seconds(500) for _ in range(3))
    assert min(seconds(4_000) for _ in range(3)) < 24 * small


def test_relatives_are_those_accepted_within_an_hour() -> None:
    moments = (NOW, NOW + timedelta(minutes=1))
    first, last = within_reach([call(trace_id=first_id(moment)) for moment in moments])
    assert (first, last) == (
        first_id(NOW - timedelta(hours=1)),
        first_id(NOW + timedelta(minutes=61)),
    )
