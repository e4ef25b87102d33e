"""The entry point of the workers: a parent loads and warms everything, then forks processes."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import signal
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import NamedTuple, NoReturn

import uvloop

from app.config import Settings, load_settings
from app.errors import MonitorError, StartupError
from app.privacy import Privacy
from app.queue.claims import release
from app.queue.scheduling import Lane
from app.rules import load_evaluators
from app.schemas.projects import ProjectSettings
from app.telemetry import configure_logging
from monitoring.evaluator import Evaluator
from monitoring.samples import SAMPLES
from workers.evaluation.last_job import LastJob
from workers.evaluation.warming import envelope_of
from workers.process import WorkerProcess, unix_ms, worker_name
from workers.scoring import Scoring

__all__ = ["GARBAGE_THRESHOLD", "main"]

logger = logging.getLogger(__name__)

_RESTART_SECONDS = 1.0
# Where processes outnumber cores, jobs that nobody waits for give way to the waited ones.
_NICENESS = 10
# A batch makes thousands of objects that live until its end. Garbage collection finds nothing among
# them.
GARBAGE_THRESHOLD = 50_000


class _Child(NamedTuple):
    """What the parent knows of a worker process: which job it scores, and its lane."""

    box: LastJob
    lane: Lane


class WorkerProcesses:
    """The worker processes of one parent: forked, replaced when they die, ended together."""

    def __init__(self, settings: Settings, evaluators: Sequence[Evaluator]) -> None:
        self._settings = settings
        self._evaluators = evaluators
        self._children: dict[int, _Child] = {}
        self._stopping = False
        # Children hold the reading end of a pipe. They see its end when the parent dies in any way.
        self._alive, self._held = os.pipe()

    def run(self) -> None:
        """Keep the worker processes running until SIGTERM or SIGINT.

        There are `settings.workers` processes for all jobs, and one for waited jobs.
        """
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self._stop())
        for _ in range(self._settings.workers):
            self._fork("bulk")
        self._fork("waited")
        while self._children:
            pid, status = os.wait()
            child = self._children.pop(pid, None)
            if child and not self._stopping:
                code = os.waitstatus_to_exitcode(status)
                logger.error("worker %d ended with status %d and is replaced", pid, code)
                release(self._settings.redis_url or "", worker_name(pid), scored=child.box.read())
                child.box.close()
                time.sleep(_RESTART_SECONDS)
                self._fork(child.lane)

    def _stop(self) -> None:
        self._stopping = True
        for pid in self._children:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)

    def _fork(self, lane: Lane) -> None:
        if self._stopping:
            return
        child = _Child(LastJob(), lane)
        pid = os.fork()
        if pid == 0:
            self._work(child)
        self._children[pid] = child

    def _work(self, child: _Child) -> NoReturn:
        """Be a worker process, and never return into the code of the parent."""
        status = 1
        try:
            os.close(self._held)
            if child.lane == "bulk":
                os.nice(_NICENESS)
            uvloop.run(self._serve(child))
            status = 0
        except BaseException:
            logger.exception("a worker process failed")
        finally:
            logging.shutdown()
            os._exit(status)

    async def _serve(self, child: _Child) -> None:
        worker = WorkerProcess(self._settings, self._evaluators, child.box, child.lane)
        asyncio.get_running_loop().add_reader(self._alive, worker.stop)
        await worker.run()


def load(settings: Settings | None = None) -> tuple[Evaluator, ...]:
    """Find the evaluators and run everything once.

    No job then has to wait for loading, and the forked processes share the memory. Raises
    StartupError for rules or packages that cannot be used.
    """
    evaluators = load_evaluators(settings or load_settings())
    now = unix_ms()
    scoring, envelopes = Scoring(evaluators, Privacy(None)), [envelope_of(record, now) for record in SAMPLES]
    # The arrays of a record that comes alone have another layout, for which numba compiles anew.
    for batch in (envelopes, envelopes[:1]):
        scoring.score(batch, "warm-up", ProjectSettings())
    gc.collect()
    gc.freeze()
    gc.set_threshold(GARBAGE_THRESHOLD)
    return evaluators


def main() -> int:
    """Run the workers of this machine; returns the exit status."""
    try:
        settings = load_settings()
        if settings.database_url is None or settings.redis_url is None:
            raise StartupError(
                "a worker needs DATABASE_URL and REDIS_URL: `python main.py` starts everything, "
                "`llm-monitor urls` prints those of a running stack"
            )
        configure_logging(settings.log_level, process="worker")
        evaluators = load(settings)
    except MonitorError as error:
        sys.stderr.write(f"llm-monitor: {error.detail}\n")
        return 2
    WorkerProcesses(settings, evaluators).run()
    return 0


if __name__ == "__main__":
    sys.exit(main())
