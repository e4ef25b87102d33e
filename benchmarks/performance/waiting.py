"""How long a request waits for the scores of its record, alone and beside a bulk upload."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from benchmarks.performance.calibration import bare_api
from benchmarks.performance.figure import Figure
from benchmarks.performance.flow import send_bulk, wait_until_settled
from benchmarks.performance.http_load import Load, open_loop, request
from benchmarks.performance.stack import Stack, running

__all__ = ["measure_waiting"]

RATE = 200
MEDIAN_MS, P99_MS = 60.0, 250.0
BULK_RECORDS = 30_000
WARM_RECORDS = 500
_OK = 200


def measure_waiting(lines: Sequence[bytes], *, seconds: float = 10.0, workers: int = 2) -> list[Figure]:
    """Send single records at a fixed rate, and measure from when each is due to its scores."""
    requests = [request("/monitor/inference", line) for line in lines[: int(RATE * seconds)]]
    with bare_api() as (port, _):
        open_loop(port, requests[:RATE], rate=RATE)
        bare = open_loop(port, requests, rate=RATE)
    figures = []
    with running(workers=workers) as stack:
        send_bulk(stack.port, lines[:WARM_RECORDS])
        wait_until_settled(stack.database_url, WARM_RECORDS)  # then the workers are running
        open_loop(stack.port, requests[:RATE], rate=RATE)
        figures += _figures("alone", open_loop(stack.port, requests, rate=RATE), bare)
        with _bulk_upload(stack, lines):
            beside = open_loop(stack.port, requests, rate=RATE)
        figures += _figures("beside a bulk upload", beside, bare)
    return figures


@contextmanager
def _bulk_upload(stack: Stack, lines: Sequence[bytes]) -> Iterator[None]:
    """Send bulk bodies, one after the other, from a separate process."""
    many = [lines[number % len(lines)] for number in range(BULK_RECORDS)]
    process = multiprocessing.get_context("fork").Process(
        target=send_bulk, args=(stack.port, many), kwargs={"connections": 1}
    )
    process.start()
    try:
        yield
    finally:
        process.terminate()
        process.join()


def _figures(when: str, load: Load, bare: Load) -> Iterator[Figure]:
    for share, name, goal in ((0.5, "p50", MEDIAN_MS), (0.99, "p99", P99_MS)):
        found = load.percentile(share)
        yield Figure(
            name=f"wait for scores at {RATE}/s, {when}, {name}",
            value=found,
            unit="ms",
            yardstick=bare.percentile(share),
            yardstick_name=f"bare FastAPI 202, {name}",
            goal=f"under {goal:g} ms",
            met=found < goal,
            details={"scored": load.statuses[_OK], "queued": load.answered - load.statuses[_OK]},
        )
