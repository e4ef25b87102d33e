"""The periodic work on storage: folding rollup batches and settlements, and making partitions.

It runs beside the queue jobs and not as a cron job of arq. A cron job would wait in the queue
behind a backlog, which is when folding matters most.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime, timedelta
from uuid import uuid4

from app.jobs.kinds import JobKind
from app.storage.alerts.transitions import forget_transitions
from app.storage.engine import Connection, Engine
from app.storage.evaluations.parts import forget_parts_without_job
from app.storage.ledger.settlements import fold_settlements
from app.storage.locks import FOLDING, UPKEEP, try_lock
from app.storage.rollups.batches import batches_ripe
from app.storage.rollups.covering import cover, fold_closed, forget_covered, forget_hours_of_names
from app.storage.rollups.folding import MOST_BATCHES, Step, fold_batches, fold_each
from app.storage.rollups.observed_values import forget_days
from app.storage.traces.span_parts import forget_parts
from app.storage.upkeep.jobs import Job, add_job
from app.storage.upkeep.partitions import DAYS_AHEAD, drop_partitions, ensure_partitions
from app.storage.upkeep.prices import projects_to_price
from app.storage.upkeep.retention import delete_old_rollups, forget_jobs
from app.supervision import Tasks
from monitoring.spending.pricing import table_name

__all__ = ["Upkeep"]

_TICK_SECONDS = 2
_TICKS_PER_HOUR = 1800
# Of many workers, the first one folds batches that have waited for so long.
_RIPE = timedelta(seconds=5)
_FOLDS_PER_TURN, _TICKS_PER_TURN = 5, 30
# A job is in the queue for at most thirty days, and its names belong to the day of acceptance.
_NAMES_KEPT = timedelta(days=31)
_SHOWN_PROJECTS = 10


_Step = Callable[[], Awaitable[object]]


class Upkeep:
    """Does the periodic work of one database; of many workers one at a time does so."""

    def __init__(self, engine: Engine, *, retention_days: int, rollup_retention_days: int) -> None:
        self._engine = engine
        self._retention = timedelta(days=retention_days)
        self._rollup_retention = timedelta(days=rollup_retention_days)

    async def run(self, tasks: Tasks) -> None:
        """Repeat until cancelled; an error only skips the step that raised it."""
        tick = folds = 0

        async def fold() -> None:
            nonlocal folds
            folds += await self.fold_batches(_RIPE)

        async def take() -> None:
            nonlocal tick, folds
            await tasks.attempt("fold_batches", fold)
            if folds >= _FOLDS_PER_TURN or tick % _TICKS_PER_TURN == 0:
                folds = 0
                await self.turn(datetime.now(UTC), tasks, hourly=tick % _TICKS_PER_HOUR == 0)
            tick += 1

        await tasks.repeat("upkeep", take, _TICK_SECONDS)

    async def fold_batches(self, age: timedelta = timedelta()) -> bool:
        """Fold the waiting batches if one has waited for `age`; tells whether there were any."""
        found, folded = MOST_BATCHES, 0
        while found == MOST_BATCHES:
            async with self._engine.begin() as connection:
                ripe = folded or await batches_ripe(connection, age)
                if not (ripe and await try_lock(connection, FOLDING)):
                    break
                found = await fold_batches(connection)
            folded += found
        return folded > 0

    async def turn(self, now: datetime, tasks: Tasks, *, hourly: bool) -> None:
        """Do what is due at `now`, aware UTC; `tasks` notes a failed step, and the others go on."""
        for name, step in (*self._steps(now), *(self._hourly_steps(now) if hourly else ())):
            await tasks.attempt(name, step)

    def _steps(self, now: datetime) -> Iterator[tuple[str, _Step]]:
        for name, step in (("fold_closed", fold_closed), ("cover", cover)):
            yield name, self._folded(step, now)
        yield "fold_settlements", self._locked(fold_settlements)

    def _hourly_steps(self, now: datetime) -> Iterator[tuple[str, _Step]]:
        today, engine = now.date(), self._engine
        oldest, oldest_figures = now - self._retention, now - self._rollup_retention
        last_day = today + timedelta(days=DAYS_AHEAD)
        yield "ensure_partitions", lambda: ensure_partitions(engine, today, last_day)
        yield "forget_covered", self._locked(lambda connection: forget_covered(connection, now))
        yield "forget_hours", self._locked(lambda connection: forget_hours_of_names(connection, now))
        yield (
            "delete_old_rollups",
            self._locked(lambda connection: delete_old_rollups(connection, oldest_figures)),
        )
        yield "forget_days", self._locked(lambda connection: forget_days(connection, today - _NAMES_KEPT))
        yield "forget_jobs", self._locked(lambda connection: forget_jobs(connection, oldest))
        yield "forget_parts_of_evaluations", self._locked(forget_parts_without_job)
        yield "forget_transitions", self._locked(lambda connection: forget_transitions(connection, oldest))
        yield "forget_parts", self._locked(lambda connection: forget_parts(connection, now))
        yield "ask_for_prices", self._locked(lambda connection: _ask_for_prices(connection, now))
        yield "drop_partitions", lambda: drop_partitions(engine, before=oldest.date())

    def _folded(self, fold: Step, now: datetime) -> _Step:
        """Return a step that folds rows of each project, and at the end fails if one failed."""

        async def step() -> None:
            failed: list[str] = []
            async with self._engine.begin() as connection:
                if await try_lock(connection, UPKEEP):
                    failed = await fold_each(connection, fold, now)
            if failed:
                raise ArithmeticError(f"rows of {', '.join(failed[:_SHOWN_PROJECTS])} cannot be added up")

        return step

    def _locked(self, work: Callable[[Connection], Awaitable[object]]) -> _Step:
        """Return a step that does its work in one transaction, unless another worker is at it."""

        async def step() -> None:
            async with self._engine.begin() as connection:
                if await try_lock(connection, UPKEEP):
                    await work(connection)

        return step


async def _ask_for_prices(connection: Connection, now: datetime) -> None:
    """Queue one pricing job per project and table of prices, for calls without a cost."""
    parameters = {"table": table_name()}
    for project_id in await projects_to_price(connection, JobKind.PRICE, table_name()):
        job = Job(job_id=uuid4(), kind=JobKind.PRICE, state="queued", parameters=parameters, created_at=now)
        await add_job(connection, project_id, job)
