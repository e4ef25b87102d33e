"""What the drawer shows of labels, and what its buttons ask the API for."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from msgspec.structs import replace
from plotly.io.json import to_json_plotly

from app.reports.one_trace import OneTrace
from app.reports.safety import FlagShare
from app.schemas.labels import Label, Span
from dashboard.drawing.labels import labelling
from dashboard.drawing.safety import false_alarm_text
from dashboard.label_changes import request_of
from tests.unit.dashboard.components import text
from tests.unit.dashboard.test_safety import TRACE

ID = UUID(int=9)
HOSTILE = "<script>alert(1)</script>"
PATH = f"/traces/{ID}/labels"


def label(number: int, **fields: Any) -> Label:
    values: dict[str, Any] = {
        "finding": "pii_leak",
        "flag": "pii_leak",
        "label": "false_alarm",
        "value": 0.0,
    } | fields
    moment = datetime(2026, 11, 30, 12, number, tzinfo=UTC)
    return Label(label_id=UUID(int=number), trace_id=ID, actor="key ann", created_at=moment, **values)


def button(act: str, of: str) -> dict[str, Any]:
    return {"act": act, "of": of, "serial": 1}


@pytest.mark.parametrize(
    ("pressed", "asked"),
    [
        (
            button("true_alarm", "pii_leak"),
            ("POST", PATH, {"finding": "pii_leak", "verdict": "true_alarm"}),
        ),
        (button("score", "4"), ("POST", PATH, {"score": 0.8})),
        (button("score", "0"), ("POST", PATH, {"score": 0.0})),
        (button("undo", str(ID)), ("DELETE", f"{PATH}/{ID}", None)),
        (button("score", "6"), None),
        (button("score", "4.5"), None),
        (button("undo", "../keys"), None),
        (button("erase", "pii_leak"), None),
        ({"act": ["true_alarm"], "of": "pii_leak"}, None),
        ({"serial": 1}, None),
        ("review", None),
        (None, None),
    ],
)
def test_a_button_asks_for_its_label_and_for_nothing_else(pressed: object, asked: Any) -> None:
    assert request_of(ID, pressed) == asked


def drawn(*labels: Label, **fields: Any) -> str:
    return text(labelling(OneTrace(replace(TRACE, **fields), labels=labels)))


@pytest.mark.parametrize(
    ("labels", "fields", "told"),
    [
        ((), {}, "nobody decided yet"),
        ((label(1),), {}, "false alarm"),
        ((label(2, label="true_alarm"), label(1)), {}, "true alarm"),
        ((label(1, evidence=Span(field="response", start=0, end=2)),), {}, "nobody decided yet"),
        (
            (label(1),),
            {"flags": (), "dismissed_flags": ("pii_leak",)},
            "false alarm and does not count",
        ),
    ],
)
def test_the_newest_label_of_a_whole_finding_is_the_word_beside_it(
    labels: tuple[Label, ...], fields: dict[str, Any], told: str
) -> None:
    assert f"PII leakTrue alarmFalse alarm{told}The whole call" in drawn(*labels, **fields)


def test_a_step_has_no_buttons_and_comments_are_shown_as_text() -> None:
    assert labelling(OneTrace(replace(TRACE, kind="tool"))) == []
    shown = to_json_plotly(labelling(OneTrace(TRACE, labels=(label(1, comment=HOSTILE),))))
    assert '"className":"comment"' in shown
    score = label(3, finding=None, flag=None, label="score", value=0.8)
    assert "Score 4 of 5" in drawn(score)


@pytest.mark.parametrize(
    ("share", "told"),
    [
        (FlagShare(count=41, rate=0.1, flagged=41), "of 41 flagged, none reviewed"),
        (
            FlagShare(
                count=29,
                rate=0.1,
                flagged=41,
                dismissed=12,
                reviewed=37,
                false_alarms=12,
                false_alarm_share=12 / 37,
                false_alarm_low=0.196,
                false_alarm_high=0.485,
            ),
            "of 41 flagged, 37 reviewed, 12 false alarms · 32.4 % (19.6 % to 48.5 %); 12 do not count",
        ),
        (
            FlagShare(
                count=2,
                rate=0.1,
                flagged=2,
                reviewed=1,
                false_alarms=1,
                false_alarm_share=1.0,
                false_alarm_low=0.2065,
                false_alarm_high=1.0,
            ),
            "of 2 flagged, 1 reviewed, 1 false alarm · 100 % (20.6 % to 100 %)",
        ),
    ],
)
def test_false_alarms_stand_with_their_number_and_interval(share: FlagShare, told: str) -> None:
    assert false_alarm_text(share) == told
