"""Making, changing, testing and deleting channels, each with a line in the audit log."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import msgspec

from app.access.administration import Line, record
from app.access.identity import no_project
from app.channels.sealing import Sealing
from app.errors import Conflict, NotFound
from app.schemas.alerts import AlertMessage
from app.schemas.channels import (
    MOST_CHANNELS,
    Channel,
    EmailTarget,
    PagerDutyTarget,
    SlackTarget,
    Target,
    TargetKind,
    WebhookTarget,
)
from app.schemas.ids import mint
from app.storage.access.projects import lock_settings
from app.storage.alerts.channels import (
    add_channel,
    count_channels,
    delete_channel,
    read_channel,
    save_channel,
)
from app.storage.alerts.deliveries import add_test
from app.storage.alerts.outbox import drop_waiting
from app.storage.engine import Connection

__all__ = [
    "ask_for_test",
    "change_channel",
    "find_channel",
    "make_channel",
    "remove_channel",
    "show_target",
]

_KINDS: dict[type[Target], TargetKind] = {
    WebhookTarget: "webhook",
    SlackTarget: "slack",
    PagerDutyTarget: "pagerduty",
    EmailTarget: "email",
}


def show_target(target: Target) -> dict[str, Any]:
    """Return what people may see of a target: no path of an address, no key and no password."""
    match target:
        case WebhookTarget() | SlackTarget():
            import httpx

            url = httpx.URL(target.url)
            return {"url": f"{url.scheme}://{url.netloc.decode('ascii')}/…"}
        case PagerDutyTarget():
            return {"region": target.region}
        case EmailTarget():
            return {
                name: getattr(target, name) for name in ("host", "port", "security", "sender", "recipients")
            }


async def find_channel(
    connection: Connection, project_id: str, channel_id: UUID, *, lock: bool = False
) -> Channel:
    """Return a channel of a project; raises NotFound."""
    channel = await read_channel(connection, project_id, channel_id, lock=lock)
    if channel is None:
        raise NotFound("There is no channel with this id.")
    return channel


async def make_channel(
    connection: Connection, line: Line, sealing: Sealing, name: str, target: Target, *, enabled: bool
) -> Channel:
    """Make a channel.

    Raises NotFound when the project does not exist, and Conflict when it has twenty channels or the
    installation has no key to encrypt the target.
    """
    if await lock_settings(connection, line.project_id) is None:
        raise no_project(line.project_id)
    if await count_channels(connection, line.project_id) >= MOST_CHANNELS:
        raise Conflict(f"A project has at most {MOST_CHANNELS} channels: delete one first.")
    channel_id = mint(int(line.now.timestamp() * 1000))
    channel = Channel(
        project_id=line.project_id,
        channel_id=channel_id,
        name=name,
        kind=_KINDS[type(target)],
        shown=show_target(target),
        sealed=sealing.seal(line.project_id, channel_id, target),
        enabled=enabled,
        failures=0,
        off_reason=None,
        created_at=line.now,
        created_by=line.actor,
        updated_at=line.now,
    )
    await add_channel(connection, channel)
    await _record(connection, line, "created", channel)
    return channel


async def change_channel(
    connection: Connection,
    line: Line,
    sealing: Sealing,
    channel_id: UUID,
    *,
    name: str | None = None,
    target: Target | None = None,
    enabled: bool | None = None,
) -> Channel:
    """Change what is given. Turning a channel on forgets its failures, and off its messages.

    Raises NotFound, and Conflict for a target of another kind or one that cannot be encrypted.
    """
    before = await find_channel(connection, line.project_id, channel_id, lock=True)
    after = msgspec.structs.replace(before, name=name or before.name, updated_at=line.now)
    if target is not None:
        if _KINDS[type(target)] != before.kind:
            raise Conflict(
                f"This channel is of the kind {before.kind}: make another channel for another kind."
            )
        sealed = sealing.seal(line.project_id, channel_id, target)
        after = msgspec.structs.replace(after, sealed=sealed, shown=show_target(target))
    if enabled is not None:
        after = msgspec.structs.replace(after, enabled=enabled, off_reason=None, failures=0)
    await save_channel(connection, after)
    if enabled is False:
        await drop_waiting(connection, line.project_id, channel_id, line.now)
    await _record(connection, line, "changed", after, new_target=target is not None)
    return after


async def remove_channel(connection: Connection, line: Line, channel_id: UUID) -> Channel:
    """Delete a channel, its waiting messages and its log; raises NotFound."""
    channel = await find_channel(connection, line.project_id, channel_id, lock=True)
    await delete_channel(connection, line.project_id, channel_id)
    await _record(connection, line, "deleted", channel)
    return channel


async def ask_for_test(connection: Connection, line: Line, channel_id: UUID) -> UUID:
    """Have a message sent that only tests a channel; returns the id of its delivery.

    A channel that is off is tested too. Raises NotFound.
    """
    channel = await find_channel(connection, line.project_id, channel_id, lock=True)
    message = AlertMessage(
        project_id=line.project_id,
        rule_id=channel_id,
        rule=f"test of the channel {channel.name}",
        kind="firing",
        level="warning",
        metric="test",
        value=1.0,
        threshold=1.0,
        n=1,
        window_seconds=60,
        dedup_key=f"test-{uuid4()}",
        at=line.now,
        since=line.now,
        link="",
    )
    delivery_id = await add_test(connection, message, channel_id, line.now)
    await _record(connection, line, "tested", channel)
    return delivery_id


async def _record(connection: Connection, line: Line, act: str, channel: Channel, **detail: object) -> None:
    shown = {"name": channel.name, "kind": channel.kind, "enabled": channel.enabled, **channel.shown}
    await record(connection, line, f"alert_channel.{act}", str(channel.channel_id), **shown, **detail)
