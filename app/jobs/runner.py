"""The one runner of long work: step by step, each step and its progress in one transaction.

A step is taken by whichever worker finds it due, under a lease that is renewed while the step runs. A worker
that dies leaves a transaction that never commits and a lease that ends, so every step happens exactly once.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any, NamedTuple, Protocol

from redis.asyncio import Redis
from redis.exceptions import RedisError

from app.jobs.views import announce
from app.storage.engine import Connection, Engine, is_outage
from app.storage.upkeep.jobs import Claim, Job, claim_job, due_jobs, read_job, renew_claim, save_step
from app.supervision import Tasks, repeat

__all__ = ["Handler", "Runner", "Step"]

logger = logging.getLogger(__name__)

LEASE = timedelta(seconds=15)
_RENEW_SECONDS = 5
_POLL_SECONDS = 1.0
_RETRY = timedelta(seconds=2)
_MOST_ATTEMPTS = 5


class Step(NamedTuple):
    """What one step came to.

    `done` counts from the job's beginning, `cursor` is where the next step goes on, which is not taken
    before `wait` is over. With `finished` the job is done and has `result`; `forget` drops what it was
    asked to do, where that names a person.
    """

    done: int
    total: int | None = None
    cursor: dict[str, Any] | None = None
    wait: timedelta = timedelta()
    finished: bool = False
    result: dict[str, Any] | None = None
    forget: bool = False


class Handler(Protocol):
    """What one kind of job does."""

    async def step(self, connection: Connection, project_id: str, job: Job) -> Step:
        """Do the part that follows `job.cursor` in the connection's transaction, in a few seconds at most.

        What is done outside of that transaction may be done twice.
        """
        ...


class Runner:
    """Takes the due steps of every kind that it has a handler for."""

    def __init__(self, engine: Engine, redis: Redis, handlers: Mapping[str, Handler]) -> None:
        self._engine = engine
        self._redis = redis
        self._handlers = handlers

    async def run(self, tasks: Tasks) -> None:
        """Repeat until cancelled; whatever goes wrong only skips a turn."""

        async def take() -> float:
            return 0 if await self.turn() else _POLL_SECONDS

        await tasks.repeat("jobs", take, _POLL_SECONDS)

    async def turn(self) -> bool:
        """Take one step if one is due; tells whether there was one."""
        async with self._engine.connect() as connection:
            found = await due_jobs(connection, list(self._handlers))
        for due in found:
            async with self._engine.begin() as connection:
                claim = await claim_job(connection, due, LEASE)
            if claim is not None:
                await self._take(claim)
                return True
        return False

    async def _take(self, claim: Claim) -> None:
        """Take the claimed step, or note what kept it from being taken."""
        job = claim.job
        if job.attempts > _MOST_ATTEMPTS:
            await self._save(claim, state="failed", error="a worker died at the same step of it, five times")
        else:
            try:
                await self._step(claim)
            except Exception as error:
                if is_outage(error) or isinstance(error, RedisError):
                    await self._save(claim, wait=_RETRY, attempts=job.attempts - 1)
                else:
                    logger.exception("a step of job %s failed", job.job_id)
                    await self._blame(claim, type(error).__name__)
        await self._announce(claim)

    async def _step(self, claim: Claim) -> None:
        async with self._renewed(claim) as settling, self._engine.connect() as connection:
            step = await self._handlers[claim.job.kind].step(connection, claim.project_id, claim.job)
            values: dict[str, Any] = {
                "done": step.done,
                "total": step.total,
                "cursor": step.cursor,
                "attempts": 0,
                "error": None,
                **({"state": "done", "result": step.result} if step.finished else {}),
                **({"parameters": {}} if step.forget else {}),
            }
            async with settling:
                if await save_step(connection, claim, step.wait, **values):
                    await connection.commit()
                # Otherwise somebody cancelled the job or took the step: leaving the block undoes ours.

    async def _blame(self, claim: Claim, name: str) -> None:
        error = f"{name}; the worker's log says more"
        if claim.job.attempts < _MOST_ATTEMPTS:
            await self._save(claim, wait=_RETRY * 2**claim.job.attempts, error=error)
        else:
            await self._save(claim, state="failed", error=error)

    async def _save(self, claim: Claim, *, wait: timedelta = timedelta(), **values: Any) -> None:
        async with self._engine.begin() as connection:
            await save_step(connection, claim, wait, **values)

    async def _announce(self, claim: Claim) -> None:
        async with self._engine.connect() as connection:
            job = await read_job(connection, claim.project_id, claim.job.job_id)
        if job is not None:
            await announce(self._redis, claim.project_id, job)

    @asynccontextmanager
    async def _renewed(self, claim: Claim) -> AsyncIterator[asyncio.Lock]:
        """Renew the claim for the length of the block, except while the lock that it yields is held."""
        settling = asyncio.Lock()

        async def renew() -> None:
            async with settling, self._engine.begin() as connection:
                await renew_claim(connection, claim, LEASE)

        renewing = asyncio.create_task(repeat(renew, _RENEW_SECONDS, first_after=_RENEW_SECONDS))
        try:
            yield settling
        finally:
            renewing.cancel()
            await asyncio.gather(renewing, return_exceptions=True)
