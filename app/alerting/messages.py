"""What is told of an alert: messages for channels, and frames for live pages."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import msgspec

from app.schemas.alerts import AlertExample, AlertGroup, AlertMessage
from app.storage.alerts.rules import StoredRule
from monitoring.alerting.states import Group, Notice, Step

__all__ = ["make_frames", "make_message"]

_HIDDEN = frozenset({"project_id", "examples", "channels"})
_REASONS = {
    "no_data": "No records arrived in the window.",
    "error": "The figures could not be read.",
}


def make_message(stored: StoredRule, notice: Notice, examples: tuple[AlertExample, ...] = ()) -> AlertMessage:
    """Return the message of a notice about a rule."""
    rule = stored.rule
    _, worst = notice.groups[0]
    return AlertMessage(
        project_id=stored.project_id,
        rule_id=stored.rule_id,
        rule=rule.name,
        kind=notice.kind,
        level=notice.level,
        metric=f"{rule.aggregation} of {rule.metric}",
        value=worst.value,
        threshold=rule.threshold(notice.level),
        n=worst.n,
        window_seconds=int(rule.window.total_seconds()),
        dedup_key=f"{stored.rule_id}:{int(notice.since.timestamp() * 1000)}",
        at=notice.at,
        since=notice.since,
        link=f"/alerts?{urlencode({'rule': str(stored.rule_id), 'project': stored.project_id})}",
        reason=_REASONS[worst.reason] if worst.reason else _change(worst),
        groups=tuple(
            AlertGroup(group=name, level=group.level, value=group.value, n=group.n, change=_change(group))
            for name, group in notice.groups
            if rule.group_by
        ),
        examples=examples,
        channels=stored.channels,
    )


def _change(group: Group) -> str | None:
    return group.change.text if group.change else None


def make_frames(stored: StoredRule, step: Step) -> Iterator[dict[str, Any]]:
    """Yield the data of frames of type `alert`: one of each message, else one of the changes."""
    plain: dict[str, Any] = {
        "rule_id": str(stored.rule_id),
        "rule": stored.rule.name,
        "status": step.state.status,
    }
    for notice in step.notices:
        message = msgspec.to_builtins(make_message(stored, notice))
        yield plain | {name: message[name] for name in message if name not in _HIDDEN}
    if step.transitions and not step.notices:
        changes = [
            {"group": one.group, "before": one.before, "after": one.after, "value": one.value, "n": one.n}
            for one in step.transitions
        ]
        yield plain | {"kind": "transition", "at": step.transitions[0].at, "changes": changes}
