"""The cost of many workers on one queue, compared with as many processes without a queue."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Sequence
from multiprocessing.queues import SimpleQueue

from app.privacy import Privacy
from app.schemas.projects import ProjectSettings
from app.schemas.queued import Envelope
from benchmarks.performance.figure import Figure
from benchmarks.performance.flow import WARM_RECORDS, send_bulk, wait_until_settled
from benchmarks.performance.processes import cpu_used
from benchmarks.performance.stack import running
from benchmarks.performance.traffic import make_envelopes
from monitoring.evaluation import find_evaluators
from workers.scoring import Scoring

__all__ = ["measure_sharing"]

GOAL = 1.1
_JOB = 512
_ALONE_RECORDS = 8_192
_ALONE_SECONDS = 4.0


def measure_sharing(lines: Sequence[bytes], *, many: int = 8) -> list[Figure]:
    """Let one worker, and then `many`, empty the same queue, and compare their CPU time a record.

    The same is measured for scoring alone. An increase there comes from the machine, and no queue
    can avoid it.
    """
    costs = {workers: _worker_cost(lines, workers) for workers in (1, many)}
    alone = _cost_alone(lines[:_ALONE_RECORDS], (1, many))
    return [
        Figure(
            name=f"CPU of {many} workers on one queue",
            value=costs[many],
            unit="us/record",
            yardstick=costs[1],
            yardstick_name="one worker",
            goal=f"at most {GOAL:g} x one worker",
            met=costs[many] <= GOAL * costs[1],
        ),
        Figure(
            name=f"CPU of {many} processes that score without a queue",
            value=alone[many],
            unit="us/record",
            yardstick=alone[1],
            yardstick_name="one process",
        ),
    ]


def _worker_cost(lines: Sequence[bytes], workers: int) -> float:
    with running(workers=workers) as stack:
        send_bulk(stack.port, lines[:WARM_RECORDS])
        wait_until_settled(stack.database_url, WARM_RECORDS)
        with cpu_used(stack.pids) as cpu:
            send_bulk(stack.port, lines)
            wait_until_settled(stack.database_url, WARM_RECORDS + len(lines))
    return 1e6 * cpu["workers"] / len(lines)


def _cost_alone(lines: Sequence[bytes], numbers: Sequence[int]) -> dict[int, float]:
    """Return the mean CPU time a record, in microseconds, of so many forked processes."""
    envelopes = make_envelopes(lines)
    jobs = [envelopes[start : start + _JOB] for start in range(0, len(envelopes), _JOB)]
    scoring = Scoring(find_evaluators(), Privacy(None))
    scoring.score(jobs[0], "warm-up", ProjectSettings())
    return {number: _mean(number, scoring, jobs) for number in numbers}


def _mean(processes: int, scoring: Scoring, jobs: Sequence[Sequence[Envelope]]) -> float:
    fork = multiprocessing.get_context("fork")
    costs: SimpleQueue[float] = fork.SimpleQueue()
    children = [
        fork.Process(target=_score, args=(scoring, jobs, number, costs)) for number in range(processes)
    ]
    for child in children:
        child.start()
    for child in children:
        child.join()
    if any(child.exitcode for child in children):
        raise RuntimeError("a process could not score")
    return sum(costs.get() for _ in children) / processes


def _score(
    scoring: Scoring, jobs: Sequence[Sequence[Envelope]], begin: int, costs: SimpleQueue[float]
) -> None:
    """Score jobs in turn, each process from another job on; puts microseconds of CPU a record."""
    scoring.score(jobs[begin % len(jobs)], "warm-up", ProjectSettings())
    used, end, records, place = time.process_time(), time.monotonic() + _ALONE_SECONDS, 0, begin
    while time.monotonic() < end:
        place += 1
        job = jobs[place % len(jobs)]
        scoring.score(job, "job", ProjectSettings())
        records += len(job)
    costs.put(1e6 * (time.process_time() - used) / records)
