"""Yardsticks that are measured beside every figure, so that machines can be compared."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import asyncpg
import msgspec
import uvloop
from redis.asyncio import Redis

from app.local.processes import python_environment, spawn, stop
from benchmarks.performance.stack import free_port, wait_until_answers

__all__ = ["bare_api", "bare_consumer", "python_loop", "synced_write"]

_ROUNDS = 2_000_000
_JOB = 256
_QUEUE = "benchmark:bare"
_COLUMNS = ("id", "prompt", "response", "model_name")


@contextmanager
def bare_api() -> Iterator[tuple[int, int]]:
    """Run the bare application; yields its port and process id."""
    port = free_port()
    command = (sys.executable, "-m", "uvicorn", "--factory", "benchmarks.performance.bare_app:create_app",
               "--port", str(port), "--no-access-log", "--log-level", "warning")  # fmt: skip
    process = spawn(command, env={**os.environ, **python_environment()})
    try:
        wait_until_answers(f"http://127.0.0.1:{port}/health")
        yield port, process.pid
    finally:
        stop(process, signal.SIGTERM, 5.0)


def synced_write(share: float, seconds: float) -> float:
    """Return the milliseconds below which a share of small writes to the disk are safe on it.

    Redis does one such write before it answers what changes something. They come at 500 a second.
    """
    with tempfile.TemporaryFile() as file:
        latencies = []
        for _ in range(int(500 * seconds)):
            begun = time.perf_counter()
            file.write(b"x" * 300)
            file.flush()
            os.fdatasync(file.fileno())
            latencies.append(time.perf_counter() - begun)
            time.sleep(max(0.0, 0.002 - latencies[-1]))
    return 1000 * sorted(latencies)[int(share * len(latencies))]


def python_loop() -> float:
    """Return rounds per second of a loop of dictionary writes in pure Python."""
    begun = time.perf_counter()
    held: dict[int, int] = {}
    for number in range(_ROUNDS):
        held[number & 1023] = number
    return _ROUNDS / (time.perf_counter() - begun)


def bare_consumer(database_url: str, redis_url: str, lines: Sequence[bytes]) -> float:
    """Return the records per second of one process that copies jobs from Redis into a table."""
    return uvloop.run(_consume(database_url, redis_url, lines))


async def _consume(database_url: str, redis_url: str, lines: Sequence[bytes]) -> float:
    redis = Redis.from_url(redis_url)
    connection = await asyncpg.connect(database_url)
    try:
        await connection.execute(
            "CREATE TABLE IF NOT EXISTS benchmark_bare "
            "(id bigint PRIMARY KEY, prompt text, response text, model_name text)"
        )
        await connection.execute("TRUNCATE benchmark_bare")
        records = [msgspec.json.decode(line) for line in lines]
        for start in range(0, len(records), _JOB):
            await redis.rpush(_QUEUE, msgspec.msgpack.encode(records[start : start + _JOB]))
        begun, taken = time.perf_counter(), 0
        while taken < len(records):
            job = msgspec.msgpack.decode(await redis.lpop(_QUEUE))
            rows = [
                (taken + i, item["prompt"], item["response"], item["model_name"])
                for i, item in enumerate(job)
            ]
            await connection.copy_records_to_table("benchmark_bare", columns=_COLUMNS, records=rows)
            taken += len(job)
        seconds = time.perf_counter() - begun
        await connection.execute("DROP TABLE benchmark_bare")
        return len(records) / seconds
    finally:
        await connection.close()
        await redis.aclose()
        await asyncio.sleep(0)
