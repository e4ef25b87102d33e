"""Measuring a machine in a few seconds: scoring as pure functions, queue and tables on copies of their own."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Sequence
from typing import TypeVar
from uuid import uuid4

import msgspec
from redis.asyncio import Redis

from app.figures.calls import Calls
from app.figures.judging import Judging, describing
from app.figures.observation import observe
from app.schemas.ids import mint, minted_at
from app.schemas.queued import Batch, Envelope, encode
from app.schemas.traces import Trace, from_envelope
from app.sizing.figures import Figures
from app.sizing.samples import make_records
from app.storage.engine import Engine
from app.storage.rollups.folding import fold_batches
from app.storage.upkeep.scratch import scratch_tables
from monitoring.evaluation import evaluate
from monitoring.evaluator import Evaluator
from monitoring.spending.pricing import Usage, price
from monitoring.text.tokens import count_tokens
from monitoring.verdict import Policy, assess

__all__ = ["measure"]

_JOB = 512
_CLIENTS = 4
_PROJECT = "doctor"
_KEYS = "llm-monitor:doctor:"

T = TypeVar("T")
Progress = Callable[[str], None]


async def measure(
    engine: Engine,
    redis: Redis,
    evaluators: Sequence[Evaluator],
    *,
    record_bytes: int,
    seconds: float,
    progress: Progress,
) -> Figures:
    """Measure each stage for about `seconds`, with records of about `record_bytes`; leaves nothing behind."""
    progress("scoring")
    envelopes = [
        Envelope(
            trace_id=mint(time.time_ns() // 1_000_000), project_id=_PROJECT, source="live", record=record
        )
        for record in make_records(_JOB, record_bytes)
    ]
    _score(envelopes[:8], evaluators)  # compiles
    score_seconds, traces = _timed(lambda: _score(envelopes, evaluators), seconds)
    progress("queueing")
    payload = encode(Batch(envelopes=tuple(msgspec.Raw(encode(one)) for one in envelopes)))
    queue_rate, redis_bytes = await _queue(redis, payload, seconds)
    progress("writing")
    descriptive = describing(evaluators)
    store_seconds, batches = _timed(lambda: observe(traces, descriptive), seconds / 4)
    rate, cpu_seconds, trace_bytes, row_bytes = await _write(engine, traces, batches, seconds)
    return Figures(
        record_bytes=record_bytes,
        cores=os.cpu_count() or 1,
        score_seconds=score_seconds / _JOB,
        store_seconds=store_seconds / _JOB + cpu_seconds,
        queue_rate=queue_rate,
        write_rate=rate,
        redis_bytes=redis_bytes,
        trace_bytes=trace_bytes,
        rollup_row_bytes=row_bytes,
    )


def _timed(work: Callable[[], T], seconds: float) -> tuple[float, T]:
    """Return the CPU seconds of one call and its result, repeating it for about `seconds`."""
    begun, repeated = time.process_time(), 0
    while True:
        found, repeated = work(), repeated + 1
        spent = time.process_time() - begun
        if spent >= seconds:
            return spent / repeated, found


def _score(envelopes: Sequence[Envelope], evaluators: Sequence[Evaluator]) -> list[Trace]:
    """Do what a worker does to a job before it is written."""
    policy = Policy()
    judging = Judging.of(evaluators, policy)
    records = [envelope.record for envelope in envelopes]
    traces = []
    for envelope, results, count in zip(
        envelopes, evaluate(records, evaluators), count_tokens(records), strict=True
    ):
        record, at = envelope.record, minted_at(envelope.trace_id)
        found = dict(results)
        priced = price(Usage(count.prompt, count.completion), record.provider, record.model_name, at)
        verdict = assess(record, found, evaluators, policy)
        judged = {
            "scores": found,
            "hits": judging.hits(found),
            "prompt_tokens": count.prompt,
            "completion_tokens": count.completion,
            "cost_usd": priced.cost_usd,
            "pricing_status": priced.status,
            "overall_quality": verdict.overall_quality,
            "safety_score": verdict.safety_score,
            "is_safe": verdict.is_safe,
            "flags": verdict.flags,
            "topic": verdict.topic_category,
        }
        traces.append(from_envelope(envelope, "doctor", at, **judged))
    return traces


async def _queue(redis: Redis, payload: bytes, seconds: float) -> tuple[float, float]:
    """Return records per second of several clients that queue jobs durably, and bytes per queued record."""
    queue, sizes, jobs = f"{_KEYS}queue", [0], [0]
    end = time.monotonic() + seconds

    async def client(number: int) -> None:
        key = f"{_KEYS}job:{number}"
        while time.monotonic() < end:
            async with redis.pipeline(transaction=True) as pipe:
                pipe.psetex(key, 60_000, payload)
                pipe.zadd(queue, {key: number})
                await pipe.execute()
            jobs[0] += 1

    begun = time.monotonic()
    try:
        await asyncio.gather(*map(client, range(_CLIENTS)))
        rate = jobs[0] * _JOB / (time.monotonic() - begun)
        sizes[0] = int(await redis.memory_usage(f"{_KEYS}job:0") or len(payload))
    finally:
        await redis.delete(queue, *(f"{_KEYS}job:{number}" for number in range(_CLIENTS)))
    return rate, sizes[0] / _JOB


async def _write(
    engine: Engine, traces: Sequence[Trace], batches: Sequence[Calls], seconds: float
) -> tuple[float, float, float, float]:
    """Return records per second of several writers, CPU seconds of theirs, bytes per trace and per rollup row."""
    async with scratch_tables(engine) as scratch:
        end, written = time.monotonic() + seconds, [0]

        async def writer() -> None:
            async with scratch.connected() as connection:
                while time.monotonic() < end:
                    now = time.time_ns() // 1_000_000
                    fresh = [msgspec.structs.replace(trace, trace_id=mint(now)) for trace in traces]
                    await scratch.write(connection, uuid4().hex, fresh, batches)
                    written[0] += len(fresh)

        begun, spent = time.monotonic(), time.process_time()
        await asyncio.gather(*(writer() for _ in range(_CLIENTS)))
        async with scratch.connected() as connection:
            while await fold_batches(connection):
                await connection.commit()
            await connection.commit()
        wall, cpu = time.monotonic() - begun, time.process_time() - spent
        return (
            written[0] / wall,
            cpu / written[0],
            await scratch.row_bytes("traces"),
            await scratch.row_bytes("rollups"),
        )
