"""The channels of a project's alerts."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import Row, delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app.schemas.channels import Channel
from app.storage.tables import alert_channels

__all__ = ["add_channel", "count_channels", "delete_channel", "read_channel", "read_channels", "save_channel"]

_COLUMNS = tuple(alert_channels.c[name] for name in Channel.__struct_fields__)


async def read_channels(
    connection: AsyncConnection, project_id: str, channel_ids: Collection[UUID] | None = None
) -> list[Channel]:
    """Return the channels of a project, the oldest first; only those with these ids, if given."""
    found = (
        select(*_COLUMNS)
        .where(alert_channels.c.project_id == project_id)
        .order_by(alert_channels.c.channel_id)
    )
    if channel_ids is not None:
        found = found.where(alert_channels.c.channel_id.in_(channel_ids))
    return [_channel(row) for row in await connection.execute(found)]


async def read_channel(
    connection: AsyncConnection, project_id: str, channel_id: UUID, *, lock: bool = False
) -> Channel | None:
    """Return a channel, None if the project has none with this id.

    With `lock` it stays as it is until the transaction ends.
    """
    found = select(*_COLUMNS).where(
        alert_channels.c.project_id == project_id, alert_channels.c.channel_id == channel_id
    )
    row = (await connection.execute(found.with_for_update() if lock else found)).first()
    return _channel(row) if row else None


async def count_channels(connection: AsyncConnection, project_id: str) -> int:
    """Return how many channels a project has."""
    counted = select(func.count()).where(alert_channels.c.project_id == project_id)
    return await connection.scalar(counted) or 0


async def add_channel(connection: AsyncConnection, channel: Channel) -> None:
    """Store a new channel; its project must exist."""
    await connection.execute(insert(alert_channels).values(msgspec.structs.asdict(channel)))


async def save_channel(connection: AsyncConnection, channel: Channel) -> None:
    """Replace a stored channel by one with the same id."""
    await connection.execute(
        update(alert_channels)
        .where(
            alert_channels.c.project_id == channel.project_id,
            alert_channels.c.channel_id == channel.channel_id,
        )
        .values(msgspec.structs.asdict(channel))
    )


async def delete_channel(connection: AsyncConnection, project_id: str, channel_id: UUID) -> None:
    """Delete a channel and the log of its deliveries."""
    await connection.execute(
        delete(alert_channels).where(
            alert_channels.c.project_id == project_id, alert_channels.c.channel_id == channel_id
        )
    )


def _channel(row: Row[Any]) -> Channel:
    return Channel(**row._asdict())
