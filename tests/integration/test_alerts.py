from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import text

from app.alerting.evaluation import Evaluation
from app.queue import EVALUATE_QUEUE
from tests.integration.api_rig import ApiRig
from workers.upkeep.budgets import BudgetUpkeep

RULE = {
    "name": "errors",
    "metric": "errors",
    "aggregation": "rate",
    "direction": "above",
    "window": "1h",
    "warning": 0.1,
    "critical": 0.5,
}


def record(**changes: Any) -> dict[str, Any]:
    return {"prompt": "How far is the moon?", "response": "About 384,400 km.", "model_name": "m"} | changes


async def make(api: ApiRig, **changes: Any) -> Mapping[str, Any]:
    response = await api.post("/alerts/rules", RULE | changes)
    assert response.status_code == 201, response.text
    found: Mapping[str, Any] = response.json()
    return found


async def evaluate(api: ApiRig, after: timedelta = timedelta()) -> int:
    """Evaluate everything, as if all rules were due some time from now."""
    evaluation = Evaluation(api.worker.engine, api.worker.redis)
    return await evaluation.turn(datetime.now(UTC) + timedelta(minutes=5) + after)


async def state(api: ApiRig) -> Mapping[str, Any]:
    (found,) = (await api.get("/alerts"))["alerts"]
    assert isinstance(found, dict)
    return found


async def test_an_alert_is_sent_with_its_figures_and_calls(api: ApiRig) -> None:
    channel = uuid4()
    async with api.worker.engine.begin() as connection:
        await connection.execute(
            text(
                "INSERT INTO alert_channels (project_id, channel_id, name, kind, shown, sealed, created_by) "
                "VALUES ('default', :channel, 'c', 'webhook', '{}', '', 'test')"
            ),
            {"channel": channel},
        )
    await make(api, channels=[str(channel)])
    ids = await api.store(*[record(error="timeout") for _ in range(3)], *[record() for _ in range(7)])
    assert await evaluate(api) == 1
    (delivery,) = await api.worker.rows("SELECT kind, message FROM alert_deliveries")
    message = delivery["message"]
    assert (delivery["kind"], message["level"], message["n"], message["value"]) == (
        "firing",
        "warning",
        10,
        0.3,
    )
    assert {one["trace_id"] for one in message["examples"]} == set(ids[:3])


async def test_an_alert_fires_is_acknowledged_and_recovers(api: ApiRig) -> None:
    made = await make(api)
    await api.store(*[record(error="timeout") for _ in range(3)], *[record() for _ in range(7)])
    assert await evaluate(api) == 1
    assert await evaluate(api) == 0, "a due time is taken once"
    fired = await state(api)
    assert (fired["status"], fired["level"], fired["groups"][0]["n"]) == ("warning", "warning", 10)
    assert fired["groups"][0]["value"] == pytest.approx(0.3)

    path = f"/alerts/{made['rule_id']}"
    seen = await api.post(f"{path}/acknowledge", {})
    assert seen.json()["acknowledged_by"]

    await api.store(*[record() for _ in range(40)])
    await evaluate(api, timedelta(minutes=10))
    assert (await state(api))["status"] == "ok"
    history = await api.get(f"{path}/history")
    assert [(one["before"], one["after"]) for one in history["transitions"]] == [
        ("warning", "ok"),
        ("ok", "warning"),
    ]
    assert history["transitions"][1]["value"] == pytest.approx(0.3)
    older = await api.get(f"{path}/history", before=history["transitions"][0]["transition_id"])
    assert len(older["transitions"]) == 1
    assert (await api.post(f"{path}/acknowledge", {})).status_code == 409


async def test_two_workers_evaluate_a_rule_once_and_tell_live_pages(api: ApiRig) -> None:
    await make(api, metric="requests", aggregation="sum", direction="below", warning=None, critical=1)
    hub = api.services.hub
    async with hub.watching("default") as client, asyncio.timeout(10):
        frames = client.frames()
        assert sorted(await asyncio.gather(evaluate(api), evaluate(api))) == [0, 1]
        told: list[Mapping[str, Any]] = []
        while not told:
            sent = json.loads(await anext(frames))
            told += [sent["data"]] if sent["type"] == "alert" else []
    (frame,) = told
    assert (frame["kind"], frame["level"], frame["status"], frame["value"]) == (
        "firing",
        "critical",
        "critical",
        0.0,
    )


async def test_under_a_backlog_a_rule_waits(api: ApiRig) -> None:
    await make(api, no_data="alert")
    await api.store(*[record() for _ in range(5)])
    await evaluate(api)
    assert (await state(api))["status"] == "ok"
    response = await api.post("/monitor/inferences", [record()], prefer="respond-async")
    assert response.status_code == 202
    assert await api.worker.redis.zcard(EVALUATE_QUEUE) == 1
    await evaluate(api, timedelta(hours=3))
    assert (await state(api))["status"] == "ok", "the last hours are still in the queue"
    await api.worker.drain()
    await evaluate(api, timedelta(hours=4))
    assert (await state(api))["status"] == "critical", "now it is known that nothing came"


