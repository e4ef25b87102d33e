"""Typed publish and subscribe on Redis: events for live views, and answers for waiting requests."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any, Literal

import msgspec
from redis.asyncio import Redis
from redis.asyncio.client import PubSub

from app.schemas.json_output import encode_json
from app.schemas.queued import Summary

__all__ = [
    "Event",
    "EventType",
    "publish_alert",
    "publish_event",
    "publish_replies",
    "replies",
    "reply_channel",
    "subscribe",
]

EventType = Literal["trace", "metrics", "cost_update", "pipeline", "alert", "job"]
_PREFIX = "llm-monitor:events:"
_QUIET_SECONDS = 10.0


class Event(msgspec.Struct, frozen=True):
    """One frame of the live feed: its kind, its project, and its JSON data."""

    type: EventType
    project_id: str
    data: dict[str, Any]


_decode_event = msgspec.json.Decoder(Event).decode
_encode_replies = msgspec.msgpack.Encoder().encode
_decode_replies = msgspec.msgpack.Decoder(list[Summary]).decode


async def _messages(pubsub: PubSub) -> AsyncIterator[dict[str, Any]]:
    """Yield messages. Silence is no error, although the client limits the time of its commands."""
    while True:
        message = await pubsub.get_message(timeout=_QUIET_SECONDS)
        if message is not None:
            yield message


async def publish_event(redis: Redis, event: Event) -> None:
    """Send an event to every live view of the project. If nobody listens, nothing happens."""
    await redis.publish(f"{_PREFIX}{event.project_id}", encode_json(event))


async def publish_alert(redis: Redis, project_id: str, data: dict[str, Any]) -> None:
    """Send a frame of type `alert` to every live view of the project.

    `data` is JSON. `rule_id` in it says which rule it is about. The frame of a budget has
    `alert_id` instead, which is the same when it is told again, and its `kind` is `budget`.
    """
    await publish_event(redis, Event("alert", project_id, data))


async def subscribe(redis: Redis) -> AsyncIterator[Event]:
    """Yield the events of every project until the caller stops; raises redis errors."""
    async with redis.pubsub() as pubsub:
        await pubsub.psubscribe(f"{_PREFIX}*")
        async for message in _messages(pubsub):
            if message["type"] == "pmessage":
                yield _decode_event(message["data"])


def reply_channel(process: str) -> str:
    """Return the channel on which one API process receives answers for its requests."""
    return f"llm-monitor:replies:{process}"


async def publish_replies(redis: Redis, channel: str, summaries: Sequence[Summary]) -> None:
    """Send answers to the API process that waits for them."""
    await redis.publish(channel, _encode_replies(summaries))


async def replies(redis: Redis, channel: str) -> AsyncIterator[list[Summary] | None]:
    """Yield answers sent to `channel`. The first item is None and says that listening has begun."""
    async with redis.pubsub() as pubsub:
        await pubsub.subscribe(channel)
        async for message in _messages(pubsub):
            if message["type"] == "subscribe":
                yield None
            elif message["type"] == "message":
                yield _decode_replies(message["data"])
