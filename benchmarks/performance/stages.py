"""CPU time of each stage of a worker, on one thread: decoding, every evaluator, aggregation, writing."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import uvloop

from app.figures.judging import describing
from app.figures.observation import observe
from app.privacy import Privacy
from app.schemas.projects import ProjectSettings
from app.schemas.queued import Batch, Envelope, decode_batch, decode_envelope, encode
from app.schemas.traces import Trace
from app.storage.engine import create_engine
from app.storage.rollups.covering import fold_closed
from app.storage.rollups.folding import fold_batches
from benchmarks.performance.figure import Figure
from benchmarks.performance.processes import cpu_seconds
from benchmarks.performance.stack import Stack, running
from benchmarks.performance.traffic import make_envelopes
from monitoring.evaluation import find_evaluators
from monitoring.evaluator import Evaluator
from monitoring.text.prepared import Prepared
from monitoring.text.tokens import count_tokens
from workers.cardinality import CardinalityCaps
from workers.evaluation.storing import Job, Storing
from workers.main import GARBAGE_THRESHOLD
from workers.scoring import Scoring

__all__ = ["ADD_UP", "DECODE", "FOLD", "OBSERVE", "SCORE", "STORE", "WRITE", "measure_stages"]

JOB = 512
DECODE, SCORE, OBSERVE = "decode", "all scoring", "observe"
WRITE, ADD_UP = "write, observing included", "add up"
STORE, FOLD = "Postgres: store", "Postgres: add up and fold"


class _Clock:
    def __init__(self) -> None:
        self.spent: dict[str, float] = {}

    def time(self, stage: str, work: Callable[..., Any], *arguments: Any) -> Any:
        begun = time.process_time()
        found = work(*arguments)
        self.spent[stage] = self.spent.get(stage, 0.0) + time.process_time() - begun
        return found


def measure_stages(lines: Sequence[bytes]) -> list[Figure]:
    """Take the lines through a worker's stages by hand, job by job."""
    with _garbage_left():
        return _measure(lines)


@contextmanager
def _garbage_left() -> Iterator[None]:
    """Look for garbage as rarely as workers do: one look at the whole heap counts as a quarter of a second of any stage."""
    gc.collect()
    gc.freeze()
    before = gc.get_threshold()
    gc.set_threshold(GARBAGE_THRESHOLD)
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()


def _measure(lines: Sequence[bytes]) -> list[Figure]:
    evaluators = find_evaluators()
    envelopes = make_envelopes(lines)
    jobs = [envelopes[start : start + JOB] for start in range(0, len(envelopes), JOB)]
    scoring = Scoring(evaluators, Privacy(None))
    scoring.score(jobs[0], "warm-up", ProjectSettings())
    clock = _Clock()
    descriptive = describing(evaluators)
    traces = []
    for job in jobs:
        payload = encode(Batch(envelopes=tuple(msgspec.Raw(encode(one)) for one in job)))
        raw = clock.time(DECODE, _decode, payload)
        batch = Prepared([one.record for one in raw])
        for evaluator in evaluators:
            clock.time(f"score: {evaluator.name}", evaluator.evaluate, batch)
        clock.time("tokens", count_tokens, batch.records)
        traces.append(clock.time(SCORE, scoring.score, raw, "job", ProjectSettings()))
        clock.time(OBSERVE, observe, traces[-1], descriptive)
    with running(api=False) as stack:
        uvloop.run(_write(stack, traces, evaluators, clock))
    details = {name: 1e6 * spent / len(lines) for name, spent in clock.spent.items()}
    total = sum(details[name] for name in (DECODE, SCORE, WRITE, ADD_UP))
    return [Figure(name="CPU of a worker's stages", value=total, unit="us/record", details=details)]


def _decode(payload: bytes) -> list[Envelope]:
    return [decode_envelope(one) for one in decode_batch(payload).envelopes]


async def _write(
    stack: Stack, traces: Sequence[Sequence[Trace]], evaluators: Sequence[Evaluator], clock: _Clock
) -> None:
    engine = create_engine(stack.database_url, application="benchmark")
    storing = Storing(engine, evaluators, CardinalityCaps(engine))
    await storing.store(Job("default", "warm-up", traces[0], [], 0))
    share = len(traces) / max(1, len(traces) - 1)
    begun, server = time.process_time(), cpu_seconds(stack.pids["postgres"])
    for number, job in enumerate(traces[1:]):
        await storing.store(Job("default", f"job-{number}", job, [], 0))
    written = cpu_seconds(stack.pids["postgres"])
    clock.spent[WRITE] = share * (time.process_time() - begun)
    clock.spent[STORE] = share * (written - server)
    begun = time.process_time()
    async with engine.begin() as connection:
        while await fold_batches(connection):
            pass
    clock.spent[ADD_UP] = time.process_time() - begun
    async with engine.begin() as connection:
        await fold_closed(connection, datetime.now(UTC) + timedelta(minutes=5))
    clock.spent[FOLD] = cpu_seconds(stack.pids["postgres"]) - written
    await engine.dispose()
