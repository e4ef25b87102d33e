"""The state of everything the API needs to have a record scored and stored."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Literal

from redis.exceptions import RedisError

from app.api.dependencies import Services
from app.disk import Disk
from app.guard import GUARD_TASK
from app.reports.pipeline import QueueReport, read_queue
from app.reports.readiness import DiskState, FailingTask, GuardState, Readiness, State
from app.schemas.tasks import TaskState
from app.storage.engine import answers
from app.told_tasks import process_name, read_tasks

__all__ = ["all_tasks", "check_readiness"]


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
