"""How often a rule would have fired: the same state machine over the past."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Final

import msgspec
from msgspec.structs import replace

from monitoring.alerting.machine import observe
from monitoring.alerting.rules import Level, Rule
from monitoring.alerting.states import AlertState, Notice, Observation

__all__ = ["MOST_MOMENTS", "Moment", "Trial", "run_trial"]

MOST_MOMENTS: Final = 100


class Moment(msgspec.Struct, frozen=True, kw_only=True):
    """One alert that would have been: from `at` to `ended_at`, None if it would fire still.

    `level` is its worst level. The value, `n`, the group and the `change` in words are those of the
    first message of that level.
    """

    at: datetime
    ended_at: datetime | None
    level: Level
    value: float | None
    n: int
    group: str
    change: str | None = None


class Trial(msgspec.Struct, frozen=True, kw_only=True):
    """The alerts of a trial. Of these, `moments` has the last hundred, the oldest first."""

    fired: int
    evaluations: int
    moments: tuple[Moment, ...]


def run_trial(rule: Rule, observations: Iterable[Observation]) -> Trial:
    """Return the alerts that a rule would have raised. Nobody mutes them or is told again."""
    watched = replace(rule, mutes=(), renotify=None)
    state, moments, evaluations, fired = AlertState(), list[Moment](), 0, 0
    for observation in observations:
        state, _, notices = observe(watched, state, observation, observation.at)
        evaluations += 1
        for notice in notices:
            fired += _note(moments, notice)
            del moments[:-MOST_MOMENTS]
    return Trial(fired=fired, evaluations=evaluations, moments=tuple(moments))


def _note(moments: list[Moment], notice: Notice) -> bool:
    """Add a message to the moments; tells whether a new alert begins with it."""
    open_ = moments[-1] if moments and moments[-1].ended_at is None else None
    if notice.kind == "recovered":
        if open_ is not None:
            moments[-1] = replace(open_, ended_at=notice.at)
        return False
    name, group = notice.groups[0]
    change = group.change.text if group.change else None
    if open_ is None:
        moments.append(
            Moment(
                at=notice.at,
                ended_at=None,
                level=notice.level,
                value=group.value,
                n=group.n,
                group=name,
                change=change,
            )
        )
        return True
    if open_.level == "warning" and notice.level == "critical":
        moments[-1] = replace(
            open_, level="critical", value=group.value, n=group.n, group=name, change=change
        )
    return False
