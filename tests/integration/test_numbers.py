"""Numbers that no sum can bear, sent by one project, and what becomes of the figures and the upkeep of all."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app.supervision import Tasks
from monitoring.bounds import OUT_OF_RANGE
from tests.integration.api_rig import ApiRig
from tests.integration.test_otlp_logs import DETAILS, IDS, JUDGED, joining, only_trace
from tests.integration.test_otlp_traces import CHAT, SILENT, export
from tests.unit.otlp.spans import json_bytes, log_bytes, protobuf_bytes, span
from workers.upkeep import Upkeep

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
    """Two of these once made figures a 500 for good, and ended the upkeep of every project."""
    for number in (1, 2):
        poison = span(CHAT | {"ai.response.msToFirstChunk": 1.7e308}, number=number)
        assert (await export(api, encode(poison))).status_code == 200
        await api.worker.drain()
        for path in FIGURES:
            assert (await api.client.get(path)).status_code == 200, path
    assert (
        await api.worker.rows("SELECT time_to_first_token_ms AS ms, marks FROM traces")
        == [{"ms": None, "marks": [OUT_OF_RANGE]}] * 2
    )
    assert failures(await keep_up(api)) == {}
    quality = await api.get("/metrics/quality", time_period="90d")
    assert (quality["total_evaluations"], quality["average_quality"]) == (2, 1.0)
    assert (await api.get("/pipeline"))["projects"][0]["unaccounted"] == 0


async def test_seconds_that_overflow_as_milliseconds_cost_no_record_and_no_job(api: ApiRig) -> None:
    spans = [span(CHAT | {"gen_ai.server.time_to_first_token": 1e306}, number=n) for n in range(1, 9)]
    await export(api, protobuf_bytes(*spans))
    await api.worker.drain()
    assert await api.worker.value("SELECT count(*)::int FROM settlements") == 1, "the job was not halved"
    assert await api.worker.value("SELECT count(*)::int FROM traces") == 8
    assert await api.worker.value("SELECT count(*)::int FROM dead_letters") == 0


async def test_costs_beyond_what_calls_cost_stop_nobody(api: ApiRig) -> None:
    """o1-pro with 2**40 tokens cost 820 million dollars, and a hundred thousand of them more than a sum holds."""
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
        [OUT_OF_RANGE],
        None,
    )
    (score,) = await api.worker.rows("SELECT value, label, parts FROM scores")
    assert (score["value"], score["label"], score["parts"]) == (None, OUT_OF_RANGE, {})
    assert failures(await keep_up(api)) == {}
    assert (await api.client.get("/metrics/quality")).status_code == 200
