"""Alerts about a change of a model's behaviour, and filters with several values."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from app.alerting.evaluation import Evaluation
from monitoring.evaluators import response_form
from tests.integration.api_rig import ApiRig
from tests.integration.truth import assert_rollups_equal_rows

LONG = "The moon is about as far away as thirty Earths in a row, which is a long way to walk. " * 4
CHANGE: dict[str, Any] = {
    "aggregation": "distribution",
    "compare": "change",
    "direction": "above",
    "window": "1h",
    "days": 3,
    "group_by": "model",
    "warning": 0.1,
}


@pytest.fixture(autouse=True)
def forms(api: ApiRig, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the form of responses recognised, beside what the evaluators of tests find."""
    monkeypatch.setattr(api.worker.scoring, "_evaluators", (response_form.build(),))


def record(at: datetime, response: str, model: str = "m") -> dict[str, Any]:
    return {
        "prompt": "How far is the moon?",
        "response": response,
        "model_name": model,
        "timestamp": at.isoformat(),
    }


async def make(api: ApiRig, **changes: Any) -> dict[str, Any]:
    response = await api.post("/alerts/rules", changes)
    assert response.status_code == 201, response.text
    found: dict[str, Any] = response.json()
    return found


async def states(api: ApiRig) -> dict[str, Any]:
    evaluation = Evaluation(api.worker.engine, api.worker.redis)
    await evaluation.turn(datetime.now(UTC) + timedelta(minutes=5))
    return {one["name"]: one for one in (await api.get("/alerts"))["alerts"]}


async def test_a_change_of_behaviour_fires_with_its_words_and_first_calls(api: ApiRig) -> None:
    now = datetime.now(UTC)
    hours = [now - timedelta(hours=number) for number in range(2, 72)]
    await api.store(*[record(at, LONG, model) for at in hours for model in ("m", "n") for _ in range(8)])
    lately = [now - timedelta(minutes=40) + timedelta(seconds=number) for number in range(60)]
    await api.store(*[record(at, '{"km": 384400}') for at in lately])
    await api.store(*[record(at, LONG, "n") for at in lately])

    form = await make(api, name="form", metric="label:response_form", **CHANGE)
    await make(api, name="length", metric="completion_tokens", **CHANGE)
    assert form["trial"]["cannot_fire"] is None
    found = await states(api)
    (group,) = [one for one in found["form"]["groups"] if one["status"] != "ok"]
    assert (group["group"], group["status"], group["n"]) == ("m", "warning", 60)
    assert group["change"].startswith("The form of responses changed: json 0% → 100%")
    (length,) = [one for one in found["length"]["groups"] if one["status"] != "ok"]
    assert length["change"].startswith("Responses became shorter: the median went from")
    (entry,) = (await api.get(f"/alerts/{form['rule_id']}/history"))["transitions"]
    assert entry["change"] == group["change"]
    await assert_rollups_equal_rows(api.worker)


@pytest.mark.parametrize("metric", ["label:response_form", "completion_tokens"])
async def test_the_first_calls_of_a_change_are_sent_with_it(api: ApiRig, metric: str) -> None:
    channel = "00000000-0000-0000-0000-00000000000c"
    async with api.worker.engine.begin() as connection:
        await connection.execute(
            text(
                "INSERT INTO alert_channels (project_id, channel_id, name, kind, shown, sealed, created_by) "
                "VALUES ('default', :channel, 'c', 'webhook', '{}', '', 'test')"
            ),
            {"channel": channel},
        )
    now = datetime.now(UTC)
    await api.store(
        *[record(now - timedelta(hours=number), LONG) for number in range(2, 73) for _ in range(12)]
    )
    lately = [now - timedelta(minutes=40) + timedelta(seconds=number) for number in range(60)]
    unchanged = await api.store(*[record(at - timedelta(minutes=1), LONG) for at in lately[:5]])
    ids = await api.store(*[record(at, '{"km": 384400}') for at in lately])
    await make(api, name="change", metric=metric, channels=[channel], **CHANGE)
    await states(api)
    (delivery,) = await api.worker.rows("SELECT message FROM alert_deliveries")
    shown = {one["trace_id"] for one in delivery["message"]["examples"]}
    assert shown == set(ids[:3])
    assert not shown & set(unchanged)
    assert delivery["message"]["groups"][0]["change"] == delivery["message"]["reason"]


async def test_a_filter_of_several_models_adds_them_up_and_several_tags_are_refused(api: ApiRig) -> None:
    now = datetime.now(UTC)
    await api.store(
        *[record(now, "yes", "a") for _ in range(3)],
        *[record(now, "yes", "b") for _ in range(4)],
        *[record(now, "yes", "c") for _ in range(5)],
    )
    counted = {"metric": "requests", "aggregation": "sum", "direction": "above", "window": "1h", "warning": 6}
    await make(api, name="two", filter="model in (a, b)", **counted)
    await make(api, name="three", filter="model in (a, b, c)", **counted)
    found = {name: one["groups"][0]["value"] for name, one in (await states(api)).items()}
    assert found == {"two": 7, "three": 12}
    refused = await api.post("/alerts/rules", counted | {"name": "tags", "filter": "tag in (x, y)"})
    assert refused.status_code == 422
    assert "count a call once for each of its tags" in refused.text
