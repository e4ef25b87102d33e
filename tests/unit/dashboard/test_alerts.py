"""The page of alerts: what its forms send, and what it shows of rules, histories and trials."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from plotly.io.json import to_json_plotly

from app.schemas.ids import mint
from app.storage.alerts.rules import StoredRule
from app.storage.alerts.transitions import StoredTransition
from dashboard.alert_changes import channel_of, form_of, read_rule_id, rule_of
from dashboard.data.view import View
from dashboard.drawing.alerts import AlertsFound, alerts_parts, moments_text
from dashboard.drawing.theme import palette
from monitoring.alerting.ready import READY_RULES
from monitoring.alerting.states import AlertState, Group
from monitoring.alerting.wording import Change

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
RULE = UUID("01a21640-82db-7fe4-9a11-2837efa28200")
CHANGED = Change(text="Responses became shorter: the median went from 420 to 95 tokens.", edge=230.0)


def stored(state: AlertState | None = None, **changes: Any) -> StoredRule:
    given: dict[str, Any] = {
        "project_id": "default",
        "rule_id": RULE,
        "rule": READY_RULES["response-length"],
        "channels": (),
        "enabled": True,
        "state": state or AlertState(),
        "version": 1,
        "due_at": NOW,
        "created_at": NOW,
        "created_by": "test",
        "updated_at": NOW,
    }
    return StoredRule(**given | changes)


def show(rules: list[StoredRule], history: list[StoredTransition] | None = None) -> str:
    chosen = rules[0] if rules else None
    found = AlertsFound(rules, chosen, history or [], [], [], NOW)
    return to_json_plotly(alerts_parts(found, View(), palette("light")))


def test_a_rule_is_shown_with_its_state_its_value_and_what_changed() -> None:
    group = Group(level="warning", since=NOW, value=0.43, n=812, change=CHANGED)
    state = AlertState(groups={"gpt-5": group}, alert_since=NOW - timedelta(hours=2), acknowledged_by="jo")
    shown = show([stored(state)])
    for told in (
        "One rule fires.",
        "warning, since 2 h ago",
        "gpt-5 0.43 of 812 records",
        CHANGED.text,
        "Seen by jo",
    ):
        assert told in shown
    assert f"alerts?rule={RULE}" in shown


def test_without_rules_the_page_says_the_next_step() -> None:
    assert "choose a ready one" in show([])
    assert "not evaluated yet" in show([stored()])
    assert '"off' in show([stored(enabled=False)])


def test_a_history_has_values_thresholds_and_words() -> None:
    entry = StoredTransition(
        transition_id=mint(1), at=NOW, group="gpt-5", before="ok", after="warning", value=0.43, n=812, threshold=0.1,
        change=CHANGED.text,
    )  # fmt: skip
    shown = show([stored()], [entry])
    assert "gpt-5: 0.43 of 812 records, threshold 0.1" in shown
    assert CHANGED.text in shown


@pytest.mark.parametrize(
    ("search", "found"),
    [
        ("", None),
        ("?rule=", None),
        ("?rule=../../x", None),
        (f"?rule={RULE}", RULE),
        (f"?rule={RULE}x", None),
    ],
)
def test_an_address_names_a_rule_or_none(search: str, found: UUID | None) -> None:
    assert read_rule_id(search) == found


def test_a_form_sends_what_was_typed_and_shows_what_is_kept() -> None:
    sent = rule_of(
        {"name": "a", "warning": 0, "critical": "", "group_by": None, "channels": [], "mute_days": []}
    )
    assert sent == {"name": "a", "warning": 0}
    muted = {"mute_days": ["sunday"], "mute_start": "00:00", "mute_end": "06:00", "mute_tz": "UTC"}
    mute = {"days": ["sunday"], "start": "00:00", "end": "06:00", "tz": "UTC"}
    assert rule_of({"name": "a"} | muted) == {"name": "a", "mutes": [mute]}
    shown = form_of({"name": "a", "warning": 0.2, "critical": None, "mutes": [mute]})
    assert {name: shown[name] for name in ("name", "warning", "critical", "mute_end")} == {
        "name": "a",
        "warning": 0.2,
        "critical": "",
        "mute_end": "06:00",
    }


@pytest.mark.parametrize(
    ("typed", "target"),
    [
        ({"kind": "slack", "url": "https://x"}, {"kind": "slack", "url": "https://x"}),
        (
            {"kind": "pagerduty", "url": "https://x", "routing_key": "k"},
            {"kind": "pagerduty", "routing_key": "k"},
        ),
        (
            {"kind": "email", "host": "h", "sender": "s", "recipients": "a@b, c@d,"},
            {"kind": "email", "host": "h", "sender": "s", "recipients": ["a@b", "c@d"]},
        ),
    ],
)
def test_a_channel_is_sent_with_the_fields_of_its_kind(typed: dict[str, Any], target: dict[str, Any]) -> None:
    assert channel_of(typed | {"name": "n"}) == {"name": "n", "target": target}


def test_a_trial_says_when_the_rule_would_have_fired_or_why_never() -> None:
    moment = {
        "at": "2026-11-29T10:00:00Z",
        "ended_at": None,
        "level": "warning",
        "value": 0.43,
        "n": 812,
        "group": "",
        "change": CHANGED.text,
    }
    tried = {"cannot_fire": None, "trial": {"fired": 1, "evaluations": 720, "moments": [moment]}}
    shown = to_json_plotly(moments_text(tried))
    assert "fired once in 30 days" in shown
    assert "and still: warning, 0.43" in shown
    assert "never fire" in to_json_plotly(moments_text({"cannot_fire": "No record.", "trial": None}))
    assert "no figures yet" in to_json_plotly(moments_text({"cannot_fire": None, "trial": None}))
