"""A call around another one counts nothing, whichever of the two is stored first."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Sequence
from typing import Any

import pytest
from arq.constants import job_key_prefix

from app.queue import JobName, deserialize, queued_jobs
from tests.integration.api_rig import ApiRig
from tests.integration.test_otlp_logs import joining
from tests.integration.test_otlp_traces import CHAT, SILENT, export
from tests.integration.truth import assert_rollups_equal_rows
from tests.unit.otlp.spans import TRACE, log_bytes, protobuf_bytes, span

OUTER, TOOL, INNER = "outer", "tool", "inner"
# An agent's chat span that repeats the usage of the call inside it, with a step between the two.
SPANS = {
    OUTER: span({**CHAT, "user.id": "u-1"}, number=1, milliseconds=3000),
    TOOL: span({"gen_ai.operation.name": "execute_tool"}, number=2, parent=1),
    INNER: span({**CHAT, "user.id": "u-1"}, number=3, parent=2),
}
DIFFERS = {"trace_id", "job_id", "otel_trace_id", "created_at", "restates"}
COST = 1000 * 0.15e-6 + 100 * 0.6e-6


async def store(api: ApiRig, *requests: Sequence[str]) -> None:
    """Send each group of spans as one request, and have it stored before the next."""
    for names in requests:
        await export(api, protobuf_bytes(*(SPANS[name] for name in names)))
        await api.worker.drain()


async def rows(api: ApiRig, otel_trace_id: bytes = TRACE) -> dict[int, dict[str, Any]]:
    """The rows of one trace by span, without what differs in every row."""
    found = await api.worker.rows("SELECT * FROM traces WHERE otel_trace_id = :id", id=otel_trace_id)
    return {
        int.from_bytes(row["otel_span_id"]): {k: v for k, v in row.items() if k not in DIFFERS}
        for row in found
    }


async def assert_inner_counts_alone(api: ApiRig) -> None:
    found = await rows(api)
    assert {number: row["kind"] for number, row in found.items()} == {1: "chain", 2: "tool", 3: "llm"}
    assert (found[1]["pricing_status"], found[1]["cost_usd"], found[1]["scores"]) == ("not_counted", None, {})
    assert (await api.get("/metrics/cost", time_period="1h"))["total_cost_usd"] == pytest.approx(COST)
    assert (await api.get("/metrics/quality", time_period="1h"))["total_evaluations"] == 1
    await assert_rollups_equal_rows(api.worker)


@pytest.mark.parametrize("order", list(itertools.permutations(SPANS)))
async def test_the_innermost_call_counts_alone_in_every_order(api: ApiRig, order: Sequence[str]) -> None:
    await store(api, *([name] for name in order))
    await assert_inner_counts_alone(api)


async def test_a_call_that_became_a_step_is_the_row_it_would_have_been_at_once(api: ApiRig) -> None:
    await store(api, [OUTER], [TOOL], [INNER])
    late = await rows(api)
    for name in (INNER, TOOL, OUTER):
        await export(api, protobuf_bytes(SPANS[name]._replace(trace_id=b"another trace id")))
        await api.worker.drain()
    assert await rows(api, b"another trace id") == late


async def test_calls_beside_each_other_both_count(api: ApiRig) -> None:
    siblings = [span(CHAT, number=3, parent=2), span(CHAT, number=4, parent=2)]
    stranger = span(CHAT, number=2, trace_id=b"another trace id")  # the same span id as the step around them
    for one in (stranger, *siblings):
        await export(api, protobuf_bytes(one))
        await api.worker.drain()
    kinds = await api.worker.rows("SELECT kind, count(*)::int AS n FROM traces GROUP BY kind")
    assert kinds == [{"kind": "llm", "n": 3}]
    assert (await api.get("/metrics/cost", time_period="1h"))["total_cost_usd"] == pytest.approx(3 * COST)
    await assert_rollups_equal_rows(api.worker)


async def test_spans_of_two_requests_in_one_job_are_told_apart(api: ApiRig) -> None:
    await asyncio.gather(*(export(api, protobuf_bytes(SPANS[name])) for name in (OUTER, TOOL, INNER)))
    await api.worker.drain()
    await assert_inner_counts_alone(api)


async def test_two_workers_at_once_count_the_inner_call_alone(api: ApiRig) -> None:
    for name in (OUTER, TOOL, INNER):
        await export(api, protobuf_bytes(SPANS[name]))
    await asyncio.gather(*(api.worker.drain(max_jobs=3) for _ in range(2)))
    await assert_inner_counts_alone(api)


@pytest.mark.parametrize("dies", ["before the look", "after it"])
async def test_a_redelivered_job_takes_back_once(
    api: ApiRig, monkeypatch: pytest.MonkeyPatch, dies: str
) -> None:
    await store(api, [OUTER], [TOOL])
    await export(api, protobuf_bytes(SPANS[INNER]))
    (job,) = await queued_jobs(api.worker.redis)
    payload = await payload_of(api, job)
    evaluation = api.worker.evaluation
    if dies == "before the look":
        look = api.worker.storing.follow_up  # the process ends between the two

        async def die(*_: object) -> None:
            raise asyncio.CancelledError

        monkeypatch.setattr(api.worker.storing, "follow_up", die)
        with pytest.raises(asyncio.CancelledError):
            await api.worker.processing.process(job, payload)
        monkeypatch.setattr(api.worker.storing, "follow_up", look)
        assert (await api.get("/metrics/cost", time_period="1h"))["total_cost_usd"] == pytest.approx(2 * COST)
        await api.worker.claims.begin(job)
    for _ in range(3):
        await evaluation.evaluate({"job_id": str(job)}, payload)
        await assert_inner_counts_alone(api)
    ledger = (await api.get("/pipeline"))["projects"][0]
    assert (ledger["accepted"], ledger["stored"], ledger["duplicate"]) == (3, 3, 0)


async def payload_of(api: ApiRig, job: JobName) -> bytes:
    return bytes(deserialize(await api.worker.redis.get(f"{job_key_prefix}{job}"))["a"][0])


async def test_texts_that_come_after_it_became_a_step_bring_nothing_back(api: ApiRig) -> None:
    silent = span(SILENT, number=1, milliseconds=3000)
    events = log_bytes(
        {
            "event": "gen_ai.client.inference.operation.details",
            "attributes": CHAT,
            "trace_id": silent.trace_id,
            "span_id": silent.span_id,
        }
    )
    await export(api, protobuf_bytes(silent))
    await api.worker.drain()
    await store(api, [TOOL], [INNER])
    await export(api, events, "/v1/logs")
    await api.worker.drain()
    assert await joining(api).turn() == 1
    (row,) = await api.worker.rows(
        "SELECT kind, response, cost_usd FROM traces WHERE otel_parent_span_id IS NULL"
    )
    assert row == {"kind": "chain", "response": "Not today.", "cost_usd": None}
    assert (await api.get("/metrics/cost", time_period="1h"))["total_cost_usd"] == pytest.approx(COST)
    await assert_rollups_equal_rows(api.worker)
