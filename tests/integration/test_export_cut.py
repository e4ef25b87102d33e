"""What is in an export while calls arrive, wait, are erased and are labelled."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text

from app.exporting.cut import find_cut
from app.schemas.ids import minted_at
from app.schemas.labels import Label, Span
from app.storage.engine import writing
from app.storage.traces.labels import add_label
from app.storage.traces.reading import read_trace
from monitoring.benchmarking.sources import read_sources
from tests.integration.api_rig import ApiRig
from tests.integration.export_rig import export, ids, pieces, rows, store


async def test_calls_that_arrive_meanwhile_are_in_the_next_export(api: ApiRig) -> None:
    api.services.exports.settle_seconds = 0
    for at in range(4):
        await store(api, range(at * 5, at * 5 + 5))
    before = await ids(api)
    assert len(before) == 20
    found: list[str] = []
    async for _, piece in pieces(api, limit=3):
        found += piece
        await store(api, [100 + len(found)])
    assert found == before
    everything = await ids(api)
    assert everything[:20] == before
    assert len(everything) == 27


async def test_calls_that_wait_in_the_queue_are_waited_for(api: ApiRig) -> None:
    api.services.exports.settle_seconds = 0
    body = {"prompt": "late", "response": "but in"}
    await api.post("/monitor/inference", body, prefer="respond-async")
    exporting = asyncio.create_task(rows(api))
    async with api.working():
        (row,) = await exporting
    assert row["prompt"] == "late"


async def test_what_stays_in_the_queue_moves_the_cut_before_it(
    api: ApiRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.exporting.cut._AGAIN_SECONDS", 0.01)
    await store(api, [0])
    response = await api.post(
        "/monitor/inference", {"prompt": "stuck", "response": "x"}, prefer="respond-async"
    )
    clock = api.services.clock
    cut = await find_cut(api.services.redis, "default", clock, settle_seconds=0, patience_seconds=0.02)
    assert cut < minted_at(UUID(response.json()["trace_id"]))
    assert await find_cut(api.services.redis, "bank", clock, settle_seconds=0) > cut


async def test_a_call_that_is_erased_meanwhile_is_missing_and_no_other(api: ApiRig) -> None:
    api.services.exports.settle_seconds = 0
    await store(api, range(9))
    whole = await ids(api)
    first = await export(api, limit=4)
    async with writing(api.services.engine) as connection:
        await connection.execute(text("DELETE FROM traces WHERE trace_id = :id"), {"id": UUID(whole[3])})
        await connection.execute(text("DELETE FROM traces WHERE trace_id = :id"), {"id": UUID(whole[6])})
    rest = await export(api, cursor=first.headers["export-next"])
    assert [json.loads(line)["trace_id"] for line in rest.text.splitlines()] == [*whole[4:6], *whole[7:]]


async def test_labels_are_a_file_that_the_benchmark_reads(api: ApiRig, tmp_path: Path) -> None:
    api.services.exports.settle_seconds = 0
    called = {"prompt": "Who is it?", "response": "Jane, card 4111 1111 1111 1111", "context": "a"}
    (named,) = await api.store(called)
    span = Span(field="response", start=0, end=4)
    said: list[dict[str, Any]] = [
        {"finding": "pii_leak", "label": "true_alarm", "value": 1.0},
        {"finding": "relevance", "label": "true_alarm", "value": 1.0},
        {"finding": "toxicity", "label": "true_alarm", "value": 1.0},
        {"finding": "pii_leak", "label": "false_alarm", "value": 0.0},
        {"label": "score", "value": 0.75},
        {"finding": "pii_leak", "label": "true_alarm", "value": 1.0, "evidence": span},
    ]
    now = api.services.clock() - timedelta(seconds=len(said))
    async with writing(api.services.engine) as connection:
        trace = await read_trace(connection, "default", UUID(named))
        for at, one in enumerate(said):
            moment = now + timedelta(milliseconds=at)
            label = Label(label_id=uuid4(), trace_id=UUID(named), actor="key x", created_at=moment, **one)
            await add_label(connection, trace, label)
    file = tmp_path / "own.jsonl"
    file.write_bytes((await export(api, kind="labelled")).content)
    found = {row["task"]: row for row in map(json.loads, file.read_text().splitlines())}
    # The newest label decides, a place decides nothing, and a relevant answer has the label 1. The
    # call has no flag of toxicity, so that label says what was missed.
    wanted = {"pii": 0, "relevance": 0, "toxicity": 1, "quality": 0.75}
    assert {task: row["label"] for task, row in found.items()} == wanted
    assert (found["toxicity"]["meta"]["finding"], found["toxicity"]["meta"]["flag"]) == ("toxicity", None)
    assert trace is not None
    assert "toxicity" not in trace.hits
    assert found["pii"]["response"] == called["response"]
    assert found["pii"]["context"] == "a"
    assert found["pii"]["meta"]["finding"] == "pii_leak"
    assert sorted((one.task, one.name, len(one.rows)) for one in read_sources(file)) == [
        ("pii", "human", 1),
        ("relevance", "human", 1),
        ("toxicity", "human", 1),
    ]
