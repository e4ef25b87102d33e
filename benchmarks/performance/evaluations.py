"""Evaluations of any length: their pace beside bulk ingest, memory, and what live calls feel."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import chain, cycle, islice
from typing import Any

import httpx

from benchmarks.performance.figure import Figure
from benchmarks.performance.flow import WARM_RECORDS, send_bulk, wait_until_settled
from benchmarks.performance.http_load import Load, open_loop, request
from benchmarks.performance.processes import family, resident_bytes
from benchmarks.performance.stack import Stack, running

__all__ = ["measure_evaluations"]

RATE = 50
MOST_IN_BULK = 100_000
P99_RATIO, RSS_RATIO = 1.5, 1.5
_PATIENCE_SECONDS = 3_600.0
_LOOK_SECONDS = 0.5
_MIB = 1024 * 1024


def measure_evaluations(
    lines: Sequence[bytes], *, items: int = 100_000, seconds: float = 20.0, workers: int = 2
) -> list[Figure]:
    """Evaluate `items` calls, and live calls alone and beside a job.

    As many calls are sent in bulk, but at most MOST_IN_BULK.
    """
    with running(workers=workers) as stack:
        send_bulk(stack.port, lines[:WARM_RECORDS])
        wait_until_settled(stack.database_url, WARM_RECORDS)
        figures = [*_live(stack, lines, items, seconds)]
        before = _resident(stack)
        pace, sent = _evaluate(stack, lines, items)
        after = _resident(stack)
        begun = time.perf_counter()
        known = _settled(stack)
        sent_in_bulk = min(items, MOST_IN_BULK)
        send_bulk(stack.port, [*islice(cycle(lines), sent_in_bulk)])
        wait_until_settled(stack.database_url, known + sent_in_bulk)
        bulk = sent_in_bulk / (time.perf_counter() - begun)
    figures.append(
        Figure(
            name=f"evaluation of {items} items, end to end, {workers} workers",
            value=pace,
            unit="items/s",
            yardstick=bulk,
            yardstick_name="calls by POST /monitor/inferences",
            details={"accepted_per_s": sent},
        )
    )
    for name, value in after.items():
        figures.append(
            Figure(
                name=f"memory of the {name} after the evaluation",
                value=value,
                unit="MiB",
                yardstick=before[name],
                yardstick_name="before it",
                goal=f"at most {RSS_RATIO:g} x before",
                met=value <= RSS_RATIO * before[name],
            )
        )
    return figures


def _live(stack: Stack, lines: Sequence[bytes], items: int, seconds: float) -> Iterator[Figure]:
    """Send single calls at a fixed rate, and measure from when each is due to its scores."""
    requests = [request("/monitor/inference", line) for line in islice(cycle(lines), int(RATE * seconds))]
    open_loop(stack.port, requests[: RATE * 2], rate=RATE)
    alone = open_loop(stack.port, requests, rate=RATE)
    with _uploading(stack.port, lines, items):
        beside_upload = open_loop(stack.port, requests, rate=RATE)
    job = _running(stack)
    beside_job = open_loop(stack.port, requests, rate=RATE)
    still = _running(stack) is not None
    if job is not None:
        httpx.delete(f"http://127.0.0.1:{stack.port}/jobs/{job}", timeout=60)
    for when, load in (("the upload of an evaluation", beside_upload), ("an evaluation", beside_job)):
        yield _figure(when, load, alone, job_ran=job is not None and still)


def _figure(when: str, load: Load, alone: Load, *, job_ran: bool) -> Figure:
    found, usual = load.percentile(0.99), alone.percentile(0.99)
    return Figure(
        name=f"wait for scores at {RATE}/s beside {when}, p99",
        value=found,
        unit="ms",
        yardstick=usual,
        yardstick_name="alone, p99",
        goal=f"at most {P99_RATIO:g} x alone",
        met=found <= P99_RATIO * usual if job_ran else None,
        details={"p50_ms": load.percentile(0.5), "alone_p50_ms": alone.percentile(0.5)},
    )


@contextmanager
def _uploading(port: int, lines: Sequence[bytes], items: int) -> Iterator[None]:
    process = multiprocessing.get_context("fork").Process(target=_upload, args=(port, lines, items))
    process.start()
    try:
        yield
    finally:
        process.join()


def _upload(port: int, lines: Sequence[bytes], items: int) -> str:
    parts = chain.from_iterable((b"\n".join(part), b"\n") for part in _parts(lines, items))
    answer = httpx.post(
        f"http://127.0.0.1:{port}/evaluate",
        content=parts,
        headers={"Content-Type": "application/x-ndjson"},
        timeout=_PATIENCE_SECONDS,
    )
    answer.raise_for_status()
    return str(answer.json()["job_id"])


def _parts(lines: Sequence[bytes], items: int) -> Iterator[list[bytes]]:
    rest = islice(cycle(lines), items)
    while part := list(islice(rest, 100)):
        yield part


def _evaluate(stack: Stack, lines: Sequence[bytes], items: int) -> tuple[float, float]:
    begun = time.perf_counter()
    job = _upload(stack.port, lines, items)
    accepted = time.perf_counter() - begun
    while _look(stack, f"/jobs/{job}")["state"] != "done":
        if time.perf_counter() - begun > _PATIENCE_SECONDS:
            raise TimeoutError(job)
        time.sleep(_LOOK_SECONDS)
    return items / (time.perf_counter() - begun), items / accepted


def _running(stack: Stack) -> str | None:
    jobs = _look(stack, "/jobs")["jobs"]
    return next((one["job_id"] for one in jobs if one["state"] == "running"), None)


def _settled(stack: Stack) -> int:
    (project,) = _look(stack, "/pipeline")["projects"]
    return int(project["stored"] + project["duplicate"] + project["dead"])


def _look(stack: Stack, path: str) -> Any:
    return httpx.get(f"http://127.0.0.1:{stack.port}{path}", timeout=60).raise_for_status().json()


def _resident(stack: Stack) -> dict[str, float]:
    """Return the resident memory of the API and of the largest worker, in MiB."""
    return {
        "API": resident_bytes(stack.pids["api"]) / _MIB,
        "largest worker": max(one.memory_info().rss for one in family(stack.pids["workers"])) / _MIB,
    }
