"""Batches of calls on their way into the rollups.

Each is counted once, whoever adds it up, and before anybody reads.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from app.storage.rollups.batches import batches_ripe, halt_batches, newest_batch
from app.storage.rollups.folding import MOST_BATCHES, figures, fold_batches
from app.storage.rollups.reading import read_breakdown, read_totals
from monitoring.models import Record
from monitoring.statistics.trends import window_of
from tests.integration.worker_rig import Rig, running_rig
from workers.upkeep.tasks import Upkeep

WAITING = "SELECT count(*) FROM rollup_batches"
ROLLED = "SELECT coalesce(sum(records), 0)::int FROM rollups WHERE NOT covered AND dimension = 'all'"


@pytest.fixture
async def rig(database_url: str, redis_url: str) -> AsyncIterator[Rig]:
    async with running_rig(database_url, redis_url) as rig:
        yield rig


async def store(rig: Rig, calls: int, jobs: int = 1) -> None:
    for _ in range(jobs):
        await rig.accept([Record(prompt="p", response="two words", user_id="ada") for _ in range(calls)])
        await rig.drain()


async def look(rig: Rig, statement: str) -> int:
    """Read without adding anything up, unlike `rig.value`."""
    async with rig.engine.connect() as connection:
        found = await connection.exec_driver_sql(statement)
        return int(found.scalar_one())


async def test_a_job_leaves_one_batch_and_whoever_reads_figures_sees_it_counted(rig: Rig) -> None:
    await store(rig, 30, jobs=2)
    assert (await look(rig, WAITING), await look(rig, ROLLED)) == (2, 0)
    window = window_of("1h", datetime.now(UTC) + timedelta(seconds=1))
    async with figures(rig.engine, "other") as connection:
        assert (await read_totals(connection, "default", window)).records == 0
    assert await look(rig, WAITING) == 2
    async with figures(rig.engine, "default") as connection:
        assert (await read_totals(connection, "default", window)).records == 60
        (user,) = await read_breakdown(connection, "default", window, "user")
        assert (user.value, user.counts.records) == ("ada", 60)
    assert await look(rig, WAITING) == 0


async def test_two_that_add_up_at_once_count_nothing_twice(rig: Rig) -> None:
    await store(rig, 5, jobs=6)

    async def fold() -> int:
        async with rig.engine.begin() as connection:
            return await fold_batches(connection)

    assert sum(await asyncio.gather(*(fold() for _ in range(4)))) == 6
    assert (await look(rig, WAITING), await look(rig, ROLLED)) == (0, 30)


async def test_what_is_undone_is_added_up_by_the_next(rig: Rig) -> None:
    await store(rig, 5)
    async with rig.engine.connect() as connection:
        assert await fold_batches(connection) == 1
        await connection.rollback()
    assert (await look(rig, WAITING), await look(rig, ROLLED)) == (1, 0)
    async with rig.engine.begin() as connection:
        assert await fold_batches(connection) == 1
    assert (await look(rig, WAITING), await look(rig, ROLLED)) == (0, 5)


async def test_a_role_that_only_reads_sees_what_was_added_up(rig: Rig) -> None:
    await store(rig, 5)
    reader = "CREATE ROLE {0}; GRANT SELECT ON ALL TABLES IN SCHEMA public TO {0}; SET ROLE {0}"
    name = f"reader_{uuid4().hex}"
    async with rig.engine.connect() as connection:
        for statement in reader.format(name).split("; "):
            await connection.exec_driver_sql(statement)
        assert await newest_batch(connection, "default") is None
        await connection.exec_driver_sql("RESET ROLE")
        assert await newest_batch(connection, "default") is not None


async def test_a_batch_that_cannot_be_added_up_stops_no_other(rig: Rig) -> None:
    await store(rig, 5, jobs=2)
    async with rig.engine.begin() as connection:
        await connection.exec_driver_sql(
            "INSERT INTO rollup_batches (project_id, calls) VALUES ('default', '\\x00')"
        )
    await store(rig, 5, jobs=MOST_BATCHES)
    window = window_of("1h", datetime.now(UTC) + timedelta(seconds=1))
    for _ in range(2):
        async with figures(rig.engine, "default") as connection:
            assert (await read_totals(connection, "default", window)).records == 5 * (2 + MOST_BATCHES)
    assert (
        await look(rig, "SELECT count(*) FROM rollup_batches WHERE faulty") == await look(rig, WAITING) == 1
    )
    assert not await Upkeep(rig.engine, retention_days=30, rollup_retention_days=30).fold_batches()


async def test_upkeep_waits_until_a_batch_is_ripe(rig: Rig) -> None:
    upkeep = Upkeep(rig.engine, retention_days=30, rollup_retention_days=30)
    assert not await upkeep.fold_batches()
    await store(rig, 5)
    assert not await upkeep.fold_batches(timedelta(hours=1))
    assert await look(rig, WAITING) == 1
    assert await upkeep.fold_batches()
    assert (await look(rig, WAITING), await look(rig, ROLLED)) == (0, 5)


async def test_while_batches_are_halted_jobs_wait_and_are_stored_after(rig: Rig) -> None:
    await store(rig, 5)
    async with rig.engine.begin() as halting:
        await halt_batches(halting)
        await rig.accept([Record(prompt="p", response="two words")])
        draining = asyncio.create_task(rig.drain())
        waits = "SELECT count(*) FROM pg_locks WHERE relation = 'rollup_batches'::regclass AND NOT granted"
        async with asyncio.timeout(20):
            while not await look(rig, waits):
                pass  # asking takes its time
        async with rig.engine.connect() as connection:
            assert await batches_ripe(connection, timedelta())
        assert await look(rig, WAITING) == 1
    await draining
    assert await look(rig, WAITING) == 2
