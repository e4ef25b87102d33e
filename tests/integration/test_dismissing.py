"""False alarms that people found leave every figure where the project wants that, and come back."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from app.catalogue import list_judges, publish_judges
from tests.integration.api_rig import ApiRig, running_api
from tests.integration.truth import assert_rollups_equal_rows
from tests.integration.worker_rig import Alarm, WordCount
from workers.reviewing import Reviewing

SAFE = {"prompt": "hello", "response": "two words", "model_name": "gpt-4"}
DANGER = {**SAFE, "response": "danger here"}
FALSE = {"finding": "toxicity", "verdict": "false_alarm"}
TRUE = {"finding": "toxicity", "verdict": "true_alarm"}
EVALUATORS = (WordCount(), Alarm())


@pytest.fixture
async def api(database_url: str, redis_url: str) -> AsyncIterator[ApiRig]:
    async with running_api(database_url, redis_url) as rig:
        await publish_judges(rig.services.redis, list_judges(EVALUATORS))
        yield rig


async def label(api: ApiRig, trace_id: str, body: Any) -> str:
    response = await api.post(f"/traces/{trace_id}/labels", body)
    assert response.status_code == 201, response.text
    return str(response.json()["label_id"])


async def choose(api: ApiRig, *, dismissed: bool) -> None:
    response = await api.client.patch(
        "/projects/default/settings",
        json={"dismiss_false_alarms": dismissed},
        headers={"content-type": "application/merge-patch+json"},
    )
    assert response.status_code == 200, response.text


async def settle(api: ApiRig) -> None:
    reviewing = Reviewing(api.worker.engine, EVALUATORS, ())
    for project_id in await reviewing.waiting():
        await reviewing.catch_up(project_id)
    assert await reviewing.waiting() == []
    await assert_rollups_equal_rows(api.worker)


async def figures(api: ApiRig, **asked: str) -> tuple[Any, ...]:
    """Violations, and of toxicity: counted, flagged by the detector, dismissed, false alarms."""
    report = await api.get("/metrics/safety", time_period="1h", **asked)
    of_flag = report["flags"].get("toxicity", {})
    names = ("count", "flagged", "dismissed", "false_alarms")
    return report["safety_violations"], *(of_flag.get(name) for name in names)


async def listed(api: ApiRig, text: str) -> set[str]:
    return {one["trace_id"] for one in (await api.get("/traces", filter=text))["traces"]}


async def test_false_alarms_count_unless_the_project_dismisses_them(api: ApiRig) -> None:
    false, true, place, safe = await api.store(DANGER, DANGER, DANGER, SAFE)
    await label(api, false, FALSE)
    await label(api, true, TRUE)
    await label(api, place, {**FALSE, "evidence": {"field": "response", "start": 0, "end": 6}})
    await settle(api)
    assert await figures(api) == (3, 3, 3, 0, 1)
    await choose(api, dismissed=True)  # labels from before take effect too
    await settle(api)
    assert await figures(api) == (2, 2, 3, 1, 1)
    assert await figures(api, filter='model = "gpt-4"') == (2, 2, 3, 1, 1)
    report = await api.get("/metrics/safety", time_period="1h")
    assert sum(at["violations"] for at in report["trend"]) == 2
    assert report["flags"]["toxicity"]["false_alarm_share"] == 0.5
    assert [false in pattern["example_trace_ids"] for pattern in report["patterns"]] == [False]

    trace = await api.get(f"/traces/{false}")
    assert (trace["is_safe"], trace["safety_flags"], trace["hits"]) == (True, [], [])
    assert (trace["dismissed_flags"], trace["dismissed_hits"]) == (["toxicity"], ["alarm"])
    assert trace["scores"]["alarm"]["value"] == 0.9
    assert (trace["reviewed"], trace["verdicts"]) == (True, {"toxicity": "false_alarm"})
    waits = await api.get(f"/traces/{place}")
    assert (waits["reviewed"], waits["verdicts"]) == (False, {})
    assert await listed(api, "flag = toxicity") == {true, place}
    assert await listed(api, "not is_safe") == {true, place}
    assert await listed(api, "dismissed_flag = toxicity") == {false}
    assert await listed(api, "label = false_alarm") == {false}
    assert await listed(api, "label in (true_alarm, score)") == {true}
    assert await listed(api, "reviewed") == {false, true}
    assert await listed(api, "not reviewed") == {place, safe}

    await choose(api, dismissed=False)
    await settle(api)
    assert await figures(api) == (3, 3, 3, 0, 1)
    assert (await api.get(f"/traces/{false}"))["hits"] == ["alarm"]


async def test_a_label_taken_back_or_overruled_counts_again(api: ApiRig) -> None:
    await choose(api, dismissed=True)
    first, second = await api.store(DANGER, DANGER)
    given = await label(api, first, FALSE)
    await label(api, second, {**FALSE, "finding": "alarm"})
    await settle(api)
    assert await figures(api) == (0, 0, 2, 2, 2)
    gone = await api.client.delete(f"/traces/{first}/labels/{given}")
    assert gone.status_code == 204
    await label(api, second, TRUE)  # the label of the flag replaces nothing, and is the newest
    await settle(api)
    assert await figures(api) == (2, 2, 2, 0, 0)
    assert (await api.get(f"/traces/{second}"))["dismissed_flags"] == []


async def test_a_dismissed_call_that_is_erased_leaves_nothing(api: ApiRig) -> None:
    await choose(api, dismissed=True)
    (trace_id,) = await api.store(DANGER)
    await label(api, trace_id, FALSE)
    async with api.worker.engine.begin() as connection:
        await connection.exec_driver_sql("DELETE FROM traces")
        await connection.exec_driver_sql("DELETE FROM rollup_batches")
    await settle(api)
    assert await figures(api) == (0, None, None, None, None)


async def test_a_dismissed_flag_can_be_labelled_again_and_needs_no_review(api: ApiRig) -> None:
    await choose(api, dismissed=True)
    (trace_id,) = await api.store(DANGER)
    await label(api, trace_id, FALSE)
    await settle(api)
    assert (await api.get("/review/next", filter="dismissed_flag exists"))["traces"] == []
    again = await api.post(f"/traces/{trace_id}/labels", {**TRUE, "finding": "alarm"})
    assert again.json()["flag"] == "toxicity"
