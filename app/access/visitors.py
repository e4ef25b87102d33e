"""From which network a visitor of the dashboard signs in, as the dashboard tells the API.

The API sees the dashboard alone. What counts for its limits is who stands before the dashboard, and only a process
that may write to Redis can say so.
"""

from __future__ import annotations

import logging
import secrets
from typing import Final

from redis.asyncio import Redis
from redis.exceptions import RedisError

from app.access.slots import network_of

__all__ = ["VISITOR_HEADER", "Visitors"]

logger = logging.getLogger(__name__)

VISITOR_HEADER: Final = "x-llm-monitor-visitor"
_PREFIX: Final = "llm-monitor:visitor:"
_SECONDS: Final = 10
_TICKET_BYTES: Final = 16
_TICKET_CHARACTERS: Final = 22


class Visitors:
    """Gives out tickets that stand for a network once, for ten seconds."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def introduce(self, address: str | None) -> dict[str, str]:
        """Return the header with which a visitor from this address is announced; none while Redis is away."""
        ticket = secrets.token_urlsafe(_TICKET_BYTES)
        try:
            await self._redis.set(_PREFIX + ticket, network_of(address), ex=_SECONDS)
        except (RedisError, OSError) as error:
            logger.warning("a visitor could not be announced: %s", type(error).__name__)
            return {}
        return {VISITOR_HEADER: ticket}

    async def recognize(self, ticket: str | None, address: str | None) -> str:
        """Return the network that a ticket stands for, or without one that of the address that asks."""
        if ticket and len(ticket) == _TICKET_CHARACTERS:
            try:
                network: bytes | None = await self._redis.getdel(_PREFIX + ticket)
            except (RedisError, OSError) as error:
                logger.warning("a visitor could not be recognized: %s", type(error).__name__)
                network = None
            if network is not None:
                return network.decode()
        return network_of(address)
