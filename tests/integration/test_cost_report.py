"""What GET /metrics/cost and /metrics/models answer about stored calls."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from importlib import import_module
from typing import Any

import pytest

from app.storage.rollups.covering import cover, fold_closed, forget_covered
from app.storage.rollups.folding import fold_batches
from app.storage.rollups.reading import read_measures
from monitoring.statistics.trends import window_of
from tests.integration.api_rig import ApiRig, own_servers, running_api

HANDBOOK = "Answer briefly, and only from the handbook of the house. " * 120
NOW = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
DAY = timedelta(days=1)


@pytest.fixture(scope="module")
async def filled(postgres_url: str, migrated_template: str, redis_server_url: str) -> AsyncIterator[ApiRig]:
    async with (
        own_servers(postgres_url, migrated_template, redis_server_url) as urls,
        running_api(*urls) as rig,
    ):
        await rig.store(*TRAFFIC)
        yield rig


def call(number: int, **fields: Any) -> dict[str, Any]:
    shown = {
        "prompt": f"{number}: what does the shelf in hall {number} cost?",
        "response": "two words",
        "model_name": "gpt-4o",
        "timestamp": (NOW - timedelta(minutes=61 - number % 60)).isoformat(),
        "prompt_tokens": 100,
        "completion_tokens": 10,
    }
    return shown | fields


# gpt-4o costs 2.5 dollars a million input tokens, 1.25 cached and 10 for output; gpt-4o-mini costs
# 0.15, 0.075 and 0.6.
TRAFFIC = [
    # 12 calls ask the same: 11 repeats at 100 * 2.5 + 10 * 10 = 350 millionths of a dollar.
    *(call(number, prompt="When does the house open on Sundays?") for number in range(12)),
    # 40 inputs begin with the same 6,840 characters of 2,000 tokens.
    *(call(n, system_prompt=HANDBOOK, prompt_tokens=2000, template_id="ask") for n in range(40)),
    *(call(n, model_name="gpt-4o-mini", error="overloaded", response="") for n in range(3)),
    *(call(n, model_name="gpt-4o-mini", response_time_ms=100.0 * n) for n in range(40)),
    *(call(n, model_name="house-model") for n in range(6)),
    *(call(n, metadata={"finish_reason": "length"}, template_id="story", completion_tokens=400) for n in range(5)),
]  # fmt: skip


async def test_suggestions_have_amounts_evidence_and_traces(filled: ApiRig) -> None:
    report = await filled.get("/metrics/cost", time_period="24h")
    found = {one["kind"]: one for one in report["suggestions"]}
    assert list(found) == ["use_prompt_cache", "cut_answers", "cache_answers"]
    assert found["cache_answers"]["amount_usd"] == pytest.approx(11 * 350e-6)
    assert found["cache_answers"]["evidence"] == {"calls": 11, "of_calls": 12, "exact": 11, "near": 0}
    # 5 * (100 * 2.5 + 400 * 10) millionths
    assert found["cut_answers"]["amount_usd"] == pytest.approx(5 * 4250e-6)
    prefix = found["use_prompt_cache"]
    shared = prefix["evidence"]["first_difference_at"]
    assert shared == len(HANDBOOK) + 1, "the numbers of halls differ after the line break"
    assert prefix["template_id"] == "ask"
    assert report["optimization_suggestions"][: len(found)] == [one["text"] for one in report["suggestions"]]
    assert "house-model" in report["optimization_suggestions"][-1]
    assert report["looked_at"]["calls"] == report["looked_at"]["of_requests"] == len(TRAFFIC)
    listed = (await filled.client.get(prefix["traces"])).json()
    assert len(listed["traces"]) == 40
    assert set(prefix["trace_ids"]) <= {one["trace_id"] for one in listed["traces"]}


async def test_the_parts_of_the_cost_make_the_whole(filled: ApiRig) -> None:
    report = await filled.get("/metrics/cost", time_period="24h")
    split = report["cost_split"]
    parts = sum(split[name] for name in ("input_usd", "cached_usd", "output_usd", "other_usd"))
    assert parts == pytest.approx(report["total_cost_usd"])
    assert split["looked_at"] == split["priced_requests"] == len(TRAFFIC) - 6
    # gpt-4o: 10 * 12 + 10 * 40 + 400 * 5 output tokens; gpt-4o-mini: 10 * 43.
    assert split["output_usd"] == pytest.approx(2520 * 10e-6 + 430 * 0.6e-6)
    good = report["cost_per_good_answer"]
    assert good["good_quality"] == 0.5
    assert 0 <= good["good_answers"] <= good["judged_answers"] <= len(TRAFFIC)
    assert report["projection"] is None, "a day is no history"


async def test_the_month_does_not_depend_on_the_period(filled: ApiRig) -> None:
    months = [
        (await filled.get("/metrics/cost", time_period=period))["projected_monthly_cost"]
        for period in ("15m", "1h", "24h", "7d", "30d")
    ]
    assert months[0] > 0
    assert months == pytest.approx([months[0]] * 5, rel=1e-3)


async def test_models_stand_side_by_side(filled: ApiRig) -> None:
    report = await filled.get("/metrics/models", time_period="24h")
    models = {one["model_name"]: one for one in report["models"]}
    assert report["total_requests"] == len(TRAFFIC)
    assert (models["gpt-4o"]["requests"], models["gpt-4o"]["errors"]) == (57, 0)
    mini = models["gpt-4o-mini"]
    assert (mini["requests"], mini["errors"]) == (43, 3)
    assert mini["error_rate"]["low"] < 3 / 43 < mini["error_rate"]["high"]
    assert mini["response_time_ms"]["count"] == 40
    assert mini["response_time_ms"]["p50"] == pytest.approx(1950, rel=0.03)
    assert mini["response_time_ms"]["p99"] == pytest.approx(3861, rel=0.03)
    assert models["house-model"]["total_cost_usd"] is None
    dearer = [one for one in report["differences"] if one["figure"] == "cost_per_request"]
    assert [(one["model_name"], one["than"]) for one in dearer] == [("gpt-4o", "gpt-4o-mini")]
    assert dearer[0]["low"] > 0
    assert not any(one["figure"] == "error_rate" for one in report["differences"]), "3 of 43 may be chance"


async def test_filtered_models_and_templates_are_computed_from_calls(filled: ApiRig) -> None:
    rolled = await filled.get("/metrics/models", time_period="24h")
    computed = await filled.get("/metrics/models", time_period="24h", filter="model is not null")
    assert (rolled["computed_from"], computed["computed_from"]) == ("rollups", "traces")
    for one, other in zip(rolled["models"], computed["models"], strict=True):
        p95 = other["response_time_ms"]["p95"]
        for name in (
            "name",
            "model_name",
            "requests",
            "errors",
            "priced",
            "total_tokens",
            "cost_per_good_answer",
        ):
            assert one[name] == other[name], name
        assert one["total_cost_usd"] == pytest.approx(other["total_cost_usd"])
        assert one["response_time_ms"]["p95"] == (p95 and pytest.approx(p95, rel=0.05))
    templates = await filled.get("/metrics/models", time_period="24h", by="template")
    found = {one["name"]: (one["model_name"], one["requests"]) for one in templates["models"]}
    assert found == {"ask": (None, 40), "story": (None, 5)}
    one = await filled.get("/metrics/models", time_period="24h", by="template", filter="template = story")
    assert (one["total_requests"], one["total_models"]) == (5, 1)


async def test_two_are_compared_in_every_figure(filled: ApiRig) -> None:
    pair = {"compare": ["gpt-4o", "gpt-4o-mini"]}
    found = (await filled.get("/metrics/models", time_period="24h", **pair))["compared"]
    real = {one["figure"]: one["real"] for one in found}
    assert list(real) == ["quality", "violation_rate", "error_rate", "cost_per_request", "response_time_ms"]
    assert real["cost_per_request"]
    assert not real["error_rate"], "3 of 43 may be chance"
    few = (await filled.get("/metrics/models", time_period="24h", compare=["gpt-4o", "house-model"]))[
        "compared"
    ]
    assert [one["difference"] for one in few] == [None] * 5
    for wrong in (["gpt-4o"], ["gpt-4o", "nobody"], ["a", "b", "c"]):
        response = await filled.client.get("/metrics/models", params={"time_period": "24h", "compare": wrong})
        assert response.status_code == 422
        assert response.json()["errors"][0]["field"] == "compare"


async def test_an_empty_period_answers_with_the_same_keys(filled: ApiRig) -> None:
    full = await filled.get("/metrics/cost", time_period="24h")
    empty = await filled.get("/metrics/cost", time_period="24h", source="import")
    assert empty.keys() == full.keys()
    assert empty["suggestions"] == []
    assert empty["cost_per_good_answer"]["usd"] is None
    nothing = await filled.get("/metrics/models", source="import")
    assert (nothing["models"], nothing["message"]) == ([], "No interactions in the last 24h.")


@pytest.mark.parametrize("path", ["/metrics/cost", "/metrics/quality", "/metrics/safety"])
@pytest.mark.parametrize("tz", ["Nowhere/Town", "../etc", "+25:00", "A" * 65])
async def test_an_unknown_zone_is_refused_by_name(filled: ApiRig, path: str, tz: str) -> None:
    response = await filled.client.get(path, params={"tz": tz})
    assert response.status_code == 422
    assert response.json()["errors"][0]["field"].endswith("tz")


async def test_days_of_any_zone_add_up_also_after_folding(api: ApiRig) -> None:
    summer = datetime(NOW.year, 3, 31, 1, tzinfo=UTC)
    summer -= timedelta(days=(summer.weekday() + 1) % 7)  # the last Sunday of March
    if summer > NOW:
        summer = summer.replace(year=NOW.year - 1)
    begin = summer.replace(hour=0) - 2 * DAY
    recent = NOW - 20 * DAY
    moments = [begin + timedelta(hours=n) for n in range(96)]
    moments += [recent + timedelta(hours=n) for n in range(60)]
    await api.store(*(call(n, timestamp=at.isoformat()) for n, at in enumerate(moments)))
    days = (NOW - begin).days + 2
    before = await series(api, days, "Europe/Berlin")
    assert before[f"{summer:%Y-%m-%d}"] == 23
    async with api.services.engine.begin() as connection:
        while await fold_batches(connection):
            pass
        await fold_closed(connection, NOW)
        await cover(connection, NOW + 2 * DAY)
        await forget_covered(connection, NOW + 2 * DAY)
    for zone in ("UTC", "Europe/Berlin", "+05:45", "America/New_York"):
        found = await series(api, days, zone)
        assert sum(found.values()) == len(moments), zone
    assert await series(api, days, "Europe/Berlin") == before
    kathmandu = await series(api, days, "+05:45")
    # Its day begins with the hour from 18:00 UTC: of the first day 18 hours, then 24 each.
    assert list(kathmandu.values())[:4] == [18, 24, 24, 24]
    report = await api.get("/metrics/quality", time_period=f"{days}d", tz="Asia/Kathmandu")
    assert report["trend"][-1]["bucket"].endswith("+05:45")
    assert sum(point["count"] for point in report["trend"]) <= len(moments)


async def series(api: ApiRig, days: int, zone: str) -> dict[str, int]:
    """Return the requests of every local day that has some."""
    report = await api.get("/metrics/cost", time_period=f"{days}d", tz=zone)
    assert sum(point["total_cost_usd"] for point in report["trend"]) == pytest.approx(
        report["total_cost_usd"]
    )
    return {point["bucket"][:10]: point["requests"] for point in report["trend"] if point["requests"]}


async def test_stored_errors_are_counted_once_by_the_migration(api: ApiRig) -> None:
    statement = import_module("migrations.versions.0012_count_errors").ADD
    await api.store(*(call(n, error="overloaded", response="") for n in range(3)), call(3))
    report = await api.get("/metrics/models", time_period="24h")
    assert report["models"][0]["errors"] == 3
    # These errors are counted as they are stored. Before, there were none of them in the figures.
    async with api.services.engine.begin() as connection:
        await connection.exec_driver_sql(statement)
        found = await read_measures(connection, "default", window_of("24h", datetime.now(UTC)))
    assert found["error"].count == 6
