"""Alert rules as clients send them, and what the API shows of rules and their states."""

from __future__ import annotations

import re
from datetime import datetime, time, timedelta
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

from app.alerting.administration import Draft
from app.alerting.history import RuleTrial
from app.alerting.selecting import read_selection, write_selection
from app.errors import InvalidRecord
from app.schemas.keys import LONGEST_NAME, NAME_PATTERN
from app.storage.alerts.rules import StoredRule
from app.storage.alerts.transitions import StoredTransition
from monitoring.alerting.metrics import Aggregation
from monitoring.alerting.rules import Comparison, Direction, Level, MissingPolicy, Rule, check_rule
from monitoring.alerting.schedules import DAYS, Day, Mute
from monitoring.alerting.states import Group, Status
from monitoring.statistics.trends import parse_period

__all__ = [
    "AlertHistory",
    "AlertList",
    "AlertRuleIn",
    "AlertRuleList",
    "AlertRuleMade",
    "AlertRuleOut",
    "AlertStateOut",
    "ReadyRule",
    "SnoozeIn",
    "show_definition",
    "show_rule",
    "show_state",
]

_MOST_NUMBER = 1e12
_UNITS = {"w": timedelta(weeks=1), "d": timedelta(days=1), "h": timedelta(hours=1), "m": timedelta(minutes=1)}


def _period(text: str) -> str:
    parse_period(text)
    return text


def _local(clock: time) -> time:
    if clock.tzinfo is not None:
        raise ValueError("write the time without an offset, and its time zone in tz")
    return clock


def _named(text: str) -> str:
    if not re.fullmatch(NAME_PATTERN, text):
        raise ValueError("a name has no control characters and no line breaks")
    return text


Period = Annotated[str, Field(max_length=16), AfterValidator(_period)]
Number = Annotated[float, Field(ge=-_MOST_NUMBER, le=_MOST_NUMBER, allow_inf_nan=False)]
Clock = Annotated[time, AfterValidator(_local)]
RuleName = Annotated[str, Field(min_length=1, max_length=LONGEST_NAME), AfterValidator(_named)]
MetricName = Annotated[str, StringConstraints(pattern=r"^[a-z_]+(:[A-Za-z0-9_.-]{1,128})?$", max_length=160)]


class MuteIn(BaseModel):
    """Hours without messages: by the clock of `tz`, on the days on which they begin."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    days: Annotated[tuple[Day, ...], Field(max_length=7)] = DAYS
    start: Clock
    end: Clock
    tz: Annotated[str, Field(max_length=64)] = "UTC"


class AlertRuleIn(BaseModel):
    """An alert rule. Times are a number and m, h, d or w, such as 5m, 1h or 7d."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: RuleName
    metric: MetricName
    aggregation: Aggregation
    direction: Direction
    window: Period
    warning: Number | None = None
    critical: Number | None = None
    recovery: Number | None = None
    compare: Comparison = "value"
    weeks: Annotated[int, Field(ge=1, le=4)] = 4
    days: Annotated[int, Field(ge=3, le=28)] | None = None
    filter: Annotated[str, Field(max_length=4_000)] | None = None
    group_by: Literal["model", "template", "tag"] | None = None
    pending: Period | None = None
    keep_firing: Period | None = None
    minimum_n: Annotated[int, Field(ge=1, le=1_000_000_000)] = 1
    no_data: MissingPolicy = "keep"
    on_error: MissingPolicy = "keep"
    renotify: Period | None = None
    mutes: Annotated[tuple[MuteIn, ...], Field(max_length=10)] = ()
    channels: Annotated[tuple[UUID, ...], Field(max_length=10)] = ()
    enabled: bool = True

    def to_draft(self) -> Draft:
        """Return the rule as it is kept; raises InvalidRecord that names each field at fault."""
        given = self.model_dump(exclude={"channels", "enabled", "mutes", "filter"})
        for name in ("window", "pending", "keep_firing", "renotify"):
            given[name] = parse_period(given[name]) if given[name] else None
        zero = timedelta()
        rule = Rule(
            **given
            | {"pending": given["pending"] or zero, "keep_firing": given["keep_firing"] or zero}
            | {"filter": read_selection(self.filter)},
            mutes=tuple(Mute(**mute.model_dump()) for mute in self.mutes),
        )
        faults = check_rule(rule)
        if faults:
            raise InvalidRecord(
                f"{faults[0].field}: {faults[0].message}.", errors=[fault._asdict() for fault in faults]
            )
        return Draft(rule, tuple(dict.fromkeys(self.channels)), self.enabled)


