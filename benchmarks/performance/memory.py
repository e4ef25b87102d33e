"""The memory of the whole idle stack, and whether processes grow while records pass through."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from itertools import cycle, islice
from pathlib import Path

from app.local.processes import python_environment
from benchmarks.performance.figure import Figure
from benchmarks.performance.flow import send_bulk, wait_until_settled
from benchmarks.performance.processes import family, resident_bytes, shared_out_bytes
from benchmarks.performance.stack import Stack, free_port, running, wait_until_answers

__all__ = ["measure_growth", "measure_idle"]

ROOT = Path(__file__).resolve().parents[2]
IDLE_MIB = 800.0
GROWTH = 1.05
FROM, TO = 50_000, 200_000
_STEP = 10_000
_MIB = 1024 * 1024
_IDLE_SECONDS = 15.0
_NAMES = ("uvicorn", "workers.main", "dashboard.app", "app.local.holder", "postgres", "redis", "main.py")


def measure_idle() -> list[Figure]:
    """Start everything as a user does, wait until it is idle, and add up the PSS."""
    folder = Path(tempfile.mkdtemp(prefix="llmb-"))
    ports = free_port(), free_port()
    environment = {
        **python_environment(),
        "LLM_MONITOR_DATA_DIR": str(folder),
        "LLM_MONITOR_API_PORT": str(ports[0]),
        "LLM_MONITOR_DASHBOARD_PORT": str(ports[1]),
        "LLM_MONITOR_WORKERS": "2",
    }
    for name in ("DATABASE_URL", "REDIS_URL", "API_BASE_URL"):
        environment.pop(name, None)
    process = subprocess.Popen(  # noqa: S603 the program is this product
        [sys.executable, str(ROOT / "main.py")], env=environment, cwd="/", stdout=subprocess.DEVNULL
    )
    try:
        wait_until_answers(f"http://127.0.0.1:{ports[0]}/health/ready")
        wait_until_answers(f"http://127.0.0.1:{ports[1]}/")
        time.sleep(_IDLE_SECONDS)
        held = shared_out_bytes(process.pid, str(folder))
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)
        shutil.rmtree(folder, ignore_errors=True)
    details: dict[str, float] = {}
    for command, size in held.values():
        name = next((one for one in _NAMES if one in command), "other")
        details[name] = details.get(name, 0.0) + size / _MIB
    total = sum(details.values())
    return [
        Figure(
            name="idle stack with two workers and the dashboard, PSS",
            value=total,
            unit="MiB",
            goal=f"at most {IDLE_MIB:g} MiB",
            met=total <= IDLE_MIB,
            details=details,
        )
    ]


def measure_growth(lines: Sequence[bytes], *, first: int = FROM, last: int = TO) -> list[Figure]:
    """Send all records, and compare resident memory at the first mark with that at the last."""
    endless = cycle(lines)
    with running(workers=2) as stack:
        sent = 0
        marks: dict[int, dict[str, int]] = {}
        for mark in (first, last):
            while sent < mark:
                part = min(_STEP, mark - sent)
                send_bulk(stack.port, list(islice(endless, part)))
                sent += part
                wait_until_settled(stack.database_url, sent)
            marks[mark] = _resident(stack)
    before, after = sum(marks[first].values()), sum(marks[last].values())
    grown = {f"{name} MiB": size / _MIB for name, size in marks[last].items()}
    return [
        Figure(
            name=f"resident memory of API and workers after {last:,} records",
            value=after / _MIB,
            unit="MiB",
            yardstick=before / _MIB,
            yardstick_name=f"after {first:,}",
            goal=f"at most {GROWTH:g} x",
            met=after <= GROWTH * before,
            details=grown,
        )
    ]


def _resident(stack: Stack) -> dict[str, int]:
    found = {"api": resident_bytes(stack.pids["api"])}
    for number, process in enumerate(family(stack.pids["workers"])):
        found[f"worker {number}" if number else "workers' parent"] = resident_bytes(process.pid)
    return found
