"""Find what limits a stack at 10³, 10⁴ and 10⁵ records a second, from `llm-monitor doctor --json`.

It simulates one hour, second by second. The load is steady, with five minutes of three times as
much, and Postgres is away for two minutes. Acceptance, workers and writing have the measured
speeds. Records that are accepted and not yet written lie in Redis, and records without room there
are refused. The part at fault is enlarged until nothing is refused and nothing is left waiting.

    llm-monitor doctor --json > figures.json
    python -m benchmarks.capacity figures.json
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from app.sizing import Figures
from app.sizing.plan import MEMORY_SHARE

__all__ = ["RATES", "Hour", "Setup", "enlarge", "simulate"]

RATES = (1_000, 10_000, 100_000)
GIB = 1024**3
HOUR, PEAK, AWAY = 3600, range(1200, 1500), range(2400, 2520)
PEAK_FACTOR = 3.0
LARGEST_REDIS = 64 * GIB
GROWTH = 1.25


@dataclass(frozen=True)
class Setup:
    """The number or size of each part of a stack."""

    workers: int
    redis: int
    redis_bytes: float
    postgres: int


@dataclass(frozen=True)
class Hour:
    """The result of an hour: refused and waiting records, longest wait in seconds, the fault."""

    refused: float
    left: float
    longest_wait: float
    fault: str | None
    second: int


def simulate(figures: Figures, setup: Setup, rate: float) -> Hour:
    """Run one hour; the fault is what first refused records, or left them waiting at the end."""
    waiting = refused = longest = 0.0
    first: tuple[str, int] | None = None
    scoring, writing = setup.workers * figures.worker_rate, setup.postgres * figures.write_rate
    slower = "workers" if scoring < writing else "Postgres writes"
    for second in range(HOUR):
        sent = rate * (PEAK_FACTOR if second in PEAK else 1.0)
        room = setup.redis * setup.redis_bytes * MEMORY_SHARE / figures.redis_bytes - waiting
        taken = max(0.0, min(sent, setup.redis * figures.queue_rate, room))
        if taken < sent and first is None:
            full = "Redis memory" if second in AWAY else slower
            first = (full if room < setup.redis * figures.queue_rate else "Redis commands"), second
        refused += sent - taken
        done = 0.0 if second in AWAY else min(waiting + taken, scoring, writing)
        waiting += taken - done
        longest = max(longest, waiting / min(scoring, writing))
    if first is None and waiting > rate:
        first = slower, HOUR
    fault, at = first or (None, HOUR)
    return Hour(refused, waiting, longest, fault, at)


def enlarge(setup: Setup, fault: str) -> Setup:
    """Return a setup with more of the part at fault."""
    match fault:
        case "workers":
            return replace(setup, workers=max(setup.workers + 1, math.ceil(setup.workers * GROWTH)))
        case "Postgres writes":
            return replace(setup, postgres=setup.postgres + 1)
        case "Redis memory" if setup.redis_bytes < LARGEST_REDIS:
            return replace(setup, redis_bytes=setup.redis_bytes * 2)
        case _:
            return replace(setup, redis=setup.redis + 1)


def _grow(figures: Figures, rate: float) -> Iterator[tuple[Setup, Hour]]:
    """Yield every setup that was tried, with its hour, beginning with this one machine."""
    setup = Setup(workers=figures.cores, redis=1, redis_bytes=GIB, postgres=1)
    while True:
        hour = simulate(figures, setup, rate)
        yield setup, hour
        if hour.fault is None:
            return
        setup = enlarge(setup, hour.fault)


def main(arguments: list[str]) -> int:
    """Print one line per rate."""
    if len(arguments) != 1:
        print(__doc__)
        return 2
    figures = msgspec.convert(json.loads(Path(arguments[0]).read_text())["figures"], Figures)
    print("| records/s | limits first | then | holds with workers | Redis | Postgres | longest wait |")
    print("|---|---|---|---|---|---|---|")
    for rate in RATES:
        tried = list(_grow(figures, rate))
        faults = list(dict.fromkeys(hour.fault for _, hour in tried if hour.fault)) or ["nothing"]
        setup, hour = tried[-1]
        memory = f"{setup.redis} of {setup.redis_bytes / GIB:.0f} GiB"
        print(
            f"| {rate:,} | {faults[0]} | {', '.join(faults[1:]) or '-'} | {setup.workers:,} | {memory} "
            f"| {setup.postgres} | {hour.longest_wait:,.0f} s |"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
