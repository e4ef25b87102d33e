"""What outer spans of one batch pass on to inner ones."""

from __future__ import annotations

import time
from typing import Any
from uuid import UUID

import pytest

from app.schemas.inherited import shared_metadata
from app.schemas.queued import Envelope
from monitoring.models import Record
from workers.spans.inheritance import inherit


def envelope(number: int, parent: int = 0, trace: int = 1, **fields: Any) -> Envelope:
    return Envelope(
        trace_id=UUID(int=number + 1000 * trace),
        project_id="default",
        source="live",
        kind="llm",
        otel_trace_id=trace.to_bytes(16),
        otel_span_id=number.to_bytes(8),
        otel_parent_span_id=parent.to_bytes(8) if parent else None,
        record=Record(prompt="q", response="a", **fields),
    )


def owners(*envelopes: Envelope) -> list[tuple[str | None, str | None, tuple[str, ...]]]:
    return [(one.record.user_id, one.record.session_id, one.record.tags) for one in inherit(envelopes)]


@pytest.mark.parametrize(
    ("envelopes", "expected"),
    [
        (
            [envelope(2, 1), envelope(1, user_id="u", session_id="s", tags=("t",))],
            [("u", "s", ("t",)), ("u", "s", ("t",))],
        ),
        (
            [envelope(3, 2), envelope(2, 1, user_id="near"), envelope(1, user_id="far", session_id="s")],
            [("near", "s", ()), ("near", "s", ()), ("far", "s", ())],
        ),
        (
            [envelope(2, 1, user_id="own", tags=("a",)), envelope(1, user_id="u", tags=("b", "a"))],
            [
                ("own", None, ("a", "b")),
                ("u", None, ("b", "a")),
            ],
        ),
        (
            [envelope(2, 1, user_id="process", marks=("inherited_user",)), envelope(1, user_id="u")],
            [("u", None, ()), ("u", None, ())],
        ),
        (
            [envelope(2, 1, user_id="own"), envelope(1, user_id="process", marks=("inherited_user",))],
            [("own", None, ()), ("process", None, ())],
        ),
        ([envelope(2, 1), envelope(1, trace=2, user_id="u")], [(None, None, ()), ("u", None, ())]),
        ([envelope(2, 1), envelope(3, 1, user_id="u")], [(None, None, ()), ("u", None, ())]),
        ([envelope(1, 2, user_id="u"), envelope(2, 1)], [("u", None, ()), ("u", None, ())]),
        ([envelope(1, 1, user_id="u")], [("u", None, ())]),
        ([envelope(3, 2), envelope(1, user_id="u")], [(None, None, ()), ("u", None, ())]),
    ],
)
def test_the_nearest_value_wins_and_tags_are_united(
    envelopes: list[Envelope], expected: list[tuple[str | None, str | None, tuple[str, ...]]]
) -> None:
    assert owners(*envelopes) == expected


def test_metadata_about_the_trace_are_passed_on_and_no_others() -> None:
    outer = envelope(
        1, metadata={"metadata": '{"team":"red","step":1}', "langsmith.metadata.plan": "gold", "x": 1}
    )
    inner = envelope(2, 1, metadata={"metadata": {"step": 2}})
    found, _ = inherit([inner, outer])
    metadata = dict(found.record.metadata)
    assert sorted(metadata.pop("otel.inherited")) == ["langsmith.metadata.plan", "metadata.team"]
    assert metadata == {
        "metadata": {"step": 2},
        "metadata.team": "red",
        "langsmith.metadata.plan": "gold",
    }


@pytest.mark.parametrize(
    ("metadata", "expected"),
    [
        ({"metadata": '{"a":"\\u0000"}'}, {"metadata.a": "\ufffd"}),
        ({"metadata": "{" * 5000}, {}),
        ({"metadata": {"a": 2**70, "b": 1}}, {"metadata.b": 1}),
        ({"metadata": {"a": "x" * 2000}}, {}),
        ({"metadata.a": 1, "otel.inherited": ["metadata.a"]}, {}),
        (
            {f"langsmith.metadata.{n}": n for n in range(70)},
            {f"langsmith.metadata.{n}": n for n in range(64)},
        ),
    ],
)
def test_what_is_passed_on_is_bounded(metadata: dict[str, Any], expected: dict[str, Any]) -> None:
    assert shared_metadata(metadata) == expected


def test_a_batch_without_outer_spans_stays_as_it_is() -> None:
    batch = [envelope(number, trace=number, user_id="u") for number in range(1, 50)]
    assert all(mine is theirs for mine, theirs in zip(inherit(batch), batch, strict=True))


def test_time_grows_with_the_number_of_spans_and_not_with_its_square() -> None:
    def seconds(count: int) -> float:
        chain = [envelope(n, n - 1, tags=(f"t{n % 5}",), user_id="u") for n in range(1, count)]
        begun = time.process_time()
        inherit(chain[::-1])
        return time.process_time() - begun

    small = min(seconds(500) for _ in range(3))
    assert min(seconds(4000) for _ in range(3)) < 24 * small
