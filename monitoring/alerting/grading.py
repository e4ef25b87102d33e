"""From one reading to the state of its group: thresholds, pending time and recovery."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from msgspec.structs import replace

from monitoring.alerting.rules import Level, MissingPolicy, Rule
from monitoring.alerting.states import Group, Reading, is_worse

__all__ = ["advance"]

_Grade = Literal["critical", "warning", "band", "clear", "unknown"]


def advance(rule: Rule, before: Group, reading: Reading | None, *, failed: bool, at: datetime) -> Group:
    """Return the group after a reading at `at`. Without a reading there were no records."""
    if reading is None or reading.value is None:
        reading = Reading(0.0 if rule.counts else None, 0)
    grade, reason = _grade(rule, reading, failed=failed)
    if failed:
        known = replace(before, reason=reason)
    else:
        known = replace(before, value=reading.value, n=reading.n, reason=reason, change=reading.change)
    if grade == "unknown":
        return known
    return _settle(rule, _note(rule, known, grade, at), grade, at)


def _grade(rule: Rule, found: Reading, *, failed: bool) -> tuple[_Grade, Literal["no_data", "error"] | None]:
    if failed:
        return _grade_missing(rule, rule.on_error), "error"
    if found.value is None or (found.n == 0 and not rule.counts):
        return _grade_missing(rule, rule.no_data), "no_data"
    if found.n < rule.minimum_n and not rule.counts:
        return "clear" if rule.no_data == "ok" else "unknown", None
    for level in ("critical", "warning"):
        if rule.is_beyond(found.value, rule.threshold(level)):
            return level, None
    return "clear" if rule.has_recovered(found.value) else "band", None


def _grade_missing(rule: Rule, policy: MissingPolicy) -> _Grade:
    if policy == "alert":
        return rule.worst
    return "clear" if policy == "ok" else "unknown"


def _note(rule: Rule, before: Group, grade: _Grade, at: datetime) -> Group:
    """Return the group with the moments since which it is beyond thresholds, or is not."""
    bad = grade in {"warning", "critical"}
    calm = before.level == "critical" and grade != "critical"
    return replace(
        before,
        warning_since=(before.warning_since or at) if bad and rule.warning is not None else None,
        critical_since=(before.critical_since or at) if grade == "critical" else None,
        calm_since=(before.calm_since or at) if calm else None,
        clear_since=(before.clear_since or at) if before.level and grade == "clear" else None,
    )


def _settle(rule: Rule, group: Group, grade: _Grade, at: datetime) -> Group:
    """Return the group at the level at which it fires now."""
    wanted = _reached(rule, group, at)
    if is_worse(wanted, group.level):
        return replace(group, level=wanted, since=group.since or at, calm_since=None, clear_since=None)
    if group.level is None:
        return group
    if group.clear_since is not None and at - group.clear_since >= rule.keep_firing:
        return replace(group, level=None, since=None, calm_since=None, clear_since=None)
    milder = rule.warning is not None and grade != "clear"
    if milder and group.calm_since is not None and at - group.calm_since >= rule.keep_firing:
        return replace(group, level="warning", calm_since=None)
    return group


def _reached(rule: Rule, group: Group, at: datetime) -> Level | None:
    """Return the worst level beyond whose threshold the group has been for the pending time."""

    def held(since: datetime | None) -> bool:
        return since is not None and at - since >= rule.pending

    if held(group.critical_since):
        return "critical"
    return "warning" if held(group.warning_since) else None
