"""Connections of a command to the servers of the running stack, or to those in the environment."""

from __future__ import annotations

import asyncio
import os
import pwd
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import NamedTuple, TypeVar

from redis.asyncio import Redis
from redis.exceptions import RedisError

from app.config import load_settings
from app.errors import Unavailable
from app.local.servers import running_addresses
from app.storage.engine import Connection, Engine, create_engine, writing

__all__ = ["Clients", "command_actor", "open_clients", "transact"]

Result = TypeVar("Result")


class Clients(NamedTuple):
    """A pool of connections to Postgres, and a client of Redis."""

    engine: Engine
    redis: Redis


@asynccontextmanager
async def open_clients() -> AsyncIterator[Clients]:
    """Yield clients during the block.

    Raises StartupError when no stack runs and no addresses are set, Unavailable when Redis does not
    answer.
    """
    found = running_addresses(load_settings())
    engine = create_engine(found.database_url or "", pool_size=1, application="llm-monitor-command")
    try:
        async with Redis.from_url(found.redis_url or "", socket_connect_timeout=2, socket_timeout=5) as redis:
            yield Clients(engine, redis)
    except (RedisError, ConnectionError) as error:
        raise Unavailable("Redis does not answer: check REDIS_URL, and that it runs.") from error
    finally:
        await engine.dispose()


def transact(work: Callable[[Connection], Awaitable[Result]]) -> Result:
    """Run `work` in one transaction of the running stack's database and return its result.

    Redis is not needed. Raises StartupError when no stack runs and DATABASE_URL is not set,
    Unavailable when Postgres does not answer.
    """
    settings = load_settings()
    url = settings.database_url or running_addresses(settings).database_url or ""

    async def run() -> Result:
        engine = create_engine(url, pool_size=1, application="llm-monitor-command")
        try:
            async with writing(engine) as connection:
                return await work(connection)
        finally:
            await engine.dispose()

    return asyncio.run(run())


def command_actor() -> str:
    """Return the name in the audit log of the person who runs a command here."""
    try:
        user = pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        user = f"user {os.geteuid()}"
    return f"command line ({user} on {socket.gethostname()})"
