"""Exports: their pace and memory, and what live calls feel while one runs."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import cycle, islice
from pathlib import Path
from typing import NamedTuple

import asyncpg
import psutil
import uvloop

from benchmarks.performance.figure import Figure
from benchmarks.performance.filling import Filler
from benchmarks.performance.http_load import Load, open_loop, request
from benchmarks.performance.processes import resident_bytes
from benchmarks.performance.reads import FAST_STORE
from benchmarks.performance.stack import Stack, running

__all__ = ["measure_exports"]

RATE = 50
P99_RATIO, RSS_RATIO = 1.5, 1.5
FORMATS = ("ndjson", "csv", "parquet")
WARM_SECONDS = 5
# Whoever fetches an export usually has another machine, so here it takes only what is left over.
_FETCHER_NICENESS = "19"
_LOOK_SECONDS = 0.05
_MIB = 1024 * 1024


class _Run(NamedTuple):
    """One run of the command: its status, seconds, most memory in bytes, and the bytes it wrote."""

    status: int
    seconds: float
    memory: int
    size: int


def measure_exports(
    lines: Sequence[bytes], *, calls: int = 200_000, seconds: float = 30.0, workers: int = 2
) -> list[Figure]:
    """Export `calls` stored calls in each format, alone and in a loop beside live calls."""
    requests = [request("/monitor/inference", line) for line in islice(cycle(lines), int(RATE * seconds))]
    with (
        running(workers=workers, postgres=FAST_STORE) as stack,
        tempfile.TemporaryDirectory(prefix="llmb-") as folder,
    ):
        filler = Filler(stack.database_url, lines)
        uvloop.run(filler.prepare())
        uvloop.run(filler.fill(calls))
        copied = uvloop.run(_copied(stack.database_url))
        open_loop(stack.port, requests[: RATE * WARM_SECONDS], rate=RATE)
        before = resident_bytes(stack.pids["api"]) / _MIB
        figures = [_pace(stack, form, Path(folder), calls, copied) for form in FORMATS]
        alone = open_loop(stack.port, requests, rate=RATE)
        for form in FORMATS:
            with _exporting(stack, form, Path(folder)) as statuses:
                beside = open_loop(stack.port, requests, rate=RATE)
            figures.append(_wait(form, beside, alone, whole=not any(statuses)))
        after = resident_bytes(stack.pids["api"]) / _MIB
    memory = Figure(
        name="memory of the API after the exports",
        value=after,
        unit="MiB",
        yardstick=before,
        yardstick_name="before them",
        goal=f"at most {RSS_RATIO:g} x before",
        met=after <= RSS_RATIO * before,
    )
    return [*figures, memory]


async def _copied(database_url: str) -> float:
    """Return the seconds in which Postgres alone gives out all rows."""
    driver = await asyncpg.connect(database_url)
    begun = time.perf_counter()
    try:
        await driver.copy_from_table("traces", output=os.devnull)
    except asyncpg.WrongObjectTypeError:  # a table of partitions is only copied as a query
        await driver.copy_from_query("SELECT * FROM traces", output=os.devnull)
    finally:
        await driver.close()
    return time.perf_counter() - begun


def _pace(stack: Stack, form: str, folder: Path, calls: int, copied: float) -> Figure:
    found = _export(stack, form, folder)
    if found.status:
        raise RuntimeError(f"the export ended with status {found.status}")
    return Figure(
        name=f"export of {calls:,} calls as {form}",
        value=found.seconds,
        unit="s",
        yardstick=copied,
        yardstick_name="COPY of the same rows",
        details={
            "calls_per_s": calls / found.seconds,
            "megabytes": found.size / 1e6,
            "command_mib": found.memory / _MIB,
        },
    )


def _wait(form: str, beside: Load, alone: Load, *, whole: bool) -> Figure:
    found, usual = beside.percentile(0.99), alone.percentile(0.99)
    return Figure(
        name=f"wait for scores at {RATE}/s beside an export as {form}, p99",
        value=found,
        unit="ms",
        yardstick=usual,
        yardstick_name="alone, p99",
        goal=f"at most {P99_RATIO:g} x alone",
        met=found <= P99_RATIO * usual if whole else None,
        details={"p50_ms": beside.percentile(0.5), "alone_p50_ms": alone.percentile(0.5)},
    )


@contextmanager
def _exporting(stack: Stack, form: str, folder: Path) -> Iterator[list[int]]:
    """Export again and again during the block; yields the status of each export that has ended."""
    stopped, statuses = threading.Event(), list[int]()

    def work() -> None:
        while not stopped.is_set():
            statuses.append(_export(stack, form, folder, stopped).status)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield statuses
    finally:
        stopped.set()
        thread.join()


def _export(stack: Stack, form: str, folder: Path, stopped: threading.Event | None = None) -> _Run:
    """Run the command until it ends, or is told to stop, which counts as an end without error."""
    out = folder / f"calls.{form}"
    command = (sys.executable, "-m", "app.cli.main", "export", "--restart", "--source", "all")
    where = ("--out", str(out), "--url", f"http://127.0.0.1:{stack.port}")
    begun = time.perf_counter()
    process = subprocess.Popen(  # noqa: S603 the program is ours
        ["nice", "-n", _FETCHER_NICENESS, *command, *where],  # noqa: S607 nice is in every system
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    most, told = 0, False
    while process.poll() is None:
        with suppress(psutil.NoSuchProcess):
            most = max(most, resident_bytes(process.pid))
        if stopped is not None and stopped.is_set():
            told = True
            process.terminate()
        time.sleep(_LOOK_SECONDS)
    size = out.stat().st_size if out.exists() else 0
    return _Run(0 if told else process.returncode, time.perf_counter() - begun, most, size)
