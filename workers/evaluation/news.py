"""Telling those who wait, and live views, what was stored."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from decimal import Decimal

import msgspec
from redis.asyncio import Redis
from redis.exceptions import RedisError

from app.events import Event, publish_event, publish_replies
from app.schemas.queued import Summary
from workers.evaluation.payload import Opened

__all__ = ["announce"]

logger = logging.getLogger(__name__)

_SHOWN_TRACES = 20


async def announce(redis: Redis, opened: Opened, summaries: Sequence[Summary]) -> None:
    """Answer who waits and tell live views; both are news, so their loss is no failure of the job."""
    waited = {envelope.trace_id for envelope in opened.envelopes if envelope.waited}
    try:
        if opened.reply_to and waited:
            answers = [summary for summary in summaries if summary.trace_id in waited]
            await publish_replies(redis, opened.reply_to, answers)
        if summaries:
            shown = msgspec.to_builtins(list(summaries[-_SHOWN_TRACES:]), builtin_types=(Decimal,))
            project_id = opened.envelopes[0].project_id
            data = {"traces": shown, "records": len(summaries)}
            await publish_event(redis, Event("trace", project_id, data))
    except (RedisError, OSError) as error:
        logger.warning("news of %d records was lost: %s", len(summaries), type(error).__name__)
