"""What became of alert rules: every change of the status of a group, with its value."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec
from sqlalchemy import insert, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.schemas.ids import mint_many
from app.storage.tables import alert_transitions
from monitoring.alerting.states import Transition

__all__ = ["MOST_KEPT", "StoredTransition", "add_transitions", "forget_transitions", "read_transitions"]

MOST_KEPT = 10_000
"""Transitions that are kept of one rule: the last ones."""

_FORGET = text("DELETE FROM alert_transitions WHERE at < :before")
_FORGET_MANY = text("""
DELETE FROM alert_transitions t USING (
    SELECT project_id, transition_id,
        row_number() OVER (PARTITION BY project_id, rule_id ORDER BY transition_id DESC) AS place
    FROM alert_transitions
) AS counted
WHERE t.project_id = counted.project_id AND t.transition_id = counted.transition_id AND counted.place > :most
""")


class StoredTransition(msgspec.Struct, frozen=True, kw_only=True):
    """A change of one group's status. `group` is empty for a rule without groups.

    `change` says in words what a change of behaviour was.
    """

    transition_id: UUID
    at: datetime
    group: str
    before: str
    after: str
    value: float | None
    n: int
    threshold: float | None
    change: str | None


async def add_transitions(
    connection: AsyncConnection,
    project_id: str,
    rule_id: UUID,
    transitions: Sequence[Transition],
    now: datetime,
) -> None:
    """Store transitions in the transaction that stores the state that they lead to."""
    if not transitions:
        return
    ids = mint_many(int(now.timestamp() * 1000), len(transitions))
    await connection.execute(
        insert(alert_transitions),
        [
            {
                "project_id": project_id,
                "transition_id": transition_id,
                "rule_id": rule_id,
                "at": one.at,
                "group_name": one.group,
                "before": one.before,
                "after": one.after,
                "value": one.value,
                "n": one.n,
                "threshold": one.threshold,
                "change": one.change,
            }
            for transition_id, one in zip(ids, transitions, strict=True)
        ],
    )


async def read_transitions(
    connection: AsyncConnection, project_id: str, rule_id: UUID, *, before: UUID | None, limit: int
) -> list[StoredTransition]:
    """Return the transitions of a rule, the last first; only those before the one given."""
    columns = alert_transitions.c
    statement = (
        select(
            columns.transition_id,
            columns.at,
            columns.group_name.label("group"),
            columns.before,
            columns.after,
            columns.value,
            columns.n,
            columns.threshold,
            columns.change,
        )
        .where(columns.project_id == project_id, columns.rule_id == rule_id)
        .order_by(columns.transition_id.desc())
        .limit(limit)
    )
    if before is not None:
        statement = statement.where(columns.transition_id < before)
    return [StoredTransition(**row._asdict()) for row in await connection.execute(statement)]


async def forget_transitions(connection: AsyncConnection, before: datetime) -> None:
    """Delete transitions before an aware moment, and all but the last ten thousand of each rule."""
    await connection.execute(_FORGET, {"before": before})
    await connection.execute(_FORGET_MANY, {"most": MOST_KEPT})
