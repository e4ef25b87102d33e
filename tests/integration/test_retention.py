from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy import text

from app.schemas.ids import first_id
from app.schemas.projects import ProjectSettings
from app.storage.access.projects import save_settings
from app.storage.upkeep.partitions import drop_partitions, ensure_partitions, partition_name
from app.storage.upkeep.reclaim import reclaim
from app.supervision import Tasks
from monitoring.models import Record
from tests.integration.keeping import erase_user, eraser, fill
from tests.integration.worker_rig import Rig, running_rig
from workers.upkeep.retention import Retention
from workers.upkeep.tasks import Upkeep

NOW = datetime.now(UTC)
MEBIBYTE = 1024 * 1024


@pytest.fixture
async def rig(database_url: str, redis_url: str) -> AsyncIterator[Rig]:
    async with running_rig(database_url, redis_url) as rig:
        yield rig


async def size(rig: Rig, day: date) -> int:
    return int(await rig.value(f"SELECT pg_total_relation_size('{partition_name(day)}')"))


async def test_an_erased_user_leaves_the_disk(rig: Rig) -> None:
    day = (NOW - timedelta(days=3)).replace(hour=1)
    await fill(rig, day, 3000, users=2)
    before = await size(rig, day.date())
    await erase_user(rig, "u0")
    runner = eraser(rig)
    while await runner.turn():
        pass
    after = await size(rig, day.date())
    assert before > 6 * MEBIBYTE
    assert after < 0.6 * before
    assert await rig.value("SELECT count(*) FROM traces") == 1500
    indexes = "SELECT count(*) FROM pg_indexes WHERE tablename = '{}'"
    rewritten, untouched = partition_name(day.date()), partition_name(NOW.date())
    assert await rig.value(indexes.format(rewritten)) == await rig.value(indexes.format(untouched))
    # It is a partition like before: rows go in, and it can be dropped.
    await fill(rig, day.replace(hour=2), 10)
    assert partition_name(day.date()) in await drop_partitions(
        rig.engine, before=NOW.date() - timedelta(days=1)
    )


async def test_a_day_that_is_read_is_not_written_anew_while_others_wait(rig: Rig) -> None:
    day = (NOW - timedelta(days=3)).replace(hour=1)
    await fill(rig, day, 500)
    async with rig.engine.begin() as connection:
        await connection.exec_driver_sql("DELETE FROM traces WHERE user_id <> 'u1'")
        await connection.exec_driver_sql("SELECT pg_stat_force_next_flush()")
    async with rig.engine.connect() as reader:
        await reader.execute(text("SELECT count(*) FROM traces"))
        assert await reclaim(rig.engine) == []
    assert await reclaim(rig.engine) == [partition_name(day.date())]
    assert await rig.value("SELECT count(*) FROM traces") == 50
    assert await reclaim(rig.engine) == []


@pytest.mark.parametrize("days", [1, 2, None])
async def test_a_project_keeps_its_traces_as_long_as_it_says(rig: Rig, days: int | None) -> None:
    ages = {timedelta(hours=h): f"{h} h" for h in (1, 23, 25, 47, 49)}
    for age in ages:
        await fill(rig, NOW - age, 3)
        await fill(rig, NOW - age, 3, "another")
    for table, extra in (
        ("feedback", "feedback_id, rating, categories"),
        ("dead_letters", "job_id, reason, detail, attempts, payload"),
    ):
        values = "gen_random_uuid(), 1, '{}'" if table == "feedback" else "'j', 'r', 'd', 1, ''"
        async with rig.engine.begin() as connection:
            await connection.exec_driver_sql(
                f"INSERT INTO {table} (project_id, trace_id, {extra}) SELECT project_id, trace_id, {values} FROM traces"  # noqa: S608 made of constants
            )
    async with rig.engine.begin() as connection:
        assert await save_settings(connection, "default", ProjectSettings(retention_days=days))
    await Retention(rig.engine, retention_days=90).turn(NOW)
    kept = len([age for age in ages if days is None or age < timedelta(days=days)])
    for table in ("traces", "feedback", "dead_letters"):
        rows = await rig.rows(f"SELECT project_id, count(*) AS n FROM {table} GROUP BY 1 ORDER BY 1")  # noqa: S608 made of constants
        assert [(row["project_id"], row["n"]) for row in rows] == [("another", 15), ("default", 3 * kept)], (
            table
        )


async def test_what_is_kept_beside_traces_goes_when_the_installation_lets_go(rig: Rig) -> None:
    old, young = first_id(NOW - timedelta(days=91)), first_id(NOW - timedelta(days=89))
    async with rig.engine.begin() as connection:
        for trace_id in (old, young):
            await connection.exec_driver_sql(
                "INSERT INTO dead_letters (project_id, trace_id, job_id, reason, detail, attempts, payload)"
                " VALUES ('default', $1, 'j', 'r', 'd', 1, '')",
                (trace_id,),
            )
    await Retention(rig.engine, retention_days=90).turn(NOW)
    assert [row["trace_id"] for row in await rig.rows("SELECT trace_id FROM dead_letters")] == [young]


