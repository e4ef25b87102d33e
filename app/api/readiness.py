"""The state of everything the API needs to have a record scored and stored."""

from __future__ import annotations

from typing import Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict
from redis.exceptions import RedisError

from app.api.dependencies import Services
from app.reports.pipeline import QueueReport, read_queue
from app.storage.engine import answers

__all__ = ["Readiness", "check_readiness"]

State = Literal["ok", "unavailable"]


class Readiness(BaseModel):
    """`status` is ready when every part is ok; `queue` is null while Redis does not answer."""

    model_config = ConfigDict(frozen=True)

    status: Literal["ready", "not_ready", "stopping"]
    timestamp: AwareDatetime
    postgres: State
    redis: State
    workers: State
    queue: QueueReport | None


async def check_readiness(services: Services) -> Readiness:
    """Ask every part once."""
    queue = await _ask_redis(services)
    postgres: State = "ok" if await answers(services.engine) else "unavailable"
    workers: State = "ok" if queue and queue.workers else "unavailable"
    ready = postgres == "ok" and queue is not None and workers == "ok"
    return Readiness(
        status="stopping" if services.stopping else "ready" if ready else "not_ready",
        timestamp=services.clock(),
        postgres=postgres,
        redis="ok" if queue else "unavailable",
        workers=workers,
        queue=queue,
    )


async def _ask_redis(services: Services) -> QueueReport | None:
    try:
        return await read_queue(services.redis, services.clock())
    except (RedisError, OSError):
        return None
