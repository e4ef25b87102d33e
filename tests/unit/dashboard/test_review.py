from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import msgspec
import pytest

from app.policies import EvaluatorPolicy
from app.schemas.labels import ReviewProgress
from app.schemas.traces import Trace
from dashboard.data.review import Hand, read_hand
from dashboard.drawing.review import finding, progress_text
from monitoring.models import Evidence, Score

ONE, TWO, THREE = (UUID(int=number) for number in (1, 2, 3))
CLAIMED: list[tuple[UUID, tuple[str, ...]]] = [(ONE, ("pii_leak", "bias")), (TWO, ()), (THREE, ("bias",))]
POLICY = EvaluatorPolicy(
    version="1",
    category="safety",
    flag="pii_leak",
    threshold=0.5,
    default_threshold=0.5,
    weight=0,
    default_weight=0,
)


def shown(hand: Hand) -> tuple[int, str | None] | None:
    return None if hand.entry is None else (hand.entry.trace_id.int, hand.entry.flag)


def test_every_flag_of_a_call_is_an_entry_and_a_call_that_is_known_is_not_taken_again() -> None:
    hand = Hand().take(CLAIMED[:2]).take(CLAIMED)
    assert [(entry.trace_id.int, entry.flag) for entry in hand.entries] == [
        (1, "pii_leak"),
        (1, "bias"),
        (2, None),
        (3, "bias"),
    ]
    assert hand.waiting == 3


def test_a_decision_shows_the_next_entry_that_waits_and_undoing_shows_it_again() -> None:
    hand = Hand().take(CLAIMED).move(1).decide("false_alarm", THREE, "bias")
    assert shown(hand) == (2, None)
    hand = hand.move(-2).decide("true_alarm", TWO, "pii_leak")
    assert shown(hand) == (2, None)
    assert hand.waiting == 2
    hand = hand.undo()
    assert (shown(hand), hand.done[-1].label_id) == ((1, "pii_leak"), THREE)
    assert shown(hand.undo()) == (1, "bias")
    assert hand.undo().waiting == 3


@pytest.mark.parametrize(
    ("first", "second", "left"),
    [
        ("pii_leak", "pii_leak", [TWO]),
        (None, None, [TWO]),
        ("toxicity", "toxicity", [TWO]),
        ("toxicity", "bias", [ONE, TWO]),
        ("pii_leak", None, [ONE, TWO]),
    ],
)
def test_a_label_that_another_one_replaced_is_not_taken_back_again(
    first: str | None, second: str | None, left: list[UUID]
) -> None:
    hand = Hand().take(CLAIMED[:1]).note(ONE, first).note(TWO, second)
    assert [one.label_id for one in hand.done] == left


def test_the_same_finding_of_another_call_is_another_label() -> None:
    hand = Hand().take(CLAIMED).move(1).note(ONE, "bias").move(2).note(TWO, "bias")
    assert [one.label_id for one in hand.done] == [ONE, TWO]


@pytest.mark.parametrize(
    ("noted", "outcome"), [("toxicity", "true_alarm"), (None, "true_alarm"), ("pii_leak", "")]
)
def test_taking_back_another_label_leaves_a_finding_decided(noted: str | None, outcome: str) -> None:
    hand = Hand().take(CLAIMED).decide("true_alarm", ONE, "pii_leak").move(-1).note(TWO, noted).undo()
    assert hand.entries[0].outcome == outcome


def test_a_skipped_entry_waits_and_does_not_come_again_by_itself() -> None:
    hand = Hand().take([CLAIMED[2]]).decide("skipped")
    assert (hand.entry, hand.waiting, hand.done) == (None, 1, ())
    assert shown(hand.move(-1)) == (3, "bias")


def test_moving_stops_at_both_ends() -> None:
    hand = Hand().take(CLAIMED)
    assert shown(hand.move(-1)) == (1, "pii_leak")
    assert hand.move(99).at == 4
    assert hand.move(99).entry is None


def test_what_a_browser_keeps_is_read_back() -> None:
    hand = Hand(asked="?period=1h").take(CLAIMED).decide("score", TWO)
    assert read_hand(msgspec.to_builtins(hand)) == hand


@pytest.mark.parametrize(
    "data",
    [None, 3, "x", [], {"at": -1}, {"entries": [{"trace_id": "no id"}]}, {"entries": [{"outcome": "odd"}]}],
)
def test_anything_else_is_an_empty_hand(data: object) -> None:
    assert read_hand(data) == Hand()


def trace(prompt: str, response: str, *evidence: Evidence) -> Trace:
    return Trace(
        project_id="default",
        trace_id=ONE,
        job_id="j",
        source="live",
        kind="llm",
        occurred_at=datetime(2026, 11, 30, tzinfo=UTC),
        model_name="m",
        prompt=prompt,
        response=response,
        scores={"pii": Score(value=0.98, label="email_address", version="1", evidence=evidence)},
        pricing_status="unknown",
    )


def drawn(*args: Any) -> str:
    return str(finding(*args))


def test_a_finding_says_why_and_marks_its_evidence() -> None:
    found = trace("who?", "write to a@b.example now", Evidence("response", 9, 20, "EMAIL_ADDRESS 0.98"))
    text = drawn(found, "pii_leak", "pii", POLICY, "")
    assert "PII leak" in text
    assert "PII: score 0.98, threshold 0.50 (email address)." in text
    assert "Mark(children='a@b.example'" in text


def test_evidence_far_inside_a_text_is_shown_with_what_is_around_it() -> None:
    long = "x" * 50_000 + "secret" + "y" * 50_000
    text = drawn(trace("", long, Evidence("response", 50_000, 50_006, "why")), "pii_leak", "pii", POLICY, "")
    assert "49,000 characters before" in text
    assert "Mark(children='secret'" in text


def test_hostile_texts_stay_texts_and_places_outside_a_text_are_ignored() -> None:
    evil = "<script>window.pwned = 1</script>"
    text = drawn(
        trace(evil, evil, Evidence("response", 900, 9_000, evil)), "pii_leak", "pii", None, "skipped"
    )
    assert "Markdown" not in text
    assert "dangerously" not in text
    assert evil in text


def test_a_call_without_a_finding_is_shown_too() -> None:
    assert "A call without a finding" in drawn(trace("a", "b"), None, None, None, "")


@pytest.mark.parametrize(
    ("progress", "text"),
    [
        (None, ""),
        (ReviewProgress(calls=41, reviewed=37, false_alarms=12), "37 of 41 reviewed, 12 false alarms"),
        (ReviewProgress(calls=1, reviewed=1, false_alarms=1), "1 of 1 reviewed, 1 false alarm"),
        (
            ReviewProgress(calls=2_000, reviewed=1_999, false_alarms=0),
            "1,999 of the newest 2,000 reviewed, 0 false alarms",
        ),
    ],
)
def test_progress_has_its_denominator(progress: ReviewProgress | None, text: str) -> None:
    assert progress_text(progress, 2_000) == text
