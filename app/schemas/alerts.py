"""What an alert says to people: one message, whatever channel carries it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

__all__ = ["AlertExample", "AlertGroup", "AlertLevel", "AlertMessage", "MessageKind"]

AlertLevel = Literal["warning", "critical"]
MessageKind = Literal["firing", "renotify", "recovered"]


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertGroup:
    """One group of a grouped alert: its name, its level (None once it recovered), its figures.

    `change` says in words what a change of behaviour is.
    """

    group: str
    level: AlertLevel | None
    value: float | None
    n: int
    change: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertExample:
    """A record behind an alert. Its texts are redacted and cut; None where no text is kept."""

    trace_id: UUID
    prompt: str | None
    response: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertMessage:
    """One message of one alert.

    `rule` is the rule's name. `level` is the worst level of the alert; in a message of recovery it
    is the level that has ended. `value` and `threshold` are in the unit of the metric, and None
    where an alert is about missing data or a failed query (`reason` then says so). For a change of
    behaviour `reason` says what changed. `n` is the
    number of records behind the value, and `window_seconds` the time that they are from. A grouped
    rule sends one message with at most 100 `groups`, the worst first. `dedup_key` is the same in
    every message of one alert, from its firing to its recovery, and never again. `at` is the moment
    of the decision and `since` the moment when the alert began, both aware UTC. `link` is the path
    of the page that shows the alert; the channel puts its own address before it. `channels` are the
    ids of the channels that carry the message.
    """

    project_id: str
    rule_id: UUID
    rule: str
    kind: MessageKind
    level: AlertLevel
    metric: str
    value: float | None
    threshold: float | None
    n: int
    window_seconds: int
    dedup_key: str
    at: datetime
    since: datetime
    link: str
    reason: str | None = None
    groups: tuple[AlertGroup, ...] = ()
    examples: tuple[AlertExample, ...] = ()
    channels: tuple[UUID, ...] = ()
