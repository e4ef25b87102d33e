"""What a worker needs to start and to run: with everything warm, and with work behind it."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import psutil
import pytest

from app.queue import live_workers
from monitoring.models import Record
from tests.integration.worker_rig import Rig, running_rig
from workers.main import load
from workers.process import unix_ms

ROOT = Path(__file__).resolve().parents[2]
# Processor seconds until the first heartbeat, on a machine that adds two million numbers in
# CALIBRATION_SECONDS.
MOST_SECONDS, CALIBRATION_SECONDS = 5.0, 0.062
MOST_MEMORY = 400 * 1024 * 1024
PATIENCE_SECONDS = 120
PARAGRAPH = "The river {n} rises in spring. Write to jane{n}@mail{n}.com about it. "
RECORDS = [
    *(Record(prompt=text, response=text, context=(text[::-1],)) for text in (PARAGRAPH.format(n=n) * 30 for n in range(600))),
    *(Record(prompt=text, response=text, context=(text,)) for text in (c * 1_000_000 for c in ("a", "1", "word ", "忽"))),
]  # fmt: skip


@pytest.fixture
async def rig(database_url: str, redis_url: str) -> AsyncIterator[Rig]:
    async with running_rig(database_url, redis_url) as rig:
        yield rig


@pytest.fixture
def family(rig: Rig, database_url: str, redis_url: str) -> Iterator[psutil.Process]:  # noqa: ARG001 servers first
    """The parent of two workers that just started, with every kernel compiled before."""
    load()
    environment = {"DATABASE_URL": database_url, "REDIS_URL": redis_url, "LLM_MONITOR_WORKERS": "2"}
    command = [sys.executable, "-m", "workers.main"]
    with subprocess.Popen(command, cwd=ROOT, env={**os.environ, **environment}) as parent:
        yield psutil.Process(parent.pid)
        parent.terminate()


def slowness() -> float:
    """Return how much slower this machine is now than that of CALIBRATION_SECONDS, at least 1."""
    before = time.thread_time()
    total = 0
    for number in range(2_000_000):
        total += number
    return max(1.0, (time.thread_time() - before) / CALIBRATION_SECONDS)


async def until(holds: Callable[[], Awaitable[object]]) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not await holds():  # noqa: ASYNC110 other processes tell us nothing
            await asyncio.sleep(0.05)


async def test_a_warm_worker_is_ready_in_seconds_and_stays_small(rig: Rig, family: psutil.Process) -> None:
    await until(lambda: live_workers(rig.redis, unix_ms()))
    spent = sum(sum(one.cpu_times()[:2]) for one in (family, *family.children()))
    assert spent < MOST_SECONDS * slowness()

    async def stored() -> bool:
        return bool(await rig.value("SELECT count(*) FROM traces") == len(RECORDS))

    await rig.accept(RECORDS)
    await until(stored)
    children = family.children()
    assert len(children) == 3  # two, and one for what is waited for
    for child in children:
        memory = child.memory_full_info()
        assert memory.pss <= memory.rss < MOST_MEMORY
    # Forked from one warmed parent, they share what it loaded.
    assert sum(child.memory_full_info().pss for child in children) < 1.5 * MOST_MEMORY
