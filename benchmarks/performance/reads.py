"""How long figures and lists take to read while the stored traces grow a hundredfold."""

from __future__ import annotations

from collections.abc import Sequence

import uvloop

from benchmarks.performance.calibration import bare_api
from benchmarks.performance.figure import Figure
from benchmarks.performance.filling import Filler
from benchmarks.performance.http_load import Load, closed_loop, request
from benchmarks.performance.stack import Stack, running

__all__ = ["FAST_STORE", "measure_reads"]

SIZES = (10_000, 100_000, 1_000_000)
POOL = 5_000
REPEATS = 40
PERIODS = ("1h", "24h", "7d")
REPORTS = ("quality", "safety", "cost", "relevance")
REPORT_MS, GROWTH, PAGE_MS = 50.0, 1.5, 100.0
FILTERS = {
    "model": "model={model}",
    "user": "user_id=user-7",
    "unsafe": "is_safe=false",
    "topic": "topic=science",
    "low quality": "max_quality=0.3",
    "24h": "time_period=24h",
}
# The filled data may be lost, because only reads are measured.
FAST_STORE = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off", "max_wal_size": "4GB"}


def measure_reads(lines: Sequence[bytes], *, sizes: Sequence[int] = SIZES) -> list[Figure]:
    """Fill to each size in turn, and read all reports of all periods, then pages of the largest."""
    with bare_api() as (port, _):
        bare = _read(port, "/health", REPEATS).percentile(0.95)
    found: dict[int, dict[str, Load]] = {}
    with running(postgres=FAST_STORE) as stack:
        filler = Filler(stack.database_url, lines)
        model = filler.pool[0].model_name
        uvloop.run(filler.prepare())
        for size in sizes:
            uvloop.run(filler.fill(size))
            found[size] = _reports(stack)
        pages = {
            name: _read(stack.port, f"/traces?{query.format(model=model)}", REPEATS)
            for name, query in FILTERS.items()
        }
    return [*_report_figures(found, bare), *_page_figures(pages, sizes[-1], bare)]


def _reports(stack: Stack) -> dict[str, Load]:
    paths = [f"/metrics/{report}?time_period={period}" for report in REPORTS for period in PERIODS]
    return {path: _read(stack.port, path, REPEATS) for path in paths}


def _read(port: int, path: str, times: int) -> Load:
    closed_loop(port, iter([request(path, b"")] * 3), connections=1, seconds=60)
    return closed_loop(port, iter([request(path, b"")] * times), connections=1, seconds=60)


def _report_figures(found: dict[int, dict[str, Load]], bare: float) -> list[Figure]:
    figures = []
    worst = {size: max(load.percentile(0.95) for load in loads.values()) for size, loads in found.items()}
    typical = {size: sorted(load.percentile(0.5) for load in loads.values()) for size, loads in found.items()}
    for size, loads in found.items():
        figures.append(
            Figure(
                name=f"slowest report of /metrics/*, {size:,} traces, p95",
                value=worst[size],
                unit="ms",
                yardstick=bare,
                yardstick_name="bare FastAPI GET, p95",
                goal=f"at most {REPORT_MS:g} ms",
                met=worst[size] <= REPORT_MS
                and all(load.statuses[200] == REPEATS for load in loads.values()),
                details={
                    path.removeprefix("/metrics/"): load.percentile(0.95) for path, load in loads.items()
                },
            )
        )
    first, last = min(found), max(found)
    middle = {size: sum(values) / len(values) for size, values in typical.items()}
    figures.append(
        Figure(
            name=f"growth of /metrics/* from {first:,} to {last:,} traces, mean of the medians",
            value=middle[last],
            unit="ms",
            yardstick=middle[first],
            yardstick_name=f"{first:,} traces",
            goal=f"at most {GROWTH:g} x",
            met=middle[last] <= GROWTH * middle[first],
        )
    )
    return figures


def _page_figures(pages: dict[str, Load], size: int, bare: float) -> list[Figure]:
    worst = max(load.percentile(0.95) for load in pages.values())
    return [
        Figure(
            name=f"first page of traces with a filter, {size:,} traces, slowest filter, p95",
            value=worst,
            unit="ms",
            yardstick=bare,
            yardstick_name="bare FastAPI GET, p95",
            goal=f"at most {PAGE_MS:g} ms",
            met=worst <= PAGE_MS and all(load.statuses[200] == REPEATS for load in pages.values()),
            details={name: load.percentile(0.95) for name, load in pages.items()},
        )
    ]
