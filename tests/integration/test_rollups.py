from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest

from app.storage.rollups.covering import cover, fold_closed, forget_covered
from monitoring.models import Record
from monitoring.statistics.histogram import GAMMA, percentile
from tests.integration.worker_rig import Rig, running_rig

SUMS = """
SELECT dimension, value, model, template, sum(records)::int AS records, sum(unsafe)::int AS unsafe,
    sum(cost_usd) AS cost, round(sum(quality_sum)::numeric, 9) AS quality
FROM rollups WHERE NOT covered GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4
"""
MEASURES = """
SELECT measure, sum(u.count)::int AS count, round(sum(u.sum)::numeric, 9) AS sum, sum(u.hit)::int AS hits
FROM rollups, unnest(measures, counts, sums, hits) AS u (measure, count, sum, hit)
WHERE NOT covered AND dimension = 'all' GROUP BY 1 ORDER BY 1
"""
BINS = """
SELECT measures[u.measure] AS measure, u.bin, sum(u.count)::int AS count
FROM rollups, unnest(bin_measures, bins, bin_counts) AS u (measure, bin, count)
WHERE NOT covered AND dimension = 'all' GROUP BY 1, 2 ORDER BY 1, 2
"""


@pytest.fixture
async def rig(database_url: str, redis_url: str) -> AsyncIterator[Rig]:
    async with running_rig(database_url, redis_url) as rig:
        await fill(rig)
        yield rig


async def fill(rig: Rig) -> None:
    now = datetime.now(UTC)
    random = np.random.default_rng(7)
    for ago in (
        timedelta(),
        timedelta(minutes=30),
        timedelta(hours=5),
        timedelta(days=3),
        timedelta(days=20),
    ):
        for _ in range(3):
            await rig.accept(
                [
                    Record(
                        prompt="p",
                        response=["one", "two words", "danger one"][i % 3],
                        model_name=f"gpt-{4 + i % 2}",
                        user_id=f"u{i % 4}",
                        template_id="t" if i % 2 else None,
                        timestamp=now - ago,
                        response_time_ms=float(random.lognormal(6, 1)),
                    )
                    for i in range(24)
                ]
            )
            await rig.drain()


async def fold(rig: Rig, step: Any, now: datetime) -> None:
    async with rig.engine.begin() as connection:
        await step(connection, now)


async def test_folding_changes_no_sum_and_leaves_one_row_per_bucket(rig: Rig) -> None:
    before = [await rig.rows(query) for query in (SUMS, MEASURES, BINS)]
    now = datetime.now(UTC)
    for step in (fold_closed, cover, forget_covered, fold_closed, cover, forget_covered):
        await fold(rig, step, now + timedelta(minutes=5))
        assert [await rig.rows(query) for query in (SUMS, MEASURES, BINS)] == before

    crowded = await rig.rows(
        "SELECT 1 FROM rollups WHERE NOT covered GROUP BY source, dimension, value, model, template, grain, bucket HAVING count(*) > 1"
    )
    assert crowded == []
    fine = "SELECT count(*) FROM rollups WHERE grain < 3600 AND bucket < now() - interval '5 hours'"
    assert await rig.value(fine) == 0
    days = "SELECT sum(records)::int FROM rollups WHERE dimension = 'all' AND grain = 86400 AND NOT covered"
    assert await rig.value(days) >= 144  # those of three and of twenty days ago


async def test_rollups_count_what_the_rows_hold(rig: Rig) -> None:
    (rows,) = await rig.rows(
        "SELECT count(*) AS records, count(*) FILTER (WHERE NOT is_safe) AS unsafe, sum(cost_usd) AS cost,"
        " round(sum(overall_quality)::numeric, 9) AS quality, sum(prompt_tokens) AS tokens FROM traces"
    )
    (rolled,) = await rig.rows(
        "SELECT sum(records) AS records, sum(unsafe) AS unsafe, sum(cost_usd) AS cost,"
        " round(sum(quality_sum)::numeric, 9) AS quality, sum(prompt_tokens) AS tokens"
        " FROM rollups WHERE NOT covered AND dimension = 'all'"
    )
    assert rows == rolled
    models = await rig.rows("SELECT model_name AS v, count(*) AS n FROM traces GROUP BY 1 ORDER BY 1")
    rolled_models = await rig.rows(
        "SELECT value AS v, sum(records) AS n FROM rollups WHERE NOT covered AND dimension = 'model' GROUP BY 1 ORDER BY 1"
    )
    assert models == rolled_models
    users = await rig.rows("SELECT user_id AS v, count(*) AS n FROM traces GROUP BY 1 ORDER BY 1")
    assert users == await rig.rows(
        "SELECT value AS v, sum(records) AS n FROM rollups WHERE NOT covered AND dimension = 'user' GROUP BY 1 ORDER BY 1"
    )


@pytest.mark.parametrize("quantile", [0.1, 0.5, 0.9, 0.99])
async def test_percentiles_are_within_one_bucket_of_the_rows(rig: Rig, quantile: float) -> None:
    exact = await rig.value(
        f"SELECT percentile_cont({quantile}) WITHIN GROUP (ORDER BY response_time_ms) FROM traces"  # noqa: S608 a number of the table above
    )
    bins = [row for row in await rig.rows(BINS) if row["measure"] == "response_time_ms"]
    estimate = percentile([row["bin"] for row in bins], [row["count"] for row in bins], quantile)
    assert estimate is not None
    assert exact / GAMMA <= estimate <= exact * GAMMA


async def test_names_are_counted_apart_only_up_to_their_cap(
    database_url: str, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("workers.cardinality", fromlist=["CAPS"]).CAPS, "user", 3)
    async with running_rig(database_url, redis_url) as rig:
        for _ in range(2):
            await rig.accept([Record(prompt="p", response="r", user_id=f"u{i}") for i in range(10)])
            await rig.drain()
        users = await rig.rows(
            "SELECT value, sum(records)::int AS n FROM rollups WHERE NOT covered AND dimension = 'user' GROUP BY 1 ORDER BY 1"
        )
        stored = await rig.value("SELECT count(DISTINCT user_id) FROM traces")
    assert [(row["value"], row["n"]) for row in users] == [("(other)", 14), ("u0", 2), ("u1", 2), ("u2", 2)]
    assert stored == 10


async def test_templates_are_counted_per_model_only_up_to_a_cap_of_their_own(
    database_url: str, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("workers.cardinality", fromlist=["CAPS"]).CAPS, "template of model", 5)
    async with running_rig(database_url, redis_url) as rig:
        records = [
            Record(prompt="p", response="danger", template_id=f"t{number // 4}", model_name=f"m{number % 4}")
            for number in range(16)
        ]
        for _ in range(2):
            await rig.accept(records)
            await rig.drain()
        found = await rig.rows(
            "SELECT dimension, value, template, model, sum(records)::int AS n FROM rollups "
            "WHERE NOT covered AND dimension IN ('template', 'flag', 'model') GROUP BY 1, 2, 3, 4"
        )
    by_template = [row for row in found if row["dimension"] == "template"]
    assert sum(row["n"] for row in by_template) == 32
    assert len([row for row in by_template if row["value"] != "(other)"]) == 5
    assert len([row for row in by_template if row["value"] == "(other)"]) <= 4
    assert len([row for row in found if row["dimension"] == "flag"]) <= 9
    assert {row["value"]: row["n"] for row in found if row["dimension"] == "model"} == dict.fromkeys(
        ("m0", "m1", "m2", "m3"), 8
    )