class SnoozeIn(BaseModel):
    """How long a rule sends no messages. Null sends them again."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    until: AwareDatetime | None


class AlertRuleOut(msgspec.Struct, frozen=True, kw_only=True):
    """A rule as it is kept. The fields of `rule` are those of a body that makes it."""

    rule_id: UUID
    rule: dict[str, Any]
    status: Status
    evaluated_every_seconds: int
    created_at: datetime
    created_by: str
    updated_at: datetime


class AlertRuleMade(AlertRuleOut, frozen=True, kw_only=True):
    """A rule that was just made or tried, and what it would have done in the last thirty days."""

    trial: RuleTrial


class ReadyRule(msgspec.Struct, frozen=True, kw_only=True):
    """A rule that comes with the project. POST /alerts/ready/{name} chooses it."""

    name: str
    rule: dict[str, Any]


class AlertRuleList(msgspec.Struct, frozen=True, kw_only=True):
    """Every rule of a project, the oldest first, and the rules that may be chosen."""

    rules: tuple[AlertRuleOut, ...]
    ready: tuple[ReadyRule, ...]


class GroupOut(msgspec.Struct, frozen=True, kw_only=True):
    """The state of one group. `group` is empty for a rule without groups.

    `change` says in words what a change of behaviour is.
    """

    group: str
    status: Status
    since: datetime | None
    value: float | None
    n: int
    reason: str | None
    change: str | None


class AlertStateOut(msgspec.Struct, frozen=True, kw_only=True):
    """The state of a rule. `observed_at` is the end of the last window that was looked at."""

    rule_id: UUID
    name: str
    enabled: bool
    status: Status
    level: Level | None
    since: datetime | None
    observed_at: datetime | None
    told_at: datetime | None
    acknowledged_by: str | None
    acknowledged_at: datetime | None
    snoozed_until: datetime | None
    groups: tuple[GroupOut, ...]


class AlertList(msgspec.Struct, frozen=True, kw_only=True):
    """The states of all rules of a project, those that fire first."""

    alerts: tuple[AlertStateOut, ...]


class AlertHistory(msgspec.Struct, frozen=True, kw_only=True):
    """Transitions, the last first. `next` is the value of `before` for the next page."""

    transitions: tuple[StoredTransition, ...]
    next: UUID | None


def show_rule(stored: StoredRule) -> AlertRuleOut:
    """Return a rule as it is shown."""
    return AlertRuleOut(
        rule_id=stored.rule_id,
        rule=show_definition(Draft(stored.rule, stored.channels, stored.enabled)),
        status=stored.state.status,
        evaluated_every_seconds=int(stored.rule.interval.total_seconds()),
        created_at=stored.created_at,
        created_by=stored.created_by,
        updated_at=stored.updated_at,
    )


def show_definition(draft: Draft) -> dict[str, Any]:
    """Return the body that makes a rule."""
    shown: dict[str, Any] = msgspec.to_builtins(draft.rule)
    for name in ("window", "pending", "keep_firing", "renotify"):
        shown[name] = _write_period(getattr(draft.rule, name))
    shown["filter"] = write_selection(draft.rule.filter)
    return shown | {"channels": [str(one) for one in draft.channels], "enabled": draft.enabled}


def show_state(stored: StoredRule) -> AlertStateOut:
    """Return the state of a rule as it is shown."""
    state = stored.state
    return AlertStateOut(
        rule_id=stored.rule_id,
        name=stored.rule.name,
        enabled=stored.enabled,
        status=state.status,
        level=state.level,
        since=state.alert_since,
        observed_at=state.observed_at,
        told_at=state.told_at,
        acknowledged_by=state.acknowledged_by,
        acknowledged_at=state.acknowledged_at,
        snoozed_until=state.snoozed_until,
        groups=tuple(_show_group(name, group) for name, group in state.groups.items()),
    )


def _show_group(name: str, group: Group) -> GroupOut:
    return GroupOut(
        group=name,
        status=group.status,
        since=group.since,
        value=group.value,
        n=group.n,
        reason=group.reason,
        change=group.change.text if group.change else None,
    )


def _write_period(length: timedelta | None) -> str | None:
    if not length:
        return None
    unit = next(unit for unit, one in _UNITS.items() if not length % one)
    return f"{length // _UNITS[unit]}{unit}"
