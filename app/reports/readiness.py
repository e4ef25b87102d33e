"""What a process says of its state and of everything that it needs."""

from __future__ import annotations

from typing import Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict

from app.reports.pipeline import QueueReport

__all__ = ["DiskState", "FailingTask", "GuardState", "Readiness", "State"]

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