async def test_groups_percentiles_and_filters_are_read_from_figures(api: ApiRig) -> None:
    await api.store(
        *[record(model_name="slow", response_time_ms=9_000, tags=["a"]) for _ in range(4)],
        *[record(model_name="quick", response_time_ms=20, tags=["b"]) for _ in range(6)],
    )
    latency = {"metric": "latency", "aggregation": "p95", "warning": 1_000, "critical": None}
    await make(api, **latency, name="grouped", group_by="model")
    await make(api, **latency, name="quick", filter='model = "quick"')
    tagged = {"metric": "requests", "aggregation": "sum", "warning": 3, "critical": None}
    await make(api, **tagged, name="tagged", filter="tag = a")
    assert await evaluate(api) == 3
    found = {one["name"]: one for one in (await api.get("/alerts"))["alerts"]}
    grouped = {group["group"]: group["status"] for group in found["grouped"]["groups"]}
    assert grouped == {"slow": "warning", "quick": "ok"}
    assert found["quick"]["groups"][0]["value"] == pytest.approx(20, rel=0.03)
    assert found["quick"]["status"] == "ok"


async def test_making_a_rule_tries_it_on_the_past(api: ApiRig) -> None:
    now = datetime.now(UTC)
    bad = [now - timedelta(hours=hours) for hours in (5, 50, 51, 150)]
    await api.store(
        *[record(timestamp=(now - timedelta(hours=h)).isoformat()) for h in range(2, 180, 3)],
        *[record(timestamp=at.isoformat(), error="timeout") for at in bad for _ in range(9)],
    )
    trial = (await make(api, no_data="ok"))["trial"]
    assert trial["cannot_fire"] is None
    assert trial["trial"]["fired"] == 3
    assert [moment["level"] for moment in trial["trial"]["moments"]] == ["critical"] * 3
    assert (await api.get("/alerts/rules"))["rules"][0]["rule"]["window"] == "1h"


async def test_what_cannot_be_is_refused_or_said(api: ApiRig) -> None:
    await api.store(*[record(error="timeout") for _ in range(5)])
    unknown = {"channels": ["00000000-0000-0000-0000-000000000001"]}
    for changes, field in (
        ({"filter": 'user = "x"'}, "filter"),
        (unknown, "channels"),
        ({"window": "soon"}, "window"),
    ):
        response = await api.post("/alerts/rules", RULE | changes)
        assert response.status_code == 422, response.text
        assert any(field in error["field"] for error in response.json()["errors"])
    for changes, reason in (({}, None), ({"filter": "model = gpt-99"}, "with model gpt-99")):
        response = await api.post("/alerts/rules/trial", RULE | changes)
        why = response.json()["cannot_fire"]
        assert (why is None) if reason is None else (reason in why)
    assert not (await api.get("/alerts/rules"))["rules"]


async def test_rules_are_changed_snoozed_and_deleted(api: ApiRig) -> None:
    made = await make(api)
    path = f"/alerts/rules/{made['rule_id']}"
    changed = await api.client.put(path, json=RULE | {"name": "calmer", "warning": 0.2})
    assert changed.status_code == 200, changed.text
    assert (await api.get(path))["rule"]["warning"] == 0.2
    until = (datetime.now(UTC) + timedelta(hours=2)).isoformat()
    snoozed = await api.post(f"/alerts/{made['rule_id']}/snooze", {"until": until})
    assert snoozed.json()["snoozed_until"]
    assert (await api.client.delete(path)).status_code == 200
    for gone in (
        await api.client.get(path),
        await api.client.delete(path),
        await api.client.get(f"/alerts/{made['rule_id']}/history"),
        await api.post(f"/alerts/{made['rule_id']}/snooze", {"until": None}),
    ):
        assert gone.status_code == 404


async def test_ready_rules_are_off_until_chosen(api: ApiRig) -> None:
    listed = await api.get("/alerts/rules")
    assert not listed["rules"]
    for ready in listed["ready"]:
        response = await api.post(f"/alerts/ready/{ready['name']}", {})
        assert response.status_code == 201, response.text
        assert response.json()["rule"] == ready["rule"]
        again = await api.post("/alerts/rules/trial", ready["rule"])
        assert again.status_code == 200, again.text
    assert (await api.post("/alerts/ready/unheard-of", {})).status_code == 404
    await api.store(*[record() for _ in range(3)])
    assert await evaluate(api, timedelta(hours=1)) == len(listed["ready"])
    assert {one["status"] for one in (await api.get("/alerts"))["alerts"]} <= {"ok", "no_data", "critical"}


async def test_a_rule_watches_the_budget_that_is_used_up_most(api: ApiRig) -> None:
    ready = {one["name"]: one["rule"] for one in (await api.get("/alerts/rules"))["ready"]}["budget"]
    tried = (await api.post("/alerts/rules/trial", ready)).json()
    assert "no budget" in tried["cannot_fire"]
    for name, amount in (("small", 1), ("large", 100)):
        assert (await api.post("/budgets", {"name": name, "amount_usd": amount})).status_code == 201
    rig = api.worker
    await BudgetUpkeep(rig.engine, rig.redis, lambda: datetime.now(UTC), retention_days=400).count()
    assert (await api.post("/alerts/rules/trial", ready)).json()["cannot_fire"] is None
    assert (await api.post("/alerts/ready/budget", {})).status_code == 201
    for number, (spent, status) in enumerate(((0.5, "ok"), (0.4, "warning"), (0.2, "critical"))):
        await api.store(record(cost_usd=spent))
        await evaluate(api, number * timedelta(minutes=10))
        assert (await state(api))["status"] == status
