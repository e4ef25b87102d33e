from __future__ import annotations

import asyncio
import sys
from datetime import UTC, date, datetime, timedelta
from itertools import chain

import pytest
from alembic import command
from sqlalchemy import UniqueConstraint, text

from app.schemas.ids import first_id
from app.storage.engine import create_engine, is_outage, reading
from app.storage.tables import metadata, traces
from app.storage.upkeep.migrate import alembic_config, upgrade
from app.storage.upkeep.partitions import drop_partitions, ensure_partitions, partition_name


async def test_migrations_make_exactly_the_tables_of_the_code(database_url: str) -> None:
    await asyncio.to_thread(command.check, alembic_config(database_url))


async def test_migrating_twice_and_at_once_changes_nothing(empty_database_url: str) -> None:
    code = "import sys; from app.storage.upkeep.migrate import upgrade; upgrade(sys.argv[1])"
    replicas = [
        await asyncio.create_subprocess_exec(sys.executable, "-c", code, empty_database_url) for _ in range(2)
    ]
    assert [await replica.wait() for replica in replicas] == [0, 0]
    await asyncio.to_thread(upgrade, empty_database_url)
    await asyncio.to_thread(command.check, alembic_config(empty_database_url))


async def test_downgrading_leaves_nothing_behind(database_url: str) -> None:
    await asyncio.to_thread(command.downgrade, alembic_config(database_url), "base")
    engine = create_engine(database_url, application="test")
    async with reading(engine) as connection:
        left = await connection.execute(
            text(
                "SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'alembic_version'"
            )
        )
        assert left.scalars().all() == []
    await engine.dispose()


@pytest.mark.parametrize("table", metadata.sorted_tables, ids=str)
def test_every_unique_key_starts_with_the_project(table: object) -> None:
    """So that every table can be distributed by project."""
    keys = [table.primary_key, *(c for c in table.constraints if isinstance(c, UniqueConstraint))]  # type: ignore[attr-defined]  # they are all tables
    keys += [index for index in table.indexes if index.unique]  # type: ignore[attr-defined]  # they are all tables
    columns = [list(key.columns) for key in keys if list(key.columns)]
    assert all(found[0].name == "project_id" for found in columns)
    assert table.c.project_id is not None  # type: ignore[attr-defined]  # they are all tables


async def test_partitions_are_made_once_and_hold_their_day(database_url: str) -> None:
    engine = create_engine(database_url, application="test")
    first, last = date(2031, 1, 30), date(2031, 2, 2)
    made = await asyncio.gather(*(ensure_partitions(engine, first, last) for _ in range(3)))
    assert sorted(chain.from_iterable(made)) == [partition_name(first + timedelta(days=i)) for i in range(4)]
    assert await ensure_partitions(engine, first, last) == []

    async with engine.begin() as connection:
        for moment in (
            datetime(2031, 1, 30, tzinfo=UTC),
            datetime(2031, 1, 31, tzinfo=UTC) - timedelta(milliseconds=1),
        ):
            await connection.execute(
                traces.insert().values(
                    project_id="default",
                    trace_id=first_id(moment),
                    job_id="j",
                    source="live",
                    kind="llm",
                    occurred_at=moment,
                    model_name="m",
                    tags=[],
                    prompt="",
                    response="",
                    context=[],
                    pricing_status="unknown",
                    flags=[],
                    scores={},
                    marks=[],
                )
            )
        rows = await connection.execute(text("SELECT tableoid::regclass::text FROM traces"))
        assert set(rows.scalars()) == {"traces_p20310130"}
    await engine.dispose()


async def test_retention_drops_whole_days_and_no_more(database_url: str) -> None:
    engine = create_engine(database_url, application="test")
    await ensure_partitions(engine, date(2021, 5, 1), date(2021, 5, 3))
    assert await drop_partitions(engine, before=date(2021, 5, 3)) == ["traces_p20210501", "traces_p20210502"]
    assert await drop_partitions(engine, before=date(2021, 5, 3)) == []
    async with reading(engine) as connection:
        assert await connection.scalar(text("SELECT to_regclass('traces_p20210503') IS NOT NULL"))
    await engine.dispose()


async def test_a_server_that_is_away_is_an_outage_and_bad_sql_is_not(database_url: str) -> None:
    gone = create_engine(
        database_url.replace("/llm", "/nowhere").replace("host=", "host=/nowhere"), application="t"
    )
    with pytest.raises(Exception) as absent:  # noqa: PT011 whichever error it is, it must be told apart
        async with gone.connect():
            pass
    engine = create_engine(database_url, application="test")
    with pytest.raises(Exception) as bad:  # noqa: PT011 its class is looked at below
        async with engine.connect() as connection:
            await connection.execute(text("SELECT 1 / 0"))
    assert is_outage(absent.value)
    assert not is_outage(bad.value)
    await engine.dispose()
