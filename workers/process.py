"""One worker process: the loop of arq, with rules for outages, signals and reconnecting."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import socket
import time
from collections.abc import Collection, Coroutine, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from redis.exceptions import RedisError

from app.catalogue import list_judges, publish_judges
from app.channels.sealing import Sealing
from app.config import Settings
from app.disk import Disk
from app.experiments.runs import Runs
from app.figures.judging import describing
from app.jobs import Runner
from app.jobs.erasure import Erasure
from app.jobs.evaluations import Evaluations
from app.jobs.kinds import JobKind
from app.jobs.pricing import Pricing
from app.jobs.repricing import Repricing
from app.privacy import Privacy
from app.projects import Projects
from app.queue import beat, retire
from app.queue.claims import Claims
from app.queue.loop import Loop, connect, make_loop
from app.queue.scheduling import Lane
from app.storage.engine import answers, create_engine
from app.supervision import NEVER, Tasks, in_background, repeat
from app.task_reports import REPORT_SECONDS, process_name, report_tasks
from monitoring.clock import now_utc
from monitoring.evaluator import Evaluator
from workers.cardinality import CardinalityCaps
from workers.delivering import Delivering
from workers.evaluation.deadline import ScoringThread
from workers.evaluation.isolation import Isolation
from workers.evaluation.last_job import LastJob
from workers.evaluation.processing import Processing
from workers.evaluation.storing import Storing
from workers.evaluation.task import Evaluation
from workers.reviewing import Reviewing
from workers.scoring import Scoring
from workers.spans.late_content import LateContent
from workers.upkeep.alerting import Alerting
from workers.upkeep.budgets import BudgetUpkeep
from workers.upkeep.reconciling import Reconciling
from workers.upkeep.retention import Retention
from workers.upkeep.tasks import Upkeep
from workers.upkeep.text_blocks import TextBlocks

if TYPE_CHECKING:
    from app.channels.sending import Sender

__all__ = ["WorkerProcess", "unix_ms", "worker_name"]

logger = logging.getLogger(__name__)

_PAUSE_SECONDS = 0.5
_DRAIN_SECONDS = 3
_DISK_SECONDS = 1


def unix_ms() -> int:
    """Return the wall clock in Unix milliseconds."""
    return time.time_ns() // 1_000_000


def worker_name(pid: int) -> str:
    """Return the name of the process `pid` of this machine in Redis."""
    return f"{socket.gethostname()}:{pid}"


def _open_sender(networks: Collection[str]) -> Sender:
    # Only workers that have an alert to send pay for loading the clients of HTTP and of mail.
    from app.channels.network import open_network
    from app.channels.sending import Sender

    return Sender(open_network(networks))


class _BackgroundWork(Protocol):
    """Repeated work of a process that belongs to no queue job."""

    async def run(self, tasks: Tasks) -> None: ...


class WorkerProcess:
    """Takes jobs from the queue until it is told to stop."""

    def __init__(
        self, settings: Settings, evaluators: Sequence[Evaluator], box: LastJob, lane: Lane = "bulk"
    ) -> None:
        if settings.redis_url is None or settings.database_url is None:
            raise ValueError("a worker needs REDIS_URL and DATABASE_URL")
        self._name = worker_name(os.getpid())
        self._judges = list_judges(evaluators)
        self._redis = connect(settings.redis_url)
        self._disk = Disk(self._redis)
        self._engine = create_engine(settings.database_url, pool_size=6, application="llm-monitor-worker")
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="scoring")
        self._projects = Projects(self._engine)
        caps, scoring = CardinalityCaps(self._engine), Scoring(evaluators, Privacy(settings.secret_key))
        descriptive = describing(evaluators)
        joining = LateContent(self._engine, self._executor, scoring, self._projects, caps, descriptive)
        storing = Storing(self._engine, evaluators, caps, nudge=joining.nudge)
        thread = ScoringThread(self._executor, scoring, box.note)
        self._evaluation = Evaluation(
            Claims(self._redis, self._name),
            Processing(self._redis, storing, thread, self._projects, unix_ms),
            Isolation(self._redis, storing, unix_ms),
            outage=self._pause,
        )
        # The process for waited jobs does no background work, so that requests are answered
        # quickly.
        reviewing = Reviewing(self._engine, evaluators, descriptive)
        background = (*self._upkeep(settings, descriptive), joining, reviewing)
        self._background_work = background if lane == "bulk" else ()
        self._lane = lane
        self._full = False
        self._stopping = asyncio.Event()
        self._worker: Loop | None = None
        self._probe: asyncio.Task[None] | None = None
        self._tasks = Tasks()

    def _upkeep(self, settings: Settings, descriptive: Collection[str]) -> Iterator[_BackgroundWork]:
        yield Upkeep(
            self._engine,
            retention_days=settings.retention_days,
            rollup_retention_days=settings.rollup_retention_days,
        )
        yield Retention(self._engine, retention_days=settings.retention_days)
        yield TextBlocks(self._engine, retention_days=settings.retention_days)
        yield BudgetUpkeep(self._engine, self._redis, now_utc, retention_days=settings.rollup_retention_days)
        yield Reconciling(self._engine, self._redis, self._name)
        yield Alerting(self._engine, self._redis)
        yield Delivering(
            self._engine,
            partial(_open_sender, settings.alert_targets),
            Sealing(settings.secret_key),
            settings.dashboard_address,
        )
        yield Runner(
            self._engine,
            self._redis,
            {
                JobKind.ERASE: Erasure(self._engine, self._redis, descriptive),
                JobKind.EVALUATE: Evaluations(self._redis),
                JobKind.RUN: Runs(self._judges),
                JobKind.PRICE: Pricing(descriptive),
                JobKind.REPRICE: Repricing(descriptive),
            },
        )

    async def run(self) -> None:
        """Work until SIGTERM or SIGINT, then let running jobs end for a few seconds."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.stop)
        try:
            async with in_background(*self._background()):
                while not self._stopping.is_set():
                    await self._work()
        finally:
            if self._probe:
                self._probe.cancel()
            with contextlib.suppress(RedisError, OSError):
                await retire(self._redis, self._name)
            await self._redis.aclose(close_connection_pool=True)
            await self._engine.dispose()
            self._executor.shutdown(wait=False, cancel_futures=True)

    def _background(self) -> Iterator[Coroutine[Any, Any, None]]:
        """Yield the background tasks of this process."""
        tasks = self._tasks
        yield self._projects.run(tasks)
        yield tasks.repeat("disk", self._look_at_disk, _DISK_SECONDS, longest=_DISK_SECONDS)
        yield tasks.repeat("heartbeat", self._beat, REPORT_SECONDS, longest=REPORT_SECONDS)
        for work in self._background_work:
            yield work.run(tasks)

    def stop(self) -> None:
        """Ask the process to take no more jobs and to end."""
        self._stopping.set()

    async def _work(self) -> None:
        """Run the loop of arq until a stop is asked for or Redis fails."""
        self._worker = worker = make_loop(self._redis, self._evaluation.evaluate, lane=self._lane)
        main = asyncio.create_task(worker.async_run())
        stopping = asyncio.create_task(self._stopping.wait())
        await asyncio.wait([main, stopping], return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        worker.allow_pick_jobs = False
        if not main.done():
            await self._drain(worker)
            main.cancel()
        try:
            await main
        except asyncio.CancelledError:
            if not self._stopping.is_set():
                raise
        except (RedisError, OSError) as error:
            logger.warning("Redis does not answer; connecting again: %s", type(error).__name__)
            await self._drain(worker)
            await asyncio.sleep(_PAUSE_SECONDS)

    async def _drain(self, worker: Loop) -> None:
        """Let running jobs end; jobs that are too slow are cancelled and delivered again."""
        if worker.tasks:
            _, late = await asyncio.wait(worker.tasks.values(), timeout=_DRAIN_SECONDS)
            for task in late:
                task.cancel()
            await asyncio.gather(*worker.tasks.values(), return_exceptions=True)

    def _pause(self) -> None:
        """Take no jobs until Postgres answers and the disk has room."""
        if self._worker:
            self._worker.allow_pick_jobs = False
        if self._probe is None or self._probe.done():
            self._probe = asyncio.create_task(repeat(self._resume, _PAUSE_SECONDS))

    async def _resume(self) -> float | None:
        """Take jobs again if Postgres answers and the disk has room; returns when to look again."""
        if not (self._stopping.is_set() or (self._disk.stores and await self._answers())):
            return None
        if self._worker:
            self._worker.allow_pick_jobs = not self._stopping.is_set()
        return NEVER

    async def _look_at_disk(self) -> None:
        """Take no jobs while the disk has no room to store them."""
        await self._disk.look()
        if not self._disk.stores:
            self._pause()
            if not self._full:
                logger.warning("the disk is full: records stay in the queue until there is room")
        self._full = not self._disk.stores

    async def _answers(self) -> bool:
        try:
            return await answers(self._engine)
        except Exception:  # a server that refuses now may accept later, and nothing else asks
            logger.exception("Postgres refuses the connection")
            return False

    async def _beat(self) -> None:
        """Report to Redis that this worker runs, its evaluators, and the state of its tasks."""
        await report_tasks(self._redis, process_name("worker"), self._tasks.states(), unix_ms())
        if self._lane == "bulk":
            await beat(self._redis, self._name, unix_ms())
            await publish_judges(self._redis, self._judges)
