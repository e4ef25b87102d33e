"""The state of an alert rule, and what is remembered of each of its groups."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Literal, NamedTuple

import msgspec

from monitoring.alerting.rules import Level
from monitoring.alerting.wording import Change

__all__ = [
    "AlertState",
    "Group",
    "Notice",
    "NoticeKind",
    "Observation",
    "Reading",
    "Status",
    "Step",
    "Transition",
    "is_worse",
]

Status = Literal["ok", "pending", "warning", "critical", "no_data", "error"]
Reason = Literal["no_data", "error"]
NoticeKind = Literal["firing", "renotify", "recovered"]
_RANK: Mapping[Level | None, int] = {None: 0, "warning": 1, "critical": 2}


def is_worse(level: Level | None, than: Level | None) -> bool:
    """Tell whether a level is worse than another one. None is no alert at all."""
    return _RANK[level] > _RANK[than]


class Reading(msgspec.Struct, frozen=True):
    """What a query found for one group: the value, None without one, from `n` records.

    `change` says what a change of behaviour is.
    """

    value: float | None
    n: int
    change: Change | None = None


class Observation(msgspec.Struct, frozen=True):
    """What a query found at one moment, by group. A rule without groups has one, called "".

    `at` is the end of the observed window, aware UTC. `failed` says that the query failed.
    """

    at: datetime
    groups: Mapping[str, Reading] = {}
    failed: bool = False


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """One group of a rule. `level` is the level at which it fires, since `since`.

    `warning_since` and `critical_since` say since when its value is beyond these thresholds,
    `calm_since` since when it is not beyond the threshold of the level at which it fires, and
    `clear_since` since when it has recovered. `told` is the worst level that a message has named
    during this alert. `reason` says what keeps a value from being known, and `change` what a change
    of behaviour is.
    """

    level: Level | None = None
    since: datetime | None = None
    warning_since: datetime | None = None
    critical_since: datetime | None = None
    calm_since: datetime | None = None
    clear_since: datetime | None = None
    value: float | None = None
    n: int = 0
    reason: Reason | None = None
    change: Change | None = None
    told: Level | None = None

    @property
    def status(self) -> Status:
        """The state in one word."""
        if self.level is not None:
            return self.level
        if self.warning_since or self.critical_since:
            return "pending"
        return self.reason or "ok"


class AlertState(msgspec.Struct, frozen=True, kw_only=True):
    """The state of a rule: its groups, and the alert that they make together.

    `alert_since` is when the first group fired, None while none fires. `told_at` is the moment of
    the last message of this alert. `acknowledged` is the level that somebody has seen, and no
    message repeats it. Until `snoozed_until` no message is sent at all. `failing` says that the
    last query failed.
    """

    groups: Mapping[str, Group] = {}
    observed_at: datetime | None = None
    failing: bool = False
    alert_since: datetime | None = None
    told_at: datetime | None = None
    acknowledged: Level | None = None
    acknowledged_by: str | None = None
    acknowledged_at: datetime | None = None
    snoozed_until: datetime | None = None

    @property
    def level(self) -> Level | None:
        """The worst level at which a group fires."""
        return max((group.level for group in self.groups.values()), key=_RANK.__getitem__, default=None)

    @property
    def told(self) -> Level | None:
        """The worst level that a message has named during this alert."""
        return max((group.told for group in self.groups.values()), key=_RANK.__getitem__, default=None)

    @property
    def status(self) -> Status:
        """The state in one word: that of the worst group."""
        found = {group.status for group in self.groups.values()}
        if self.failing:
            found.add("error")
        order: tuple[Status, ...] = ("critical", "warning", "pending", "error", "no_data")
        return next((status for status in order if status in found), "ok")


class Transition(NamedTuple):
    """A change of the status of one group, with its value and the threshold then.

    `change` says in words what a change of behaviour was.
    """

    at: datetime
    group: str
    before: Status
    after: Status
    value: float | None
    n: int
    threshold: float | None
    change: str | None = None


class Notice(NamedTuple):
    """Something to tell people.

    `groups` are those that fire, the worst first, or those that have recovered.
    """

    kind: NoticeKind
    level: Level
    at: datetime
    since: datetime
    groups: tuple[tuple[str, Group], ...]


class Step(NamedTuple):
    """The outcome of one evaluation."""

    state: AlertState
    transitions: tuple[Transition, ...] = ()
    notices: tuple[Notice, ...] = ()
