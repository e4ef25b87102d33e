"""Numbers that no sum can hold, sent by one project.

The tests check the figures and the upkeep of all projects.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app.schemas.projects import BacklogLimits
from app.storage.engine import Connection
from app.storage.rollups.covering import cover
from app.storage.rollups.folding import fold_each
from app.supervision import Tasks
from monitoring.marks import Mark
from monitoring.verdict import Policy
from tests.integration.api_rig import ApiRig
from tests.integration.test_otlp_logs import DETAILS, IDS, JUDGED, joining, only_trace
from tests.integration.test_otlp_traces import CHAT, SILENT, export
from tests.integration.worker_rig import ORDINARY, decide
from tests.unit.otlp.spans import json_bytes, log_bytes, protobuf_bytes, span
from workers.upkeep.retention import Retention
from workers.upkeep.tasks import Upkeep

FIGURES = (
    "/metrics/quality",
    "/metrics/safety",
    "/metrics/relevance",
    "/metrics/cost",
    "/pipeline",
    "/metrics",
)


async def keep_up(api: ApiRig, later: timedelta = timedelta(days=2)) -> Tasks:
    """Let an hour of upkeep pass, so late that everything is folded and covered."""
    upkeep, tasks = Upkeep(api.worker.engine, retention_days=90, rollup_retention_days=400), Tasks()
    await upkeep.fold_batches()
    await upkeep.turn(datetime.now(UTC) + later, tasks, hourly=True)
    return tasks


def failures(tasks: Tasks) -> dict[str, str | None]:
    return {state.task: state.error for state in tasks.states() if state.failing}


@pytest.mark.parametrize("encode", [protobuf_bytes, json_bytes])
async def test_first_token_times_that_overflow_when_added_up_are_left_out(api: ApiRig, encode: Any) -> None:
    """Two of these once made figures a 500 for good, and ended the upkeep of all projects."""
    for number in (1, 2):
        poison = span(CHAT | {"ai.response.msToFirstChunk": 1.7e308}, number=number)
        assert (await export(api, encode(poison))).status_code == 200
        await api.worker.drain()
        for path in FIGURES:
            assert (await api.client.get(path)).status_code == 200, path
    assert (
        await api.worker.rows("SELECT time_to_first_token_ms AS ms, marks FROM traces")
        == [{"ms": None, "marks": [Mark.NUMBER_OUT_OF_RANGE]}] * 2
    )
    assert failures(await keep_up(api)) == {}
    quality = await api.get("/metrics/quality", time_period="90d")
    assert (quality["total_evaluations"], quality["average_quality"]) == (2, ORDINARY)
    assert (await api.get("/pipeline"))["projects"][0]["unaccounted"] == 0


async def test_seconds_that_overflow_as_milliseconds_cost_no_record_and_no_job(api: ApiRig) -> None:
    spans = [span(CHAT | {"gen_ai.server.time_to_first_token": 1e306}, number=n) for n in range(1, 9)]
    await export(api, protobuf_bytes(*spans))
    await api.worker.drain()
    assert await api.worker.value("SELECT count(*)::int FROM settlements") == 1, "the job was not halved"
    assert await api.worker.value("SELECT count(*)::int FROM traces") == 8
    assert await api.worker.value("SELECT count(*)::int FROM dead_letters") == 0


async def test_costs_beyond_what_calls_cost_stop_nobody(api: ApiRig) -> None:
    """One call of o1-pro with 2**40 tokens cost 820 million dollars.

    A hundred thousand of them cost more than a sum can hold.
    """
    call = {"prompt": "p", "response": "r", "model_name": "o1-pro", "provider": "openai"}
    answer = await api.post("/monitor/inference", call | {"prompt_tokens": 2**40})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "prompt_tokens"
    most = call | {"prompt_tokens": 10**9, "completion_tokens": 10**9}
    (trace_id,) = await api.store(most)
    trace = await api.get(f"/traces/{trace_id}")
    assert (trace["cost_usd"], trace["pricing_status"]) == (None, "out_of_range")
    usage = {"gen_ai.response.model": "o1-pro", "gen_ai.usage.input_tokens": 2**40}
    await export(api, protobuf_bytes(span(CHAT | usage)))
    await api.worker.drain()
    assert failures(await keep_up(api)) == {}
    cost = await api.get("/metrics/cost", time_period="90d")
    assert 0 <= cost["total_cost_usd"] < 1


async def test_logs_are_held_to_the_same_bounds(api: ApiRig) -> None:
    usage = {"gen_ai.usage.input_tokens": 2**40, "ai.response.msToFirstChunk": 1.7e308}
    told = {**DETAILS, "attributes": DETAILS["attributes"] | usage}
    value = {**JUDGED["attributes"], "gen_ai.evaluation.score.value": 1.7e308}
    value.pop("gen_ai.evaluation.score.label")
    await export(
        api, protobuf_bytes(span({name: value for name, value in SILENT.items() if "usage" not in name}))
    )
    await export(api, log_bytes(told, {**JUDGED, "attributes": value, **IDS}), "/v1/logs")
    await api.worker.drain()
    await joining(api).turn()
    row = await only_trace(api)
    assert (row["prompt"], row["marks"], row["time_to_first_token_ms"]) == (
        "Is it raining?",
        [Mark.NUMBER_OUT_OF_RANGE],
        None,
    )
    (score,) = await api.worker.rows("SELECT value, label, parts FROM scores")
    assert (score["value"], score["label"], score["parts"]) == (None, Mark.NUMBER_OUT_OF_RANGE, {})
    assert failures(await keep_up(api)) == {}
    assert (await api.client.get("/metrics/quality")).status_code == 200


async def test_settings_of_any_size_that_were_stored_stop_nobody(api: ApiRig) -> None:
    await decide(
        api.worker,
        retention_days=10**30,
        backlog=BacklogLimits(records=10**30, bytes=10**30, age_seconds=10**30),
        policy=Policy(weights=dict.fromkeys(("coherence", "relevance"), 1.7e308)),
    )
    (trace_id,) = await api.store({"prompt": "p", "response": "two words"})
    assert 0 <= (await api.get(f"/traces/{trace_id}"))["quality_score"] <= 1
    await Retention(api.worker.engine, retention_days=90).turn(datetime.now(UTC))
    assert failures(await keep_up(api)) == {}
    assert (await api.get("/metrics/quality"))["average_quality"] is not None


POISON = """
UPDATE rollups SET {changes}
WHERE project_id = 'default' AND dimension IN ('all', 'model') AND grain = 60
"""
OVERFLOW, INFINITY, COSTS, TOKENS = (
    "sums = array_replace(sums, 5::double precision, 1.7e308)",
    "sums = array_replace(sums, 5::double precision, 'Infinity')",
    "cost_usd = 9e13, priced = 1",
    "prompt_tokens = 9000000000000000000",
)


async def poison(api: ApiRig, changes: str) -> None:
    """Leave figures of two minutes as a version without bounds did, and another project's."""
    moment = datetime.now(UTC) - timedelta(hours=1)
    call = {"prompt": "p", "response": "two words", "time_to_first_token_ms": 5, "session_id": "s"}
    for minute in range(2):
        await api.store(call | {"timestamp": (moment + timedelta(minutes=minute)).isoformat()})
    await api.worker.rows("SELECT 1")
    async with api.worker.engine.begin() as connection:
        await connection.exec_driver_sql(
            "INSERT INTO projects (project_id, name) VALUES ('other', 'other') ON CONFLICT DO NOTHING"
        )
        names = "source, dimension, value, model, template, grain, bucket, records, assessed, unsafe, quality_count, "
        names += (
            "quality_sum, priced, cost_usd, prompt_tokens, completion_tokens, measures, counts, sums, hits"
        )
        for _ in range(2):  # what folding makes one row of
            await connection.exec_driver_sql(
                f"INSERT INTO rollups (project_id, {names}) SELECT 'other', {names} FROM rollups "  # noqa: S608 made of constants
                "WHERE project_id = 'default'"
            )
        await connection.exec_driver_sql(POISON.format(changes=changes))


