"""Connections of a command to the servers of the running stack, or to those that the environment names."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NamedTuple

from redis.asyncio import Redis
from redis.exceptions import RedisError

from app.config import load_settings
from app.errors import Unavailable
from app.local.servers import Addresses, read_addresses
from app.storage.engine import Engine, create_engine

__all__ = ["Clients", "open_clients"]


class Clients(NamedTuple):
    """A pool of connections to Postgres, and a client of Redis."""

    engine: Engine
    redis: Redis


@asynccontextmanager
async def open_clients() -> AsyncIterator[Clients]:
    """Yield clients for the length of the block.

    Raises StartupError when no stack runs and no addresses are set, Unavailable when Redis does not answer.
    """
    settings = load_settings()
    found = Addresses(settings.database_url, settings.redis_url)
    if None in (settings.database_url, settings.redis_url):
        found = read_addresses(settings.data_dir)
    engine = create_engine(
        settings.database_url or found.database_url or "", pool_size=1, application="llm-monitor-command"
    )
    try:
        async with Redis.from_url(
            settings.redis_url or found.redis_url or "", socket_connect_timeout=2, socket_timeout=5
        ) as redis:
            yield Clients(engine, redis)
    except (RedisError, ConnectionError) as error:
        raise Unavailable("Redis does not answer: check REDIS_URL, and that it runs.") from error
    finally:
        await engine.dispose()
