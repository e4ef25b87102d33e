"""The metrics that a rule may watch at one moment: of the pipeline, and of budgets."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

import msgspec

from app.budgets.standing import read_used_share
from app.queue import QueuedJob
from app.storage.engine import Connection
from app.storage.ledger.dead_letter_reads import count_dead_letters
from monitoring.alerting.rules import Rule
from monitoring.alerting.states import Observation, Reading

__all__ = ["Backlog", "measure_backlogs", "read_gauge"]


class Backlog(msgspec.Struct, frozen=True):
    """What waits in the queue of one project: its records, and since when the oldest job waits."""

    records: int = 0
    since_ms: int | None = None

    def age_seconds(self, now: datetime) -> float:
        """Return the age of the oldest job at an aware moment; 0 where nothing waits."""
        return 0.0 if self.since_ms is None else max(0.0, now.timestamp() - self.since_ms / 1000)


def measure_backlogs(jobs: Iterable[QueuedJob]) -> dict[str, Backlog]:
    """Return the backlog of each project that has one."""
    found: dict[str, Backlog] = {}
    for job in jobs:
        before = found.get(job.name.project_id, Backlog())
        times = [one for one in (before.since_ms, job.enqueued_ms) if one]
        found[job.name.project_id] = Backlog(before.records + job.name.records, min(times, default=None))
    return found


async def read_gauge(
    connection: Connection, project_id: str, rule: Rule, backlog: Backlog, unaccounted: int, now: datetime
) -> Observation:
    """Return what a rule about the pipeline or the budgets finds now."""
    if rule.metric == "budget":
        used = await read_used_share(connection, project_id, now)
        return Observation(now, {} if used is None else {"": Reading(used, 1)})
    if rule.metric == "backlog_age":
        value = backlog.age_seconds(now)
    elif rule.metric == "dead_letters":
        value = float(await count_dead_letters(connection, project_id))
    else:
        value = float(unaccounted if rule.metric == "unaccounted" else backlog.records)
    return Observation(now, {"": Reading(value, 1)})
