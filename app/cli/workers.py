"""`llm-monitor workers`: which workers live, for people and for the health check of a container."""

from __future__ import annotations

import asyncio
import socket
import time
from typing import Annotated

import typer
from redis.asyncio import Redis
from redis.exceptions import RedisError

from app.config import load_settings
from app.errors import Unavailable
from app.local.servers import read_addresses
from app.queue import live_workers
from app.terminal import plain

__all__ = ["workers"]


def workers(
    *, here: Annotated[bool, typer.Option("--here", help="Only those of this host or container.")] = False
) -> None:
    """Print the workers heard of in the last 15 s, as host:process; exit status 1 when there is none."""
    settings = load_settings()
    url = settings.redis_url or read_addresses(settings.data_dir).redis_url or ""
    try:
        names = asyncio.run(_names(url))
    except (RedisError, OSError) as error:
        raise Unavailable("Redis does not answer: check REDIS_URL, and that it runs.") from error
    shown = [name for name in names if not here or name.rpartition(":")[0] == socket.gethostname()]
    for name in shown:
        typer.echo(plain(name))
    if not shown:
        raise typer.Exit(1)


async def _names(url: str) -> list[str]:
    async with Redis.from_url(url, socket_connect_timeout=2, socket_timeout=2) as redis:
        return sorted(await live_workers(redis, time.time_ns() // 1_000_000))
