"""A store that was filled before numbers had bounds, and what a repair makes of it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from app.cli.doctor import judge_figures
from app.repair import find_concerned, repair_all
from app.supervision import Tasks
from monitoring.marks import Mark
from monitoring.models import Record
from tests.integration.test_commands import run_command
from tests.integration.truth import assert_rollups_equal_rows
from tests.integration.worker_rig import Rig, running_rig
from workers.upkeep.tasks import Upkeep

NOW = datetime.now(UTC)
GOOD = Record(
    prompt="p",
    response="two words",
    model_name="gpt-4o",
    user_id="ada",
    session_id="s",
    tags=("t",),
    response_time_ms=7.0,
    time_to_first_token_ms=5.0,
    prompt_tokens=10,
    completion_tokens=20,
)
SLOW = {"time_to_first_token_ms": 1.7e308}
DEAR = {"model_name": "o1-pro", "prompt_tokens": 2**40, "completion_tokens": 2**40}
NO_BOUND = float("inf")


def record(minutes_ago: float, **fields: object) -> Record:
    values = {name: getattr(GOOD, name) for name in GOOD.__struct_fields__}
    return Record(**values | {"timestamp": NOW - timedelta(minutes=minutes_ago), **fields})


@pytest.fixture
async def rig(database_url: str, redis_url: str) -> AsyncIterator[Rig]:
    async with running_rig(database_url, redis_url) as rig:
        yield rig


@pytest.fixture
def unbounded(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Score and add up records as before there were bounds; undo it to continue."""
    monkeypatch.setattr("workers.scoring.bounded", lambda record: record)
    monkeypatch.setattr("monitoring.spending.pricing.MOST_USD", Decimal("Infinity"))
    for module in ("app.figures.observation", "app.figures.aggregation"):
        monkeypatch.setattr(f"{module}.MOST_TOKENS", NO_BOUND)
        monkeypatch.setattr(f"{module}.MOST_USD", Decimal("Infinity"))
        monkeypatch.setattr(f"{module}.MOST_VALUE", NO_BOUND)
    monkeypatch.setattr("app.figures.observation.MOST_MILLISECONDS", NO_BOUND)
    return monkeypatch


async def store(rig: Rig, *jobs: list[Record], fold: bool = True) -> None:
    for job in jobs:
        await rig.accept(job)
        await rig.drain()
    if fold:
        await rig.rows("SELECT 1")


async def repaired(rig: Rig) -> list[dict[str, int]]:
    done = await repair_all(rig.engine, "tester", 90, frozenset())
    return [{name: getattr(one, name) for name in ("traces", "batches", "days", "days_lost")} for one in done]


@pytest.mark.parametrize("covered", [False, True])
@pytest.mark.filterwarnings("ignore:overflow encountered")
async def test_figures_are_those_of_the_traces_again(
    rig: Rig, unbounded: pytest.MonkeyPatch, *, covered: bool
) -> None:
    """Two durations overflow alone, the sum of two others is infinite, and costs are wrong."""
    await store(
        rig,
        [record(3000), record(3000, **SLOW), record(90, **DEAR)],
        [record(3001, **SLOW), record(90), record(91, **DEAR)],
        [record(200, **SLOW), record(200, **SLOW), record(200)],
    )
    unbounded.undo()
    if covered:
        upkeep, tasks = Upkeep(rig.engine, retention_days=90, rollup_retention_days=400), Tasks()
        await upkeep.turn(NOW + timedelta(days=2), tasks, hourly=True)
        assert not [state for state in tasks.states() if state.failing]
    async with rig.engine.connect() as connection:
        assert await find_concerned(connection, timedelta(seconds=20)) == {"default"}
    (done,) = await repaired(rig)
    assert (done["traces"], done["days_lost"]) == (6, 0)
    assert done["days"] >= 2
    await assert_rollups_equal_rows(rig)
    rows = await rig.rows("SELECT DISTINCT time_to_first_token_ms, cost_usd > 1 AS dear, marks FROM traces")
    assert {(row["time_to_first_token_ms"], row["dear"], *row["marks"]) for row in rows} == {
        (5.0, False),
        (None, False, Mark.NUMBER_OUT_OF_RANGE),
        (5.0, None, Mark.NUMBER_OUT_OF_RANGE),
    }
    assert (
        await rig.value("SELECT DISTINCT pricing_status FROM traces WHERE cost_usd IS NULL") == "out_of_range"
    )
    assert await repaired(rig) == []
    (act,) = await rig.rows("SELECT act, actor, detail FROM audit_log")
    assert (act["act"], act["actor"], act["detail"]["traces"]) == ("figures.repaired", "tester", 6)


@pytest.mark.filterwarnings("ignore:overflow encountered")
async def test_what_comes_after_a_repair_is_counted_once_and_can_be_erased(
    rig: Rig, unbounded: pytest.MonkeyPatch
) -> None:
    await store(rig, [record(60, **SLOW), record(60)], [record(60, **SLOW)])
    unbounded.undo()
    await store(rig, [record(59)], fold=False)
    await repaired(rig)
    await store(rig, [record(58)])
    await assert_rollups_equal_rows(rig)


async def test_a_batch_that_was_set_aside_is_added_up_without_its_numbers(
    rig: Rig, unbounded: pytest.MonkeyPatch
) -> None:
    await store(rig, [record(60), record(60, **SLOW), record(61)], [record(5, **DEAR)], fold=False)
    unbounded.undo()
    await store(rig, [record(30)])
    assert await rig.value("SELECT count(*)::int FROM rollup_batches WHERE faulty") == 2
    (done,) = await repaired(rig)
    assert (done["traces"], done["batches"]) == (2, 2)
    await assert_rollups_equal_rows(rig)
    assert await rig.value("SELECT count(*)::int FROM rollup_batches") == 0


async def test_of_days_without_traces_only_what_is_out_of_bounds_goes(
    rig: Rig, unbounded: pytest.MonkeyPatch
) -> None:
    old = 60 * 24 * 100
    await store(rig, [record(old), record(old, **DEAR)], [record(old + 60 * 24)])
    unbounded.undo()
    await rig.rows("SELECT 1")
    async with rig.engine.begin() as connection:
        await connection.exec_driver_sql("DELETE FROM traces")
    (done,) = await repaired(rig)
    assert (done["traces"], done["days"], done["days_lost"]) == (0, 0, 1)
    total = "FROM rollups WHERE NOT covered AND dimension = 'all'"
    assert await rig.value(f"SELECT sum(records)::int {total}") == 3
    assert await rig.value(f"SELECT sum(prompt_tokens)::int {total}") == 10
    assert await rig.value(f"SELECT sum(quality_count)::int {total}") == 3
    assert await repaired(rig) == []


async def test_the_doctor_names_the_finding_and_mends_it(
    rig: Rig, database_url: str, redis_url: str, unbounded: pytest.MonkeyPatch
) -> None:
    await store(rig, [record(60), record(60, **DEAR)])
    unbounded.undo()
    urls = {"DATABASE_URL": database_url, "REDIS_URL": redis_url}
    async with rig.engine.connect() as connection:
        finding = judge_figures(await find_concerned(connection, timedelta(seconds=20)))
    assert (finding.good, "figures of default have numbers" in finding.text) == (False, True)
    mended = run_command("doctor", "--repair", "--json", **urls)
    assert (mended.returncode, json.loads(mended.stdout)[0]["traces"]) == (0, 1)
    async with rig.engine.connect() as connection:
        assert judge_figures(await find_concerned(connection, timedelta(seconds=20))).good
    assert run_command("doctor", "--rate", "nan", **urls).returncode == 2
