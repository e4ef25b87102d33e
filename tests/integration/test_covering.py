"""Coarse rows beside fine ones.

Whatever was covered or forgotten, a window shows the sums of its calls.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from uuid import UUID

import pytest

from app.figures.aggregation import aggregate, negate
from app.figures.grains import GRAINS
from app.schemas.ids import first_id
from app.schemas.traces import Trace
from app.storage.engine import Engine, create_engine
from app.storage.rollups import covering
from app.storage.rollups.covering import cover, fold_closed, forget_covered
from app.storage.rollups.reading import (
    read_breakdown,
    read_histograms,
    read_measures,
    read_models,
    read_totals,
    read_trend,
    read_trend_histograms,
)
from app.storage.rollups.writing import append_deltas
from monitoring.models import Score
from monitoring.statistics.trends import Window, floor_time, window_between, window_of

NOW = datetime(2026, 5, 14, 15, 37, 21, tzinfo=UTC)
AGES = (
    timedelta(minutes=8),
    timedelta(minutes=70),
    timedelta(hours=9),
    timedelta(days=2),
    timedelta(days=20),
)
PAST = (
    (timedelta(minutes=50), timedelta(minutes=20)),
    (timedelta(hours=9), timedelta(hours=4)),
    (timedelta(hours=48), timedelta(hours=24)),
    (timedelta(days=6), timedelta(days=3)),
)
PERIODS = ("15m", "1h", "2h", "3h", "5h", "24h", "3d", "7d", "30d")


class Call(NamedTuple):
    at: datetime
    model: str
    user: str
    accepted: datetime


@pytest.fixture
async def engine(database_url: str) -> AsyncIterator[Engine]:
    engine = create_engine(database_url, application="test")
    yield engine
    await engine.dispose()


def draw(choose: random.Random, now: datetime, count: int) -> Iterator[Call]:
    for _ in range(count):
        age = choose.choice(AGES) * choose.random()
        yield Call(now - age, f"m{choose.randrange(3)}", f"u{choose.randrange(4)}", now)


async def add(engine: Engine, calls: list[Call], *, back: bool = False) -> None:
    traces = [
        Trace(
            project_id="default",
            trace_id=UUID(int=first_id(call.accepted).int + number),
            job_id="job",
            source="live",
            kind="llm",
            occurred_at=call.at,
            model_name=call.model,
            user_id=call.user,
            prompt="p",
            response="r",
            overall_quality=0.5,
            scores={"coherence": Score(value=0.5, label="x", version="1")},
            pricing_status="unknown",
        )
        for number, call in enumerate(calls)
    ]
    deltas = aggregate(traces, ())
    async with engine.begin() as connection:
        await connection.exec_driver_sql("SELECT 1")
        await append_deltas(connection, [negate(delta) for delta in deltas] if back else deltas)


async def keep_up(engine: Engine, now: datetime) -> None:
    for step in (fold_closed, cover, forget_covered):
        async with engine.begin() as connection:
            await step(connection, now)


def windows_of(now: datetime) -> Iterator[Window]:
    """Yield windows that end now, and some that ended before, within rows that are covered."""
    yield from (window_of(period, now) for period in PERIODS)
    for since, until in PAST:
        yield window_between(now - since, now - until, now)


async def assert_windows(engine: Engine, calls: list[Call], now: datetime) -> None:
    for window in windows_of(now):
        period = window.period
        held = [call for call in calls if window.start <= call.at < window.end]
        async with engine.connect() as connection:
            totals = await read_totals(connection, "default", window)
            measures = await read_measures(connection, "default", window)
            histograms = await read_histograms(connection, "default", window, ["coherence"])
            models = await read_models(connection, "default", window)
            trend = await read_trend(connection, "default", window)
            spreads = await read_trend_histograms(connection, "default", window, "coherence")
            users = await read_breakdown(connection, "default", window, "user")
        assert totals.records == len(held), period
        assert totals.quality_sum == pytest.approx(len(held) / 2)
        assert (measures["coherence"].count if held else 0) == len(held), period
        assert sum(histograms["coherence"].counts if held else ()) == len(held), period
        assert {one.value: one.counts.records for one in models} == Counter(call.model for call in held), (
            period
        )
        by_bucket = Counter(floor_time(call.at, window.grain) for call in held)
        assert {at: counts.records for at, counts in trend.items() if counts.records} == by_bucket, period
        assert {at: sum(one.counts) for at, one in spreads.items() if sum(one.counts)} == by_bucket, period
        begin = floor_time(window.start, "hour")
        end = floor_time(window.end + timedelta(hours=1, microseconds=-1), "hour")
        named = Counter(call.user for call in calls if begin <= call.at < end)
        assert {one.value: one.counts.records for one in users} == named, period


@pytest.mark.parametrize(("seed", "merged"), [(1, 50_000), (2, 50_000), (3, 50_000), (1, 20), (2, 1)])
async def test_every_window_adds_up_while_time_passes(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, seed: int, merged: int
) -> None:
    monkeypatch.setattr(covering, "MOST_MERGED", merged)
    choose = random.Random(seed)  # noqa: S311 a fixed draw of test data
    now, calls = NOW + timedelta(hours=choose.randrange(24)), list[Call]()
    for hours in (0, 0.1, 0.5, 3, 7, 26):
        now += timedelta(hours=hours)
        new = list(draw(choose, now, 60))
        await add(engine, new)
        calls += new
        await assert_windows(engine, calls, now)
        await keep_up(engine, now)
        await assert_windows(engine, calls, now)
    gone = choose.sample(calls, 100)
    await add(engine, gone, back=True)
    left = list((Counter(calls) - Counter(gone)).elements())
    await assert_windows(engine, left, now)
    await keep_up(engine, now)
    await assert_windows(engine, left, now)


async def test_rows_are_covered_grain_by_grain_and_forgotten_when_no_window_begins_there(
    engine: Engine,
) -> None:
    ages = map(timedelta, (0, 2, 20, 70))
    await add(engine, [Call(NOW - age, "m", "u", NOW - age) for age in ages])
    await keep_up(engine, NOW + timedelta(minutes=30))

    async def grains(condition: str) -> set[tuple[int, int]]:
        async with engine.connect() as connection:
            rows = await connection.exec_driver_sql(
                f"SELECT date '2026-05-14' - bucket::date, grain FROM rollups WHERE dimension = 'all' AND {condition}"  # noqa: S608 made of constants
            )
            return {(row[0], row[1]) for row in rows}

    minute, ten, hour, six, day = GRAINS
    assert await grains("NOT covered") == {(0, hour), (2, day), (20, day), (70, day)}
    # Hours of all calls stay, for the days of time zones, and in the end keep their sums alone.
    hours = {(2, hour), (2, six), (20, hour), (20, six), (70, hour)}
    assert await grains("covered") == {(0, minute), (0, ten), *hours}
    assert await grains("covered AND measures = '{}'") == {(70, hour)}


async def test_what_was_old_when_it_came_makes_no_finer_rows_than_it_is_read_by(engine: Engine) -> None:
    ages = [timedelta(minutes=minutes) for minutes in (*range(5), 300, 301, 420, *range(20_000, 29_000, 30))]
    calls = [Call(NOW - age, "m", "u", NOW) for age in ages]

    async def grains(dimension: str) -> dict[int, int]:
        async with engine.connect() as connection:
            rows = await connection.exec_driver_sql(
                f"SELECT grain, count(*) FROM rollups WHERE dimension = '{dimension}' AND NOT covered GROUP BY 1"  # noqa: S608 made of constants
            )
            return {row[0]: row[1] for row in rows}

    minute, _, hour, _, day = GRAINS
    for part in (calls, calls[::-1]):
        await add(engine, part)
    days = len({floor_time(call.at, "day") for call in calls[8:]})
    hours = len({floor_time(call.at, "hour") for call in calls[8:]})
    assert await grains("all") == {minute: 10, hour: 4 + 2 * hours}
    assert await grains("model") == {minute: 10, hour: 4, day: 2 * days}
    await assert_windows(engine, calls * 2, NOW)
    async with engine.begin() as connection:
        await fold_closed(connection, NOW)
    assert await grains("all") == {minute: 7, hour: 2 + hours}
    await assert_windows(engine, calls * 2, NOW)
    async with engine.begin() as connection:
        await cover(connection, NOW)
    assert (await grains("model"))[day] == (await grains("all"))[day] == days
    await assert_windows(engine, calls * 2, NOW)
