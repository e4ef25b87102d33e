"""Rules and histories that the tests of alerts are told with."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from monitoring.alerting.machine import observe
from monitoring.alerting.rules import Rule
from monitoring.alerting.states import AlertState, Observation, Reading

START = datetime(2026, 3, 2, tzinfo=UTC)  # a Monday
MINUTE = timedelta(minutes=1)
FAILED = "failed"
WAITING = "waiting"
Told = float | int | str | None | Mapping[str, float | None]


def rule(**changes: Any) -> Rule:
    """A rule that fires above 0.1, and critically above 0.5."""
    given: dict[str, Any] = {
        "name": "flags",
        "metric": "violations",
        "aggregation": "rate",
        "direction": "above",
        "window": timedelta(hours=1),
        "warning": 0.1,
        "critical": 0.5,
    }
    return Rule(**(given | changes))


def minutes(count: float) -> timedelta:
    return count * MINUTE


def reading(value: float | None, n: int = 100) -> Reading:
    return Reading(value, 0 if value is None else n)


def observation(told: Told, at: datetime) -> Observation | None:
    if told == WAITING:
        return None
    if told == FAILED:
        return Observation(at, failed=True)
    if isinstance(told, Mapping):
        return Observation(at, {name: reading(value) for name, value in told.items()})
    assert told is None or isinstance(told, float | int)
    return Observation(at, {"": reading(told)})


def play(
    watched: Rule, story: Iterable[tuple[float, Told]], state: AlertState | None = None
) -> tuple[AlertState, list[str], list[str]]:
    """Observe minute by minute; returns the last state, the messages and the transitions."""
    state = state or AlertState()
    messages, transitions = [], []
    for minute, told in story:
        now = START + minutes(minute)
        state, changes, notices = observe(watched, state, observation(told, now), now)
        messages += [f"{minute:g} {notice.kind} {notice.level}" for notice in notices]
        transitions += [
            f"{minute:g} {change.group}{':' if change.group else ''}{change.before}>{change.after}"
            for change in changes
        ]
    return state, messages, transitions