@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "Pacific/Niue"])
async def test_days_are_those_of_utc_whatever_zone_the_server_has(
    database_url: str, redis_url: str, zone: str
) -> None:
    async with running_rig(database_url, redis_url) as rig:
        name = await rig.value("SELECT current_database()")
        async with rig.engine.begin() as connection:
            await connection.exec_driver_sql(f"ALTER DATABASE {name} SET timezone = '{zone}'")
        last = datetime(2026, 3, 1, 23, 59, 59, tzinfo=UTC)
        first = datetime(2026, 3, 2, tzinfo=UTC)
        for moment in (last, first):
            await fill(rig, moment, 1)
        upkeep = Upkeep(rig.engine, retention_days=1, rollup_retention_days=400)
        await upkeep.turn(datetime(2026, 3, 3, 0, 30, tzinfo=UTC), Tasks(), hourly=True)
        assert await rig.value("SELECT array_agg(trace_id) FROM traces") == [first_id(first)]


@pytest.mark.parametrize("left", ["detached", "pending", "kept by somebody"])
async def test_a_drop_that_was_interrupted_is_finished(rig: Rig, left: str) -> None:
    days = [date(2021, 5, 1), date(2021, 5, 2)]
    await ensure_partitions(rig.engine, *days)
    names = [partition_name(day) for day in days]
    async with rig.engine.connect() as plain:
        connection = await plain.execution_options(isolation_level="AUTOCOMMIT")
        if left != "kept by somebody":
            await connection.exec_driver_sql(f"COMMENT ON TABLE {names[1]} IS 'expired: being dropped'")
        if left == "pending":
            async with rig.engine.connect() as reader:
                await reader.execute(text("SELECT count(*) FROM traces"))
                await connection.exec_driver_sql("SET statement_timeout = '300ms'")
                with pytest.raises(Exception, match="statement timeout"):
                    await connection.exec_driver_sql(
                        f"ALTER TABLE traces DETACH PARTITION {names[1]} CONCURRENTLY"
                    )
                await connection.exec_driver_sql("RESET statement_timeout")
        else:
            await connection.exec_driver_sql(f"ALTER TABLE traces DETACH PARTITION {names[1]}")
    expected = names[:1] if left == "kept by somebody" else names
    assert sorted(await drop_partitions(rig.engine, before=date(2021, 6, 1))) == expected
    found = await rig.rows(
        "SELECT relname FROM pg_class WHERE relname LIKE 'traces_p2021%' AND relkind = 'r'"
    )
    assert [row["relname"] for row in found] == (names[1:] if left == "kept by somebody" else [])


async def test_figures_outlive_their_traces_and_end_too(rig: Rig) -> None:
    for days in (0, 20, 60):
        await rig.accept([Record(prompt="p", response="two words", timestamp=NOW - timedelta(days=days))])
    await rig.drain()
    upkeep = Upkeep(rig.engine, retention_days=30, rollup_retention_days=50)
    await upkeep.turn(NOW, (tasks := Tasks()), hourly=True)
    assert await rig.value("SELECT count(*) FROM traces") == 3  # accepted today
    # Names are kept for 31 days; one more, since midnight may have passed after NOW was read.
    await upkeep.turn(NOW + timedelta(days=33), tasks, hourly=True)
    assert not [state for state in tasks.states() if state.failing]
    assert await rig.value("SELECT count(*) FROM traces") == 0
    assert (
        await rig.value("SELECT sum(records)::int FROM rollups WHERE NOT covered AND dimension = 'all'") == 1
    )
    assert await rig.value("SELECT count(*) FROM observed_values") == 0


async def test_expired_rows_are_found_by_an_index_and_old_days_alone_are_looked_at(rig: Rig) -> None:
    for days in range(6):
        await fill(rig, (NOW - timedelta(days=days)).replace(hour=0), 1500, users=100)
    async with rig.engine.begin() as connection:
        await connection.exec_driver_sql("ANALYZE traces")
        plans = []
        find = "SELECT trace_id FROM traces WHERE project_id = $1 AND"
        for statement, values in (
            (
                f"{find} trace_id >= $2 AND trace_id < $3 ORDER BY trace_id LIMIT 100",
                ("default", UUID(int=0), first_id(NOW - timedelta(days=3))),
            ),
            (
                "DELETE FROM traces WHERE project_id = $1 AND trace_id >= $2 AND trace_id <= $3",
                ("default", first_id(NOW - timedelta(days=5)), first_id(NOW - timedelta(days=5))),
            ),
            (
                f"{find} user_id = $2 AND trace_id < $3 ORDER BY trace_id LIMIT 500",
                ("default", "u3", first_id(NOW)),
            ),
        ):
            rows = await connection.exec_driver_sql(f"EXPLAIN {statement}", values)
            plans.append("\n".join(rows.scalars()))
    expired, removed, of_user = plans
    assert "Seq Scan" not in expired + removed
    assert partition_name(NOW.date()) not in expired + removed
    assert partition_name((NOW - timedelta(days=1)).date()) not in expired
    assert removed.count("Delete on") <= 3
    assert "user_id" in of_user