@pytest.mark.parametrize("changes", [OVERFLOW, COSTS, TOKENS])
async def test_a_store_that_was_poisoned_before_stops_nobody_and_says_so(api: ApiRig, changes: str) -> None:
    await poison(api, changes)
    assert failures(await keep_up(api)) == {}
    rows = "SELECT DISTINCT grain FROM rollups WHERE project_id = '{}' AND NOT covered"
    for project in ("default", "other"):
        assert await api.worker.rows(rows.format(project)) == [{"grain": 86400}], "everything is covered"
    (other,) = await api.worker.rows(
        "SELECT records, sums[array_position(measures, 'time_to_first_token_ms')] AS ms FROM rollups "
        "WHERE project_id = 'other' AND NOT covered AND dimension = 'all'"
    )
    assert other == {"records": 4, "ms": 20.0}
    for path in FIGURES:
        assert (await api.client.get(path)).status_code == 200, path
    quality = await api.get("/metrics/quality", time_period="90d")
    assert (quality["total_evaluations"], quality["average_quality"]) == (2, ORDINARY)
    (ledger,) = (await api.get("/pipeline"))["projects"]
    assert ledger["set_aside_days"] == 1
    assert 'llm_monitor_set_aside_days{project="default"} 1.0' in (await api.client.get("/metrics")).text


