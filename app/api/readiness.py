"""The state of everything the API needs to have a record scored and stored."""

from __future__ import annotations

from typing import Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict
from redis.exceptions import RedisError

from app.api.dependencies import Services
from app.disk import Disk
from app.reports.pipeline import QueueReport, read_queue
from app.storage.engine import answers

__all__ = ["Readiness", "check_readiness"]

State = Literal["ok", "unavailable"]
DiskState = Literal["ok", "full", "unknown"]


class Readiness(BaseModel):
    """`status` is ready when every part is ok; `queue` is null while Redis does not answer.

    A full `disk` leaves it ready: records are refused with 507 and everything else goes on. It is unknown where
    Redis is on another machine.
    """

    model_config = ConfigDict(frozen=True)

    status: Literal["ready", "not_ready", "stopping"]
    timestamp: AwareDatetime
    postgres: State
    redis: State
    workers: State
    disk: DiskState = "unknown"
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
        disk=_disk_state(services.ingest.admission.disk),
        queue=queue,
    )


def _disk_state(disk: Disk) -> DiskState:
    if disk.free is None:
        return "unknown"
    return "ok" if disk.admits else "full"


async def _ask_redis(services: Services) -> QueueReport | None:
    try:
        return await read_queue(services.redis, services.clock())
    except (RedisError, OSError):
        return None
