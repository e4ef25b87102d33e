"""Taking due messages of alerts out of the outbox, and writing what became of them.

A channel is sent one message at a time, in the order in which they were written, so that a recovery
never overtakes the alert. A worker claims the channel for a time that is longer than any attempt.
If it dies, another one takes the message again: messages are delivered at least once.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app.schemas.alerts import AlertMessage
from app.schemas.channels import Channel, DeliveryKind
from app.storage.alerts.channels import read_channel
from app.storage.alerts.deliveries import OFF
from app.storage.tables import alert_channels, alert_deliveries

__all__ = ["Claim", "claim_due", "drop_waiting", "finish", "forget_deliveries", "postpone"]

_TEST: DeliveryKind = "test"
# The oldest message of each channel is next, and a test comes before it. A project has at most so
# many channels at work at one time, so that those of others have room.
_CLAIM = text("""
WITH heads AS (
    SELECT DISTINCT ON (project_id, channel_id) project_id, channel_id, delivery_id, due_at
    FROM alert_deliveries WHERE state = 'pending'
    ORDER BY project_id, channel_id, (kind = :test) DESC, delivery_id
), ranked AS (
    SELECT h.*, row_number() OVER (PARTITION BY h.project_id ORDER BY h.due_at, h.delivery_id) + (
        SELECT count(*) FROM alert_channels AS b WHERE b.project_id = h.project_id AND b.busy_until > :now
    ) AS place
    FROM heads AS h JOIN alert_channels AS c USING (project_id, channel_id)
    WHERE h.due_at <= :now AND (c.busy_until IS NULL OR c.busy_until <= :now)
), free AS (
    SELECT c.project_id, c.channel_id, r.delivery_id
    FROM ranked AS r JOIN alert_channels AS c USING (project_id, channel_id)
    WHERE r.place <= :most_of_project AND (c.busy_until IS NULL OR c.busy_until <= :now)
    ORDER BY r.place, r.due_at LIMIT :most FOR UPDATE OF c SKIP LOCKED
), claimed AS (
    UPDATE alert_channels AS c SET busy_until = :until FROM free AS f
    WHERE c.project_id = f.project_id AND c.channel_id = f.channel_id
    RETURNING c.project_id, c.channel_id, f.delivery_id
)
UPDATE alert_deliveries AS d SET attempts = d.attempts + 1 FROM claimed
WHERE d.project_id = claimed.project_id AND d.delivery_id = claimed.delivery_id AND d.state = 'pending'
RETURNING d.project_id, d.channel_id, d.delivery_id, d.kind, d.attempts, d.message, d.created_at
""")
# The log says what was told. Names of groups may be those of people, so they do not stay.
_FINISH = text("""
UPDATE alert_deliveries
SET state = :state, status_code = :status_code, error = :error, finished_at = :now, message = message - 'groups'
WHERE project_id = :project_id AND delivery_id = :delivery_id AND state = 'pending'
""")
_DROP = text("""
UPDATE alert_deliveries SET state = 'failed', error = :error, finished_at = :now, message = message - 'groups'
WHERE project_id = :project_id AND channel_id = :channel_id AND state = 'pending' AND kind <> :test
""")
_FORGET = text("""
DELETE FROM alert_deliveries AS d USING (
    SELECT project_id, delivery_id, row_number() OVER (PARTITION BY project_id ORDER BY delivery_id DESC) AS place
    FROM alert_deliveries
) AS p
WHERE d.project_id = p.project_id AND d.delivery_id = p.delivery_id AND d.state <> 'pending'
AND (d.finished_at < :before OR p.place > :most)
""")


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """The right to send one message until `until`; `attempts` counts this attempt too."""

    project_id: str
    channel_id: UUID
    delivery_id: UUID
    kind: DeliveryKind
    attempts: int
    message: AlertMessage
    created_at: datetime
    until: datetime


async def claim_due(
    connection: AsyncConnection, now: datetime, lease: timedelta, *, most: int, most_of_project: int
) -> list[Claim]:
    """Claim the channels of at most `most` messages that are due, and count an attempt at each."""
    until = now + lease
    rows = await connection.execute(
        _CLAIM, {"now": now, "until": until, "most": most, "most_of_project": most_of_project, "test": _TEST}
    )
    return [_claim(row._asdict(), until) for row in rows]


def _claim(fields: dict[str, Any], until: datetime) -> Claim:
    return Claim(**{**fields, "message": msgspec.convert(fields["message"], AlertMessage)}, until=until)


async def finish(
    connection: AsyncConnection,
    claim: Claim,
    now: datetime,
    *,
    delivered: bool,
    status_code: int | None = None,
    error: str | None = None,
) -> Channel | None:
    """Write that a message was delivered or given up, and free its channel.

    Returns the channel as it is now, whose `failures` count this message unless it was a test. None
    if the claim has ended or the channel was deleted: then nothing is written.
    """
    counts = claim.kind != _TEST
    failures = 0 if delivered else alert_channels.c.failures + (1 if counts else 0)
    if not await _free(connection, claim, failures=failures):
        return None
    await connection.execute(
        _FINISH,
        {
            "project_id": claim.project_id,
            "delivery_id": claim.delivery_id,
            "state": "delivered" if delivered else "failed",
            "status_code": status_code,
            "error": error,
            "now": now,
        },
    )
    return await read_channel(connection, claim.project_id, claim.channel_id)


async def postpone(
    connection: AsyncConnection, claim: Claim, due_at: datetime, *, status_code: int | None, error: str
) -> None:
    """Write why an attempt failed and when the next one is due, and free the channel."""
    if await _free(connection, claim):
        await connection.execute(
            update(alert_deliveries)
            .where(
                alert_deliveries.c.project_id == claim.project_id,
                alert_deliveries.c.delivery_id == claim.delivery_id,
                alert_deliveries.c.state == "pending",
            )
            .values(due_at=due_at, status_code=status_code, error=error)
        )


async def _free(connection: AsyncConnection, claim: Claim, **values: Any) -> bool:
    # The end of the lease protects the message: a later claim has changed it.
    row = await connection.execute(
        update(alert_channels)
        .where(
            alert_channels.c.project_id == claim.project_id,
            alert_channels.c.channel_id == claim.channel_id,
            alert_channels.c.busy_until == claim.until,
        )
        .values(busy_until=None, **values)
        .returning(alert_channels.c.channel_id)
    )
    return row.first() is not None


async def drop_waiting(connection: AsyncConnection, project_id: str, channel_id: UUID, now: datetime) -> None:
    """Give up the waiting messages of a channel that was turned off; tests still go out."""
    await connection.execute(
        _DROP, {"project_id": project_id, "channel_id": channel_id, "now": now, "error": OFF, "test": _TEST}
    )


async def forget_deliveries(connection: AsyncConnection, before: datetime, *, most: int) -> None:
    """Delete the log before an aware moment, and beyond the latest `most` of each project."""
    await connection.execute(_FORGET, {"before": before, "most": most})
