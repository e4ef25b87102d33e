"""Making, changing, deleting and silencing alert rules, each with a line of the audit log."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final, NamedTuple
from uuid import UUID

from msgspec.structs import replace

from app.access.administration import Line, record
from app.access.identity import no_project
from app.alerting.evaluation import next_due
from app.alerting.messages import make_message
from app.errors import Conflict, InvalidRecord, NotFound
from app.schemas.ids import mint
from app.storage.access.projects import lock_settings
from app.storage.alerts.channels import read_channels
from app.storage.alerts.deliveries import enqueue
from app.storage.alerts.rules import (
    StoredRule,
    add_rule,
    change_rule,
    count_rules,
    delete_rule,
    lock_rule,
    read_rule,
    save_state,
)
from app.storage.alerts.transitions import add_transitions
from app.storage.engine import Connection
from monitoring.alerting.machine import acknowledge, close, snooze
from monitoring.alerting.rules import Rule
from monitoring.alerting.states import AlertState, Step

__all__ = [
    "MOST_RULES",
    "Draft",
    "acknowledge_alert",
    "find_rule",
    "make_rule",
    "remove_rule",
    "replace_rule",
    "snooze_alert",
]

MOST_RULES: Final = 100
"""Rules of one project. All of them are evaluated, some every minute."""


class Draft(NamedTuple):
    """A rule as somebody wants it."""

    rule: Rule
    channels: tuple[UUID, ...] = ()
    enabled: bool = True


async def make_rule(connection: Connection, line: Line, draft: Draft) -> StoredRule:
    """Store a new rule. It is evaluated at its next due time.

    Raises NotFound without such a project, InvalidRecord for an unknown channel, and Conflict when
    the project has a hundred rules.
    """
    if await lock_settings(connection, line.project_id) is None:
        raise no_project(line.project_id)
    await _check_channels(connection, line.project_id, draft.channels)
    if await count_rules(connection, line.project_id) >= MOST_RULES:
        raise Conflict(f"A project has at most {MOST_RULES} alert rules: delete some first.")
    made = StoredRule(
        project_id=line.project_id,
        rule_id=mint(int(line.now.timestamp() * 1000)),
        rule=draft.rule,
        channels=draft.channels,
        enabled=draft.enabled,
        state=AlertState(),
        version=1,
        due_at=line.now,
        created_at=line.now,
        created_by=line.actor,
        updated_at=line.now,
    )
    made = replace(made, due_at=next_due(made, line.now))
    await add_rule(connection, made)
    await record(connection, line, "alert_rule.created", str(made.rule_id), name=made.rule.name)
    return made


async def replace_rule(
    connection: Connection, line: Line, rule_id: UUID, draft: Draft
) -> tuple[StoredRule, Step]:
    """Replace a rule. If what it watches changes, or it is turned off, its alert ends.

    Returns the rule and what its end says. Raises NotFound, and InvalidRecord for an unknown
    channel.
    """
    before = await _lock(connection, line.project_id, rule_id)
    await _check_channels(connection, line.project_id, draft.channels)
    step = Step(before.state)
    if draft.rule != before.rule or draft.enabled != before.enabled:
        step = await _end(connection, before, line.now)
    after = replace(
        before,
        rule=draft.rule,
        channels=draft.channels,
        enabled=draft.enabled,
        state=step.state,
        version=before.version + 1,
        updated_at=line.now,
    )
    after = replace(after, due_at=next_due(after, line.now))
    await change_rule(connection, after)
    await record(
        connection, line, "alert_rule.changed", str(rule_id), name=after.rule.name, enabled=after.enabled
    )
    return after, step


async def remove_rule(connection: Connection, line: Line, rule_id: UUID) -> tuple[StoredRule, Step]:
    """Delete a rule, whose alert ends with it. Raises NotFound."""
    before = await _lock(connection, line.project_id, rule_id)
    step = await _end(connection, before, line.now)
    await delete_rule(connection, line.project_id, rule_id)
    await record(connection, line, "alert_rule.deleted", str(rule_id), name=before.rule.name)
    return before, step


async def acknowledge_alert(connection: Connection, line: Line, rule_id: UUID) -> StoredRule:
    """Note that somebody has seen an alert: it is not told again until it changes.

    Raises NotFound, and Conflict if nothing fires.
    """
    before = await _lock(connection, line.project_id, rule_id)
    try:
        state = acknowledge(before.state, line.actor, line.now)
    except ValueError as error:
        raise Conflict("This rule does not fire, so there is nothing to acknowledge.") from error
    await record(connection, line, "alert.acknowledged", str(rule_id), name=before.rule.name)
    return await _keep(connection, before, state)


async def snooze_alert(
    connection: Connection, line: Line, rule_id: UUID, until: datetime | None
) -> StoredRule:
    """Send no messages of a rule until a moment, or send them again. Raises NotFound."""
    before = await _lock(connection, line.project_id, rule_id)
    ends = until.isoformat() if until else None
    await record(connection, line, "alert.snoozed", str(rule_id), name=before.rule.name, until=ends)
    return await _keep(connection, before, snooze(before.state, until))


async def find_rule(connection: Connection, project_id: str, rule_id: UUID) -> StoredRule:
    """Return a rule of a project; raises NotFound."""
    found = await read_rule(connection, project_id, rule_id)
    if found is None:
        raise _unknown()
    return found


async def _lock(connection: Connection, project_id: str, rule_id: UUID) -> StoredRule:
    found = await lock_rule(connection, project_id, rule_id)
    if found is None:
        raise _unknown()
    return found


async def _keep(connection: Connection, before: StoredRule, state: AlertState) -> StoredRule:
    after = replace(before, state=state)
    await save_state(connection, after)
    return after


async def _end(connection: Connection, stored: StoredRule, now: datetime) -> Step:
    step = close(stored.rule, stored.state, now)
    await add_transitions(connection, stored.project_id, stored.rule_id, step.transitions, now)
    await enqueue(connection, [make_message(stored, notice) for notice in step.notices], now)
    return step


async def _check_channels(connection: Connection, project_id: str, channels: Sequence[UUID]) -> None:
    found = {channel.channel_id for channel in await read_channels(connection, project_id, channels)}
    if missing := [str(one) for one in channels if one not in found]:
        message = f"there is no channel {missing[0]}"
        raise InvalidRecord(f"channels: {message}.", errors=[{"field": "channels", "message": message}])


def _unknown() -> NotFound:
    return NotFound("There is no alert rule with this id.")
