"""Alert rules and their states."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import ColumnElement, Row, delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app.storage.tables import alert_rules
from monitoring.alerting.rules import Rule
from monitoring.alerting.states import AlertState

__all__ = [
    "StoredRule",
    "add_rule",
    "change_rule",
    "count_rules",
    "delete_rule",
    "due_rules",
    "lock_rule",
    "read_rule",
    "read_rules",
    "save_state",
]


class StoredRule(msgspec.Struct, frozen=True, kw_only=True):
    """A rule as it is stored, with its state.

    `channels` are the ids of the channels that carry its messages. `version` counts the changes of
    the rule, and `due_at` is the moment of its next evaluation.
    """

    project_id: str
    rule_id: UUID
    rule: Rule
    channels: tuple[UUID, ...]
    enabled: bool
    state: AlertState
    version: int
    due_at: datetime
    created_at: datetime
    created_by: str
    updated_at: datetime


def _of(project_id: str, rule_id: UUID) -> ColumnElement[bool]:
    return (alert_rules.c.project_id == project_id) & (alert_rules.c.rule_id == rule_id)


async def add_rule(connection: AsyncConnection, stored: StoredRule) -> None:
    """Store a new rule."""
    await connection.execute(insert(alert_rules).values(**_columns(stored)))


async def count_rules(connection: AsyncConnection, project_id: str) -> int:
    """Return the number of rules of a project."""
    return (
        await connection.scalar(
            select(func.count()).select_from(alert_rules).where(alert_rules.c.project_id == project_id)
        )
        or 0
    )


async def read_rules(connection: AsyncConnection, project_id: str) -> list[StoredRule]:
    """Return every rule of a project, the oldest first."""
    rows = await connection.execute(
        select(alert_rules)
        .where(alert_rules.c.project_id == project_id)
        .order_by(alert_rules.c.created_at, alert_rules.c.rule_id)
    )
    return [_stored(row) for row in rows]


async def read_rule(connection: AsyncConnection, project_id: str, rule_id: UUID) -> StoredRule | None:
    """Return a rule, None if the project has no such rule."""
    row = (await connection.execute(select(alert_rules).where(_of(project_id, rule_id)))).first()
    return _stored(row) if row else None


async def lock_rule(connection: AsyncConnection, project_id: str, rule_id: UUID) -> StoredRule | None:
    """Return the same as `read_rule`, and lock the rule until the transaction ends."""
    statement = select(alert_rules).where(_of(project_id, rule_id)).with_for_update()
    row = (await connection.execute(statement)).first()
    return _stored(row) if row else None


async def change_rule(connection: AsyncConnection, stored: StoredRule) -> None:
    """Store a rule that was locked and changed."""
    await connection.execute(
        update(alert_rules).where(_of(stored.project_id, stored.rule_id)).values(**_columns(stored))
    )


async def save_state(connection: AsyncConnection, stored: StoredRule) -> None:
    """Store the state of a rule that was locked, and the moment of its next evaluation."""
    await connection.execute(
        update(alert_rules)
        .where(_of(stored.project_id, stored.rule_id))
        .values(state=msgspec.to_builtins(stored.state), due_at=stored.due_at)
    )


async def delete_rule(connection: AsyncConnection, project_id: str, rule_id: UUID) -> None:
    """Delete a rule. Its transitions stay until they expire."""
    await connection.execute(delete(alert_rules).where(_of(project_id, rule_id)))


async def due_rules(connection: AsyncConnection, now: datetime, *, limit: int) -> Sequence[StoredRule]:
    """Return rules of any project whose evaluation is due, the one that waited longest first."""
    rows = await connection.execute(
        select(alert_rules)
        .where(alert_rules.c.enabled, alert_rules.c.due_at <= now)
        .order_by(alert_rules.c.due_at)
        .limit(limit)
    )
    return [_stored(row) for row in rows]


def _columns(stored: StoredRule) -> dict[str, Any]:
    columns = {name: getattr(stored, name) for name in StoredRule.__struct_fields__ if name != "rule"}
    return columns | {
        "definition": msgspec.to_builtins(stored.rule),
        "channels": list(stored.channels),
        "state": msgspec.to_builtins(stored.state),
    }


def _stored(row: Row[Any]) -> StoredRule:
    columns = row._asdict()
    return StoredRule(
        rule=msgspec.convert(columns.pop("definition"), Rule),
        state=msgspec.convert(columns.pop("state"), AlertState),
        channels=tuple(UUID(bytes=one.bytes) for one in columns.pop("channels")),
        rule_id=UUID(bytes=columns.pop("rule_id").bytes),
        **columns,
    )
