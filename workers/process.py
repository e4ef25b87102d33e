"""One worker process: arq's loop with our rules about outages, signals and reconnecting."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import socket
import time
from collections.abc import Coroutine, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, cast

from arq.connections import ArqRedis
from arq.typing import WorkerCoroutine
from arq.worker import Worker, func
from redis.asyncio import ConnectionPool
from redis.exceptions import RedisError

from app.aggregation import describing
from app.catalogue import list_judges, publish_judges
from app.config import Settings
from app.disk import Disk
from app.jobs import Runner
from app.jobs.erasure import Erasure
from app.jobs.evaluations import Evaluations
from app.jobs.kinds import JobKind
from app.jobs.pricing import Pricing
from app.privacy import Privacy
from app.projects import Projects
from app.queue import EVALUATE, EVALUATE_QUEUE, beat, deserialize, retire, serialize
from app.storage.engine import answers, create_engine
from app.supervision import Tasks, in_background
from app.told_tasks import TELL_SECONDS, process_name, tell_tasks
from monitoring.evaluator import Evaluator
from workers.cardinality import CardinalityCaps
from workers.evaluation.attempts import Attempts
from workers.evaluation.last_job import LastJob
from workers.evaluation.storing import Storing
from workers.evaluation.task import Evaluation
from workers.scheduling import LOOPS, Lane
from workers.scoring import Scoring
from workers.spans.late_content import LateContent
from workers.upkeep.reconciling import Reconciling
from workers.upkeep.retention import Retention
from workers.upkeep.tasks import Upkeep

__all__ = ["WorkerProcess", "make_worker", "unix_ms", "worker_name"]

logger = logging.getLogger(__name__)

# One job is scored while another is written; jobs that are waited for are short, and more of them are written.
_CONCURRENT_JOBS: Final[dict[Lane, int]] = {"patient": 2, "urgent": 4}
# arq's default of half a second would be the whole latency of a waiting post.
_POLL_SECONDS = 0.01
# Crashes are counted by the task itself; arq would drop a job at its limit without running our code, and at
# its timeout too, which is overdue at once in a process that was halted for as long. The task ends by itself.
_ARQ_TRIES = 1_000_000
_ARQ_TIMEOUT_SECONDS = 24 * 3600
# Longer than a job takes, shorter than half a minute: the jobs of a machine that died come back after it.
_CLAIM_SECONDS = 25
_PAUSE_SECONDS = 0.5
_DRAIN_SECONDS = 3
_DISK_SECONDS = 1


def unix_ms() -> int:
    """Return the wall clock in Unix milliseconds."""
    return time.time_ns() // 1_000_000


def worker_name(pid: int) -> str:
    """Return the name under which the process `pid` of this machine is known in Redis."""
    return f"{socket.gethostname()}:{pid}"


def make_worker(
    redis: ArqRedis,
    evaluation: Evaluation,
    *,
    lane: Lane = "patient",
    max_jobs: int | None = None,
    burst: bool = False,
) -> Worker:
    """Return arq's loop over the evaluate queue, with everything off by which it would drop a job itself.

    With `burst` it ends when the queue is empty.
    """
    task = cast("WorkerCoroutine", evaluation.evaluate)
    worker = LOOPS[lane](
        [func(task, name=EVALUATE, timeout=_ARQ_TIMEOUT_SECONDS, max_tries=_ARQ_TRIES)],
        queue_name=EVALUATE_QUEUE,
        redis_pool=redis,
        burst=burst,
        handle_signals=False,
        max_jobs=max_jobs or _CONCURRENT_JOBS[lane],
        keep_result=0,
        poll_delay=_POLL_SECONDS,
        max_tries=_ARQ_TRIES,
        job_serializer=serialize,
        job_deserializer=deserialize,
        log_results=False,
    )
    worker.in_progress_timeout_s = _CLAIM_SECONDS
    return worker


class WorkerProcess:
    """Takes jobs from one queue until it is told to stop."""

    def __init__(
        self, settings: Settings, evaluators: Sequence[Evaluator], box: LastJob, lane: Lane = "patient"
    ) -> None:
        if settings.redis_url is None or settings.database_url is None:
            raise ValueError("a worker needs REDIS_URL and DATABASE_URL")
        self._redis = ArqRedis(
            ConnectionPool.from_url(settings.redis_url, socket_connect_timeout=5, health_check_interval=30),
            job_serializer=serialize,
            job_deserializer=deserialize,
            default_queue_name=EVALUATE_QUEUE,
        )
        self._disk = Disk(self._redis)
        self._engine = create_engine(settings.database_url, pool_size=6, application="llm-monitor-worker")
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="scoring")
        self._projects = Projects(self._engine)
        self._upkeep = Upkeep(
            self._engine,
            retention_days=settings.retention_days,
            rollup_retention_days=settings.rollup_retention_days,
        )
        self._reconciling = Reconciling(self._engine, self._redis, worker_name(os.getpid()))
        self._retention = Retention(self._engine, retention_days=settings.retention_days)
        privacy = Privacy(settings.secret_key)
        self._runner = Runner(
            self._engine,
            self._redis,
            {
                JobKind.ERASE: Erasure(self._engine, self._redis, describing(evaluators)),
                JobKind.EVALUATE: Evaluations(),
                JobKind.PRICE: Pricing(describing(evaluators)),
            },
        )
        caps, scoring = CardinalityCaps(self._engine), Scoring(evaluators, privacy)
        self._joining = LateContent(
            self._engine, self._executor, scoring, self._projects, caps, describing(evaluators)
        )
        self._evaluation = Evaluation(
            self._redis,
            Storing(self._engine, evaluators, caps, nudge=self._joining.nudge),
            self._executor,
            scoring,
            self._projects,
            Attempts(self._redis, worker_name(os.getpid()), box),
            outage=self._pause,
            clock=unix_ms,
        )
        self._judges = list_judges(evaluators)
        self._lane = lane
        self._full = False
        self._stopping = asyncio.Event()
        self._worker: Worker | None = None
        self._probe: asyncio.Task[None] | None = None
        self._tasks = Tasks()

    async def run(self) -> None:
        """Work until SIGTERM or SIGINT, then let running jobs end for a few seconds."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.stop)
        try:
            async with in_background(*self._chores()):
                while not self._stopping.is_set():
                    await self._work()
        finally:
            if self._probe:
                self._probe.cancel()
            with contextlib.suppress(RedisError, OSError):
                await retire(self._redis, worker_name(os.getpid()))
            await self._redis.aclose(close_connection_pool=True)
            await self._engine.dispose()
            self._executor.shutdown(wait=False, cancel_futures=True)

    def _chores(self) -> Iterator[Coroutine[Any, Any, None]]:
        """Yield what is done beside jobs: most of it by every process that nobody waits for."""
        tasks = self._tasks
        yield self._projects.run(tasks)
        yield tasks.repeat("disk", self._look_at_disk, _DISK_SECONDS, longest=_DISK_SECONDS)
        yield tasks.repeat("heartbeat", self._beat, TELL_SECONDS, longest=TELL_SECONDS)
        if self._lane == "patient":
            yield self._upkeep.run(tasks)
            yield self._retention.run(tasks)
            yield self._reconciling.run(tasks)
            yield self._runner.run(tasks)
            yield self._joining.run(tasks)

    def stop(self) -> None:
        """Ask the process to take no more jobs and end."""
        self._stopping.set()

    async def _work(self) -> None:
        """Run arq's worker until a stop is asked for or Redis goes away."""
        self._worker = worker = make_worker(self._redis, self._evaluation, lane=self._lane)
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
            logger.warning("Redis does not answer, connecting again: %s", type(error).__name__)
            await self._drain(worker)
            await asyncio.sleep(_PAUSE_SECONDS)

    async def _drain(self, worker: Worker) -> None:
        """Let running jobs end; what does not is cancelled and delivered again."""
        if worker.tasks:
            _, late = await asyncio.wait(worker.tasks.values(), timeout=_DRAIN_SECONDS)
            for task in late:
                task.cancel()
            await asyncio.gather(*worker.tasks.values(), return_exceptions=True)

    def _pause(self) -> None:
        """Take no jobs until Postgres answers, on a disk with room."""
        if self._worker:
            self._worker.allow_pick_jobs = False
        if self._probe is None or self._probe.done():
            self._probe = asyncio.create_task(self._resume())

    async def _resume(self) -> None:
        while not (self._stopping.is_set() or (self._disk.stores and await self._answers())):  # noqa: ASYNC110 nobody tells us when they are back
            await asyncio.sleep(_PAUSE_SECONDS)
        if self._worker:
            self._worker.allow_pick_jobs = not self._stopping.is_set()

    async def _look_at_disk(self) -> None:
        """Take no jobs while the disk has no room for what they store."""
        await self._disk.look()
        if not self._disk.stores:
            self._pause()
            if not self._full:
                logger.warning("the disk is full: records stay in the queue until there is room")
        self._full = not self._disk.stores

    async def _answers(self) -> bool:
        try:
            return await answers(self._engine)
        except Exception:  # a server that answers with a refusal may yet let us in, and nobody else would try
            logger.exception("Postgres refuses to be asked")
            return False

    async def _beat(self) -> None:
        """Tell Redis that this worker lives, what it judges by, and how its tasks do."""
        await tell_tasks(self._redis, process_name("worker"), self._tasks.states(), unix_ms())
        if self._lane == "patient":
            await beat(self._redis, worker_name(os.getpid()), unix_ms())
            await publish_judges(self._redis, self._judges)