@pytest.mark.parametrize("changes", [OVERFLOW, INFINITY])
async def test_whoever_asks_for_figures_that_are_spoilt_gets_them_when_asking_again(
    api: ApiRig, changes: str
) -> None:
    await poison(api, changes)
    first = await api.client.get("/metrics/quality")
    assert (first.status_code, first.headers["retry-after"]) == (503, "1")
    quality = await api.get("/metrics/quality")
    assert (quality["total_evaluations"], quality["average_quality"]) == (2, ORDINARY)
    assert (await api.get("/pipeline"))["projects"][0]["set_aside_days"] == 1


async def test_a_step_that_fails_for_one_project_is_taken_for_all_others(api: ApiRig) -> None:
    """This also holds for a reason that nobody foresaw."""
    await poison(api, "records = records")

    async def fold(connection: Connection, now: datetime, projects: Sequence[str] | None = None) -> None:
        if projects is None or "default" in projects:
            await connection.exec_driver_sql("SELECT 1 / 0")
        await cover(connection, now, projects)

    async with api.worker.engine.begin() as connection:
        assert await fold_each(connection, fold, datetime.now(UTC) + timedelta(days=2)) == ["default"]
    rows = "SELECT DISTINCT grain FROM rollups WHERE project_id = '{}' AND NOT covered"
    assert await api.worker.rows(rows.format("other")) == [{"grain": 86400}]


async def test_upkeep_goes_on_behind_a_step_that_fails(api: ApiRig) -> None:
    async with api.worker.engine.begin() as connection:
        await connection.exec_driver_sql("ALTER TABLE settlements RENAME COLUMN folded TO hidden")
    try:
        tasks = await keep_up(api)
    finally:
        async with api.worker.engine.begin() as connection:
            await connection.exec_driver_sql("ALTER TABLE settlements RENAME COLUMN hidden TO folded")
    assert list(failures(tasks)) == ["fold_settlements"]
    assert {state.task for state in tasks.states() if state.succeeded_at} >= {
        "cover",
        "forget_jobs",
        "drop_partitions",
    }


async def test_live_frames_of_others_come_while_one_project_is_poisoned(api: ApiRig) -> None:
    await poison(api, OVERFLOW)
    hub = api.services.hub
    async with hub.watching("default") as poisoned, hub.watching("other") as other, asyncio.timeout(20):
        assert [await anext(other.frames()), await anext(poisoned.frames())]
