"""Costs that clients report.

They count, ours is kept beside them, and the columns come to stored calls too.
"""

from __future__ import annotations

import asyncio
from typing import Any

from alembic import command
from sqlalchemy import text

from app.storage.engine import create_engine, reading
from app.storage.upkeep.migrate import alembic_config, upgrade
from monitoring.models import Record
from tests.integration.api_rig import ApiRig
from tests.integration.test_otlp_traces import CHAT, SILENT, export
from tests.integration.truth import assert_rollups_equal_rows
from tests.integration.worker_rig import running_rig
from tests.unit.otlp.spans import json_bytes, protobuf_bytes, span

OURS = {
    "gen_ai.response.model": "gpt-4o-mini",
    "gen_ai.usage.input_tokens": 1_000_000,
    "gen_ai.usage.output_tokens": 0,
}
THEIRS = {"gen_ai.provider.name": "my-gw", "gen_ai.response.model": "house-model"}  # fmt: skip


async def stored(api: ApiRig) -> dict[str, tuple[Any, ...]]:
    """Return for each call, by its span's name, its cost, who says so, the report, and ours."""
    listed = (await api.get("/traces"))["traces"]
    traces = [await api.get(f"/traces/{one['trace_id']}") for one in listed]
    return {
        one["metadata"].get("span.name", "record"): (
            one["cost_usd"],
            one["price_source"],
            one["reported_cost_usd"],
            one["computed_cost_usd"],
        )
        for one in traces
    }


async def test_told_costs_count_and_ours_is_kept_beside_them(api: ApiRig) -> None:
    await export(
        api,
        protobuf_bytes(
            span(CHAT | THEIRS | {"llm.cost.total": 0.012}, number=1, name="unknown to us"),
            span(CHAT | OURS | {"gen_ai.cost.total_cost": 0.1}, number=2, name="known to us"),
            span(CHAT | THEIRS, number=3, name="told nothing"),
        ),
    )
    silent = {name: value for name, value in SILENT.items() if "usage" not in name}
    details = {"langfuse.observation.cost_details": '{"input": 0.01, "output": 0.002}'}
    await export(api, json_bytes(span(silent | THEIRS | details, number=4, name="no text and no tokens")))
    await export(api, json_bytes(span(CHAT | THEIRS | {"llm.cost.total": -1}, number=5, name="below zero")))
    record = {"prompt": "p", "response": "two words", "model_name": "house-model", "cost_usd": 0.5}
    await api.store(record)
    assert await stored(api) == {
        "unknown to us": (0.012, "reported", 0.012, None),
        "known to us": (0.1, "reported", 0.1, 0.15),
        "told nothing": (None, None, None, None),
        "no text and no tokens": (0.012, "reported", 0.012, None),
        "below zero": (None, None, None, None),
        "record": (0.5, "reported", 0.5, None),
    }
    cost = await api.get("/metrics/cost")
    assert cost["total_cost_usd"] == 0.012 + 0.1 + 0.012 + 0.5
    await assert_rollups_equal_rows(api.worker)


async def test_a_usage_object_is_stored_and_priced_and_the_difference_is_shown(api: ApiRig) -> None:
    usage = {
        "prompt_tokens": 10000,
        "completion_tokens": 1000,
        "prompt_tokens_details": {"cached_tokens": 4096, "a_key_of_tomorrow": None},
    }
    call = {
        "prompt": "p",
        "response": "two words",
        "model_name": "gpt-5",
        "provider": "openai",
        "usage": usage,
    }
    for tier, told, shown in (
        ("priority", None, (0.035784, None, None, "genai-prices 0.2.3:openai/gpt-5 (priority)")),
        ("batch", 0.01, (0.01, 0.008946, 0.001054, "reported")),
    ):
        (trace_id,) = await api.store({**call, "service_tier": tier, "cost_usd": told})
        trace = await api.get(f"/traces/{trace_id}")
        names = ("cost_usd", "computed_cost_usd", "cost_difference_usd", "price_source")
        assert tuple(trace[name] for name in names) == shown
        assert (trace["usage"], trace["service_tier"]) == (usage, tier)
        assert (trace["prompt_tokens"], trace["cache_read_tokens"]) == (10000, 4096)
    refused = await api.post("/monitor/inference", call | {"usage": {"prompt_tokens": -1}})
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "usage.prompt_tokens")
    await assert_rollups_equal_rows(api.worker)


async def test_the_column_comes_to_calls_that_are_stored_and_takes_no_other(
    database_url: str, redis_url: str
) -> None:
    calls = [
        Record(prompt="p", response="two words", model_name="gpt-4o-mini", prompt_tokens=n) for n in range(40)
    ]
    async with running_rig(database_url, redis_url) as rig:
        await rig.accept(calls)
        await rig.drain()
    await asyncio.to_thread(command.downgrade, alembic_config(database_url), "0004")
    before = await rows(database_url)
    await asyncio.to_thread(upgrade, database_url)
    after = await rows(database_url)
    assert [{name: row[name] for name in before[0]} for row in after] == before
    added = after[0].keys() - before[0].keys()
    assert added >= {
        "reported_cost_usd",
        "computed_cost_usd",
        "service_tier",
        "usage",
        "cache_write_1h_tokens",
    }
    assert all(row[name] in (None, []) for row in after for name in added)
    async with running_rig(database_url, redis_url) as rig:
        await rig.accept([Record(prompt="p", response="two words", reported_cost_usd=1)])  # type: ignore[arg-type]  # a number that is no Decimal
        await rig.drain()
        assert await rig.value("SELECT reported_cost_usd::int FROM traces WHERE cost_usd = 1") == 1
        await assert_rollups_equal_rows(rig)


async def rows(database_url: str) -> list[dict[str, Any]]:
    engine = create_engine(database_url, application="test")
    async with reading(engine) as connection:
        found = await connection.execute(text("SELECT * FROM traces ORDER BY trace_id"))
        listed = [dict(row) for row in found.mappings()]
    await engine.dispose()
    assert len(listed) == 40
    return listed
