from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from app.jobs import Runner
from app.jobs.kinds import JobKind
from app.jobs.pricing import Pricing
from app.supervision import Tasks
from monitoring.models import Record
from monitoring.spending.pricing import MODEL_COSTS
from tests.integration.truth import assert_rollups_equal_rows
from tests.integration.worker_rig import Rig, running_rig
from workers.upkeep.tasks import Upkeep

NOW = datetime.now(UTC)


@pytest.fixture
async def rig(database_url: str, redis_url: str) -> AsyncIterator[Rig]:
    async with running_rig(database_url, redis_url) as rig:
        await rig.accept(
            [
                Record(
                    prompt="p",
                    response="two words",
                    model_name=["gpt-4", "mystery-1", "mystery-2"][i % 3],
                    timestamp=NOW - timedelta(days=i % 4),
                    prompt_tokens=100,
                    completion_tokens=10,
                    user_id=f"u{i % 2}",
                )
                for i in range(24)
            ]
        )
        await rig.drain()
        yield rig


async def hour(rig: Rig) -> list[dict[str, object]]:
    """Let an hour of upkeep pass and its jobs be done; returns every job."""
    upkeep = Upkeep(rig.engine, retention_days=90, rollup_retention_days=400)
    await upkeep.turn(datetime.now(UTC), (tasks := Tasks()), hourly=True)
    assert not [state for state in tasks.states() if state.failing]
    runner = Runner(rig.engine, rig.redis, {JobKind.PRICE: Pricing(())})
    while await runner.turn():
        pass
    return await rig.rows("SELECT kind, state, done, result FROM jobs ORDER BY created_at")


async def test_calls_are_priced_and_counted_once_a_table_knows_their_model(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(MODEL_COSTS, "mystery-1", {"prompt": 0.001, "completion": 0.01})
    monkeypatch.setattr("app.jobs.pricing._BATCH", 5)
    await assert_rollups_equal_rows(rig)
    expected = [{"kind": "price", "state": "done", "done": 16, "result": {"looked_at": 16, "priced": 8}}]
    assert await hour(rig) == expected
    await assert_rollups_equal_rows(rig)
    rows = await rig.rows(
        "SELECT model_name, pricing_status, count(*) AS n, sum(cost_usd)::float AS cost FROM traces"
        " WHERE model_name <> 'gpt-4' GROUP BY 1, 2 ORDER BY 1"
    )
    assert rows == [
        {"model_name": "mystery-1", "pricing_status": "priced", "n": 8, "cost": pytest.approx(8 * 0.2)},
        {"model_name": "mystery-2", "pricing_status": "unknown", "n": 8, "cost": None},
    ]
    assert await hour(rig) == expected  # once per table of prices
    await assert_rollups_equal_rows(rig)


async def test_nothing_is_looked_for_where_every_price_is_known(rig: Rig) -> None:
    async with rig.engine.begin() as connection:
        await connection.exec_driver_sql("UPDATE traces SET pricing_status = 'priced'")
    assert await hour(rig) == []
