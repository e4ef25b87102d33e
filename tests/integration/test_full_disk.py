"""What the API does while the disk of its servers has no room: no records, and everything else."""

from __future__ import annotations

import time
from typing import Any

import pytest

from tests.integration.api_rig import ApiRig

RECORD = {"prompt": "What is rain?", "response": "Rain is water."}
MIB = 1024 * 1024


async def leave(api: ApiRig, room: int) -> None:
    admission = api.services.ingest.admission
    admission.disk.measure = lambda _: room
    await admission.refresh()


@pytest.mark.parametrize(
    ("path", "body"),
    [("/monitor/inference", RECORD), ("/monitor/inferences", [RECORD, RECORD]), ("/evaluate", [RECORD])],
)
async def test_records_are_refused_before_the_disk_is_full_and_taken_again_after(
    api: ApiRig, path: str, body: Any
) -> None:
    await leave(api, 100 * MIB)
    refused = await api.post(path, body)
    assert refused.status_code == 507
    assert refused.json()["type"].endswith("storage-full")
    assert "100 MiB left" in refused.json()["detail"]
    assert int(refused.headers["Retry-After"]) == 30
    assert await api.worker.redis.keys("llm-monitor:id:*") == []
    await leave(api, 1024 * MIB)
    assert (await api.post(path, body, prefer="respond-async")).status_code == 202


async def test_exporters_are_refused_in_a_way_that_they_try_again(api: ApiRig) -> None:
    await leave(api, 0)
    now = str(time.time_ns())
    span = {
        "traceId": "0" * 31 + "1",
        "spanId": "0" * 15 + "1",
        "name": "chat",
        "startTimeUnixNano": now,
        "endTimeUnixNano": now,
    }
    answer = await api.post("/v1/traces", {"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]})
    assert answer.status_code == 503
    assert answer.json()["code"] == 14
    assert answer.headers["Retry-After"]


async def test_everything_else_goes_on(api: ApiRig) -> None:
    (trace_id,) = await api.store(RECORD)
    await leave(api, 0)
    assert (await api.get(f"/traces/{trace_id}"))["trace_id"] == trace_id
    assert (await api.get("/metrics/quality"))["total_evaluations"] == 1
    assert (await api.get("/pipeline"))["queue"]["records"] == 0
    assert "llm_monitor_disk_free_bytes 0.0" in (await api.client.get("/metrics")).text
    ready = (await api.client.get("/health/ready")).json()
    assert ready["disk"] == "full"
    await leave(api, 1024 * MIB)
    assert (await api.client.get("/health/ready")).json()["disk"] == "ok"
