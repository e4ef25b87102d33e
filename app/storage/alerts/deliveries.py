"""The outbox of alerts: messages that wait for delivery, and the log of those that were sent.

A message is written in the transaction of the change that it tells of. So a change that is stored
is told, and one that is undone is not. Texts of calls are left out: whoever sends a message reads
them from the traces, so that nothing erased is left here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec
from sqlalchemy import Row, func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.schemas.alerts import AlertExample, AlertMessage
from app.schemas.channels import Delivery, DeliveryKind, DeliveryState
from app.schemas.ids import mint
from app.storage.tables import alert_channels, alert_deliveries
from monitoring.clock import now_utc

__all__ = ["MOST_WAITING", "OFF", "add_test", "enqueue", "read_deliveries", "read_delivery"]

MOST_WAITING: Final = 1_000
"""Messages of one project that may wait. Further ones are only logged."""
OFF: Final = "The channel is turned off."
_CROWDED = f"{MOST_WAITING:,} messages of this project wait already."
_MOST_GROUPS, _MOST_EXAMPLES = 100, 3
# A key of more characters is no key for PagerDuty. The page of an alert has a short path.
_SHORT, _LONG = 200, 500
_DEDUP = 180

_COLUMNS = tuple(alert_deliveries.c[name] for name in Delivery.__struct_fields__)


async def enqueue(
    connection: AsyncConnection, messages: Iterable[AlertMessage], now: datetime | None = None
) -> int:
    """Write each message for each of its channels, in the transaction of the caller.

    Returns how many deliveries will be tried. Channels that do not exist are left out. A message
    for a channel that is off, or of a project with a thousand waiting messages, is only logged.
    Long texts are cut.
    """
    kept = [message for message in messages if message.channels]
    if not kept:
        return 0
    moment = now or now_utc()
    projects = {message.project_id for message in kept}
    waiting, enabled = await _count_waiting(connection, projects), await _read_enabled(connection, projects)
    rows = list(_rows(kept, moment, waiting, enabled))
    if rows:
        await connection.execute(insert(alert_deliveries), rows)
    return sum(row["state"] == "pending" for row in rows)


async def add_test(
    connection: AsyncConnection, message: AlertMessage, channel_id: UUID, now: datetime
) -> UUID:
    """Write a message that tests a channel, even one that is off; returns the id of its delivery.

    If a test of the channel waits already, that one is returned.
    """
    waiting = await connection.scalar(
        select(alert_deliveries.c.delivery_id).where(
            alert_deliveries.c.project_id == message.project_id,
            alert_deliveries.c.channel_id == channel_id,
            alert_deliveries.c.kind == "test",
            alert_deliveries.c.state == "pending",
        )
    )
    if waiting is not None:
        return UUID(bytes=waiting.bytes)
    row = _row(message, channel_id, "test", now)
    await connection.execute(insert(alert_deliveries).values(row))
    delivery_id: UUID = row["delivery_id"]
    return delivery_id


async def read_delivery(connection: AsyncConnection, project_id: str, delivery_id: UUID) -> Delivery | None:
    """Return a delivery, None if the project has none with this id."""
    found = select(*_COLUMNS).where(
        alert_deliveries.c.project_id == project_id, alert_deliveries.c.delivery_id == delivery_id
    )
    row = (await connection.execute(found)).first()
    return _delivery(row) if row else None


async def read_deliveries(
    connection: AsyncConnection,
    project_id: str,
    *,
    channel_id: UUID | None = None,
    state: DeliveryState | None = None,
    before: UUID | None = None,
    limit: int = 100,
) -> list[Delivery]:
    """Return the deliveries of a project, the newest first; only those before a delivery."""
    found = (
        select(*_COLUMNS)
        .where(alert_deliveries.c.project_id == project_id)
        .order_by(alert_deliveries.c.delivery_id.desc())
        .limit(limit)
    )
    if channel_id is not None:
        found = found.where(alert_deliveries.c.channel_id == channel_id)
    if state is not None:
        found = found.where(alert_deliveries.c.state == state)
    if before is not None:
        found = found.where(alert_deliveries.c.delivery_id < before)
    return [_delivery(row) for row in await connection.execute(found)]


async def _count_waiting(connection: AsyncConnection, projects: Iterable[str]) -> Counter[str]:
    rows = await connection.execute(
        select(alert_deliveries.c.project_id, func.count())
        .where(alert_deliveries.c.project_id.in_(projects), alert_deliveries.c.state == "pending")
        .group_by(alert_deliveries.c.project_id)
    )
    return Counter({row[0]: row[1] for row in rows})


async def _read_enabled(connection: AsyncConnection, projects: Iterable[str]) -> dict[tuple[str, UUID], bool]:
    rows = await connection.execute(
        select(alert_channels.c.project_id, alert_channels.c.channel_id, alert_channels.c.enabled)
        .where(alert_channels.c.project_id.in_(projects))
        .with_for_update(read=True, key_share=True)  # nobody deletes a channel meanwhile
    )
    return {(row.project_id, UUID(bytes=row.channel_id.bytes)): row.enabled for row in rows}


def _rows(
    messages: Iterable[AlertMessage],
    now: datetime,
    waiting: Counter[str],
    enabled: Mapping[tuple[str, UUID], bool],
) -> Iterator[dict[str, Any]]:
    for message in messages:
        for channel_id in dict.fromkeys(message.channels):
            on = enabled.get((message.project_id, channel_id))
            if on is None:
                continue
            crowded = waiting[message.project_id] >= MOST_WAITING
            refused = _CROWDED if crowded else None if on else OFF
            waiting[message.project_id] += refused is None
            yield _row(message, channel_id, message.kind, now, refused)


def _row(
    message: AlertMessage, channel_id: UUID, kind: DeliveryKind, now: datetime, refused: str | None = None
) -> dict[str, Any]:
    return {
        "project_id": message.project_id,
        "delivery_id": mint(int(now.timestamp() * 1000)),
        "channel_id": channel_id,
        "kind": kind,
        "state": "failed" if refused else "pending",
        "message": msgspec.json.decode(msgspec.json.encode(_bounded(message))),  # a NaN becomes null
        "due_at": now,
        "error": refused,
        "created_at": now,
        "finished_at": now if refused else None,
    }


def _bounded(message: AlertMessage) -> AlertMessage:
    """Return a message without texts of calls, whose own texts are of a bounded length."""
    return replace(
        message,
        rule=_cut(message.rule, _SHORT),
        metric=_cut(message.metric, _SHORT),
        dedup_key=_cut(message.dedup_key, _DEDUP),
        link=_cut(message.link, _LONG),
        reason=None if message.reason is None else _cut(message.reason, _LONG),
        groups=tuple(replace(one, group=_cut(one.group, _SHORT)) for one in message.groups[:_MOST_GROUPS]),
        examples=tuple(
            AlertExample(trace_id=one.trace_id, prompt=None, response=None)
            for one in message.examples[:_MOST_EXAMPLES]
        ),
        channels=(),
    )


def _cut(text: str, most: int) -> str:
    # JSON in Postgres holds no character of the number zero.
    return text.replace("\0", "")[:most]


def _delivery(row: Row[Any]) -> Delivery:
    fields = row._asdict()
    return Delivery(**{**fields, "message": msgspec.convert(fields["message"], AlertMessage)})
