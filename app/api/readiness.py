"""The state of everything the API needs to have a record scored and stored."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict
from redis.exceptions import RedisError

from app.api.dependencies import Services
from app.disk import Disk
from app.guard import GUARD_TASK
from app.reports.pipeline import QueueReport, read_queue
from app.schemas.tasks import TaskState
from app.storage.engine import answers
from app.told_tasks import process_name, read_tasks

__all__ = ["FailingTask", "Readiness", "all_tasks", "check_readiness"]

State = Literal["ok", "unavailable"]
GuardState = Literal["ok", "loading", "unavailable"]
DiskState = Literal["ok", "full", "unknown"]


class FailingTask(BaseModel):
    """A background task whose last turn failed: of which process, how often in a row, and why."""

    model_config = ConfigDict(frozen=True)

    process: str
    task: str
    failures: int
    error: str | None
    last_success: AwareDatetime | None


class Readiness(BaseModel):
    """`status` is ready when every part is ok; `queue` is null while Redis does not answer.

    It is degraded, and records are still taken, scored and stored, while background tasks fail. It is
    not_ready when one of this process fails without which nothing can be taken. A full `disk` leaves it ready:
    records are refused with 507 and everything else goes on. It is unknown where Redis is on another machine.
    While the `guard` is loading its evaluators after a start the process is not_ready, so that no user waits for
    that; where it cannot load them the process is degraded.
    """

    model_config = ConfigDict(frozen=True)

    status: Literal["ready", "degraded", "not_ready", "stopping"]
    timestamp: AwareDatetime
    postgres: State
    redis: State
    workers: State
    disk: DiskState = "unknown"
    guard: GuardState = "ok"
    queue: QueueReport | None
    failing_tasks: tuple[FailingTask, ...] = ()


async def check_readiness(services: Services) -> Readiness:
    """Ask every part once."""
    queue = await _ask_redis(services)
    postgres: State = "ok" if await answers(services.engine) else "unavailable"
    workers: State = "ok" if queue and queue.workers else "unavailable"
    told = await all_tasks(services)
    blocked = any(state.essential and state.failing for state in services.tasks.states())
    guard = _guard_state(services.tasks.states())
    ready = postgres == "ok" and queue is not None and workers == "ok" and guard != "loading" and not blocked
    failing = tuple(
        _failing(process, state) for process, states in told.items() for state in states if state.failing
    )
    working: Literal["ready", "degraded"] = "degraded" if failing else "ready"
    return Readiness(
        status="stopping" if services.stopping else working if ready else "not_ready",
        timestamp=services.clock(),
        postgres=postgres,
        redis="ok" if queue else "unavailable",
        workers=workers,
        disk=_disk_state(services.ingest.admission.disk),
        guard=guard,
        queue=queue,
        failing_tasks=failing,
    )


async def all_tasks(services: Services) -> dict[str, tuple[TaskState, ...]]:
    """Return the background tasks of every process by its name; only ours while Redis does not answer."""
    ours = {process_name("api"): services.tasks.states()}
    try:
        told = await read_tasks(services.redis, int(services.clock().timestamp() * 1000))
    except (RedisError, OSError):
        return ours
    return {**told, **ours}


def _failing(process: str, state: TaskState) -> FailingTask:
    moment = state.succeeded_at
    return FailingTask(
        process=process,
        task=state.task,
        failures=state.failures,
        error=state.error,
        last_success=None if moment is None else datetime.fromtimestamp(moment, UTC),
    )


def _guard_state(states: Iterable[TaskState]) -> GuardState:
    for state in states:
        if state.task == GUARD_TASK:
            return "unavailable" if state.failing else "loading" if state.succeeded_at is None else "ok"
    return "ok"


def _disk_state(disk: Disk) -> DiskState:
    if disk.free is None:
        return "unknown"
    return "ok" if disk.admits else "full"


async def _ask_redis(services: Services) -> QueueReport | None:
    try:
        return await read_queue(services.redis, services.clock())
    except (RedisError, OSError):
        return None
