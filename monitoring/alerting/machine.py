"""The state machine of an alert rule: pure, and the same for live rules and for trials on history.

Time is an argument. `observation.at` is the time of the data, by which pending and keep-firing
times count, so that a backlog neither hurries nor forgets them. `now` is the time by which people
are told, and by which acknowledging, snoozing and muting count.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime

from msgspec.structs import replace

from monitoring.alerting.grading import advance
from monitoring.alerting.rules import MOST_GROUPS, Level, Rule
from monitoring.alerting.schedules import is_muted
from monitoring.alerting.states import (
    AlertState,
    Group,
    Notice,
    NoticeKind,
    Observation,
    Step,
    Transition,
    is_worse,
)

__all__ = ["acknowledge", "close", "observe", "snooze"]

# Groups of a long alert that have recovered are remembered, so that they are not told again.
_MOST_REMEMBERED = 3 * MOST_GROUPS


def observe(rule: Rule, state: AlertState, observation: Observation | None, now: datetime) -> Step:
    """Return what follows from an observation, or from the mere passing of time without one."""
    transitions: tuple[Transition, ...] = ()
    if observation is not None:
        groups = _advance(rule, state, observation)
        transitions = tuple(_changes(rule, state.groups, groups, observation.at))
        state = replace(state, groups=groups, observed_at=observation.at, failing=observation.failed)
    state, notices = _tell(rule, state, now)
    return Step(state, transitions, notices)


def acknowledge(state: AlertState, by: str, now: datetime) -> AlertState:
    """Return the state after somebody has seen the alert; raises ValueError if nothing fires."""
    if state.level is None:
        raise ValueError("this rule does not fire")
    return replace(state, acknowledged=state.level, acknowledged_by=by, acknowledged_at=now)


def snooze(state: AlertState, until: datetime | None) -> AlertState:
    """Return the state in which no message is sent until a moment, or again from now on."""
    return replace(state, snoozed_until=until)


def close(rule: Rule, state: AlertState, now: datetime) -> Step:
    """End the alert of a rule that is deleted, changed or switched off."""
    groups = {name: Group(value=group.value, n=group.n) for name, group in state.groups.items()}
    changes = tuple(_changes(rule, state.groups, groups, now))
    calm = {
        name: replace(group, level=None, warning_since=None, critical_since=None)
        for name, group in state.groups.items()
    }
    _, notices = _tell(rule, replace(state, groups=calm), now)
    return Step(AlertState(snoozed_until=state.snoozed_until), changes, notices)


def _advance(rule: Rule, state: AlertState, observation: Observation) -> dict[str, Group]:
    known = state.groups or ({} if rule.group_by else {"": Group()})
    names = [*known, *(name for name in observation.groups if name not in known)]
    after = {
        name: advance(
            rule,
            known.get(name, Group()),
            observation.groups.get(name),
            failed=observation.failed,
            at=observation.at,
        )
        for name in names
    }
    if not rule.group_by:
        return after
    kept = {name: group for name, group in after.items() if name in observation.groups or _matters(group)}
    return dict(sorted(kept.items(), key=lambda item: not _matters(item[1]))[:_MOST_REMEMBERED])


def _matters(group: Group) -> bool:
    return group.level is not None or group.status == "pending" or group.told is not None


def _changes(
    rule: Rule, before: Mapping[str, Group], after: Mapping[str, Group], at: datetime
) -> Iterator[Transition]:
    for name, group in after.items():
        was = before.get(name, Group())
        if was.status != group.status:
            named: Level | None = group.level or was.level or rule.worst
            threshold = rule.threshold(named) if named else None
            change = group.change.text if group.change else None
            yield Transition(at, name, was.status, group.status, group.value, group.n, threshold, change)


def _tell(rule: Rule, state: AlertState, now: datetime) -> tuple[AlertState, tuple[Notice, ...]]:
    if state.level is None:
        return _tell_recovery(state, now)
    state = replace(state, alert_since=state.alert_since or now)
    fresh = any(is_worse(group.level, group.told) for group in state.groups.values())
    if fresh:
        state = replace(state, acknowledged=None, acknowledged_by=None, acknowledged_at=None)
    snoozed = state.snoozed_until is not None and now < state.snoozed_until
    if snoozed or is_muted(rule.mutes, now):
        return state, ()
    due = state.told_at is not None and rule.renotify is not None and now - state.told_at >= rule.renotify
    if not fresh and (state.acknowledged is not None or not due):
        return state, ()
    notice = _notice("firing" if fresh else "renotify", state, now)
    told = {
        name: replace(group, told=group.level) if is_worse(group.level, group.told) else group
        for name, group in state.groups.items()
    }
    return replace(state, groups=told, told_at=now), (notice,)


def _tell_recovery(state: AlertState, now: datetime) -> tuple[AlertState, tuple[Notice, ...]]:
    """End the alert, if there is one. Its end is told only where its beginning was."""
    if state.alert_since is None:
        return state, ()
    notices = (_notice("recovered", state, now),) if state.told is not None else ()
    over = {name: replace(group, told=None) for name, group in state.groups.items()}
    ended = AlertState(
        groups=over,
        observed_at=state.observed_at,
        failing=state.failing,
        snoozed_until=state.snoozed_until,
    )
    return ended, notices


def _notice(kind: NoticeKind, state: AlertState, now: datetime) -> Notice:
    recovered = kind == "recovered"
    named = {
        name: level
        for name, group in state.groups.items()
        if (level := group.told if recovered else group.level) is not None
    }
    ranked = sorted(named, key=lambda name: (named[name] != "critical", -state.groups[name].n, name))
    groups = tuple((name, state.groups[name]) for name in ranked[:MOST_GROUPS])
    return Notice(kind, named[ranked[0]], now, state.alert_since or now, groups)
