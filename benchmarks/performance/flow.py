"""From a post to a stored, scored trace: records a second of the whole stack, and what each part costs."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Sequence
from itertools import islice

import uvloop

from app.storage.engine import create_engine, reading
from app.storage.ledger.outcomes import read_settled
from benchmarks.performance.calibration import bare_consumer
from benchmarks.performance.figure import Figure
from benchmarks.performance.http_load import closed_loop, request
from benchmarks.performance.processes import cpu_used
from benchmarks.performance.stack import Stack, running

__all__ = ["WARM_RECORDS", "measure_flow", "send_bulk", "settled", "wait_until_settled"]

BULK_RECORDS = 500
CONNECTIONS = 4
FLOOR, AIM = 3_000, 5_400
WARM_RECORDS = 2_000
PATIENCE_SECONDS = 600.0
_LOOK_SECONDS = 0.25


def measure_flow(lines: Sequence[bytes], *, workers: int = 2) -> list[Figure]:
    """Send all lines in bulk, and count the time until the last of them is stored."""
    with running(workers=workers) as stack:
        consumer = bare_consumer(stack.database_url, stack.redis_url, lines[:20_000])
        _send(stack, lines[:WARM_RECORDS])
        wait_until_settled(stack.database_url, WARM_RECORDS)
        with cpu_used(stack.pids) as cpu:
            begun = time.perf_counter()
            seconds_to_accept = _send(stack, lines)
            wait_until_settled(stack.database_url, WARM_RECORDS + len(lines))
            seconds = time.perf_counter() - begun
    rate = len(lines) / seconds
    each = {f"{name}_us": 1e6 * used / len(lines) for name, used in cpu.items()}
    return [
        Figure(
            name=f"end to end, {len(lines)} records stored and scored, {workers} workers",
            value=rate,
            unit="records/s",
            yardstick=consumer,
            yardstick_name="bare queue-to-COPY",
            goal=f"at least {FLOOR}, aim {AIM} records/s",
            met=rate >= FLOOR,
            details={"accepted_per_s": len(lines) / seconds_to_accept, **each},
        )
    ]


def send_bulk(port: int, lines: Sequence[bytes], *, connections: int = CONNECTIONS) -> float:
    """Post the lines in bulk; returns the seconds it took. Raises RuntimeError when any was refused."""
    load = closed_loop(port, _requests(lines), connections=connections, seconds=PATIENCE_SECONDS)
    if load.answered * BULK_RECORDS < len(lines):
        raise RuntimeError(f"not everything was taken: {dict(load.statuses)}")
    return load.seconds


def _send(stack: Stack, lines: Sequence[bytes]) -> float:
    return send_bulk(stack.port, lines)


def _requests(lines: Sequence[bytes]) -> Iterator[bytes]:
    rest = iter(lines)
    while part := list(islice(rest, BULK_RECORDS)):
        yield request("/monitor/inferences", b"\n".join(part), content_type="application/x-ndjson")


def settled(database_url: str) -> int:
    """Return how many records have an outcome."""

    async def read() -> int:
        engine = create_engine(database_url, application="benchmark")
        try:
            async with reading(engine) as connection:
                return sum(one.total for one in (await read_settled(connection)).values())
        finally:
            await engine.dispose()

    return uvloop.run(read())


def wait_until_settled(database_url: str, records: int) -> None:
    """Return when so many records have an outcome, which is asked for every quarter of a second."""

    async def wait() -> None:
        engine = create_engine(database_url, application="benchmark")
        deadline = time.monotonic() + PATIENCE_SECONDS
        try:
            while True:
                async with reading(engine) as connection:
                    found = sum(one.total for one in (await read_settled(connection)).values())
                if found >= records:
                    return
                if time.monotonic() > deadline:
                    raise TimeoutError(
                        f"{found} of {records} records were stored in {PATIENCE_SECONDS:.0f} s"
                    )
                await asyncio.sleep(_LOOK_SECONDS)
        finally:
            await engine.dispose()

    uvloop.run(wait())
