"""The thresholds and weights of a project.

They are shown, changed, proposed from its traffic, and applied by workers.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from typing import Any

import pytest

from app.catalogue import list_judges, publish_judges
from tests.integration.api_rig import PROBLEM, ApiRig, running_api
from tests.integration.worker_rig import ORDINARY, Alarm, WordCount

CALL = {"prompt": "hello", "response": "two words"}
MEASURES = """
SELECT measure, sum(hit)::int AS hits FROM rollups, unnest(measures, hits) AS m (measure, hit)
WHERE NOT covered AND dimension = 'all' AND measure IN ('alarm', 'coherence') GROUP BY 1 ORDER BY 1
"""


@pytest.fixture
async def api(database_url: str, redis_url: str) -> AsyncIterator[ApiRig]:
    async with running_api(database_url, redis_url) as rig:
        await publish_judges(rig.services.redis, list_judges([WordCount(), Alarm()]))
        yield rig


async def command(api: ApiRig, *arguments: str) -> subprocess.CompletedProcess[str]:
    settings = api.services.settings
    return await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-m", "app.cli.main", *arguments],
        env={
            **os.environ,
            "DATABASE_URL": settings.database_url or "",
            "REDIS_URL": settings.redis_url or "",
            "COLUMNS": "200",
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


async def test_a_policy_is_shown_beside_that_of_everybody(api: ApiRig) -> None:
    found = await api.get("/policy")
    assert (found["project_id"], found["decided"]) == ("default", None)
    alarm = found["evaluators"]["alarm"]
    assert (alarm["category"], alarm["flag"], alarm["threshold"], alarm["default_threshold"]) == (
        "safety", "toxicity", 0.5, 0.5,
    )  # fmt: skip
    assert found["evaluators"]["coherence"]["weight"] == 1.0


async def test_a_changed_policy_judges_records_and_rollups_from_then_on(api: ApiRig) -> None:
    await api.store(CALL)
    answer = await api.client.put(
        "/policy",
        json={"thresholds": {"alarm": 0.05}, "weights": {"coherence": 0}},
        headers={"If-Match": "*"},
    )
    assert answer.status_code == 200
    changed = answer.json()
    assert changed == await api.get("/policy")
    assert changed["decided"] == api.services.clock().date().isoformat()
    alarm = changed["evaluators"]["alarm"]
    assert (alarm["threshold"], alarm["default_threshold"]) == (0.05, 0.5)
    await api.worker.projects.refresh()  # what its loop does every other second
    await api.store(CALL)
    traces = (await api.get("/traces"))["traces"]
    assert [trace["is_safe"] for trace in traces] == [False, True]
    assert [trace["quality_score"] for trace in traces] == [None, ORDINARY]
    assert await api.worker.rows(MEASURES) == [
        {"measure": "alarm", "hits": 1},
        {"measure": "coherence", "hits": 0},
    ]


async def test_a_patch_of_the_policy_leaves_alone_what_it_does_not_name(api: ApiRig) -> None:
    for body in (
        {"thresholds": {"alarm": 0.05, "coherence": 0.3}},
        {"weights": {"coherence": 0.4}},
        {"thresholds": {"coherence": None}},
    ):
        answer = await api.client.patch("/policy", json=body)
        assert answer.status_code == 200, answer.text
    found = await api.client.get("/policy")
    evaluators = found.json()["evaluators"]
    assert [evaluators[name]["threshold"] for name in ("alarm", "coherence")] == [0.05, 0.5]
    assert evaluators["coherence"]["weight"] == 0.4
    assert answer.headers["etag"] == found.headers["etag"]
    assert (await api.client.patch("/policy", json={"weights": None})).json()["evaluators"]["coherence"][
        "weight"
    ] == 1.0


async def test_a_policy_is_replaced_only_knowingly(api: ApiRig) -> None:
    await api.client.patch("/policy", json={"thresholds": {"alarm": 0.05}})
    tag = (await api.client.get("/policy")).headers["etag"]
    body = {"weights": {"coherence": 0.4}}
    for headers, status in (({}, 428), ({"if-match": '"old"'}, 412)):
        refused = await api.client.put("/policy", json=body, headers=headers)
        assert (refused.status_code, refused.headers["content-type"]) == (status, PROBLEM)
        assert [one["field"] for one in refused.json()["errors"]] == ["thresholds.alarm"]
    assert (await api.client.put("/policy", json=body, headers={"if-match": tag})).status_code == 200
    assert (await api.client.put("/policy", json=body, headers={"if-match": tag})).status_code == 412
    large = await api.client.put("/policy", json={"weights": {"x" * 70_000: 1}}, headers={"if-match": "*"})
    assert large.status_code == 413


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"thresholds": {"alarm": 1.0}}, "thresholds.alarm"),
        ({"thresholds": {"alarms": 0.5}}, "thresholds.alarms"),
        ({"weights": {"alarm": 0.5}}, "weights.alarm"),
        ({"weights": {"coherence": -1}}, "weights.coherence"),
        ({"weights": {"coherence": 1e308}}, "weights.coherence"),
        ({"threshold": {}}, "threshold"),
    ],
)
async def test_a_policy_that_means_nothing_is_refused(
    api: ApiRig, body: dict[str, Any], field: str, method: str
) -> None:
    answer = await api.client.request(method, "/policy", json=body)
    assert (answer.status_code, answer.headers["content-type"]) == (422, PROBLEM)
    assert field in [error["field"].removeprefix("body.") for error in answer.json()["errors"]]
    assert (await api.get("/policy"))["decided"] is None


async def test_nothing_is_decided_before_a_worker_said_what_there_is(api: ApiRig) -> None:
    await api.services.redis.flushall()
    answer = await api.client.put("/policy", json={"thresholds": {"alarm": 0.4}})
    assert answer.status_code == 503
    assert "Retry-After" in answer.headers


async def test_thresholds_come_from_the_projects_own_traffic(api: ApiRig) -> None:
    await api.store(*({**CALL, "response": f"word{n} word"} for n in range(98)), {**CALL, "response": "one"})
    short = await api.get("/policy/proposal", rate=0.01)
    assert "99 of 1000 records" in short["coherence"]["reason"]
    await api.store({**CALL, "response": "danger here"})
    found = await api.get("/policy/proposal", rate=0.1, time_period="1h")
    assert found["alarm"] == {
        "records": 100, "current": 0.5, "beyond": 1, "proposed": 0.5, "beyond_then": 1, "reason": None,
    }  # fmt: skip
    assert (found["coherence"]["beyond"], found["coherence"]["proposed"]) == (1, pytest.approx(0.625))
    printed = await command(api, "calibrate", "--rate", "0.1", "--from", "1h")
    assert printed.returncode == 0, printed.stderr
    assert "nothing was changed" in printed.stdout
    assert (await api.get("/policy"))["decided"] is None
    applied = await command(api, "calibrate", "--rate", "0.1", "--evaluator", "coherence", "--apply")
    assert "1 thresholds of default are set" in applied.stdout, applied.stderr
    evaluators = (await api.get("/policy"))["evaluators"]
    assert [evaluators[name]["threshold"] for name in ("alarm", "coherence")] == [0.5, pytest.approx(0.625)]


@pytest.mark.parametrize("rate", [0, 1, -0.1, "nan"])
async def test_a_rate_is_a_share(api: ApiRig, rate: object) -> None:
    answer = await api.client.get("/policy/proposal", params={"rate": str(rate)})
    assert answer.status_code == 422


async def test_the_command_shows_and_changes_a_policy(api: ApiRig) -> None:
    changed = await command(api, "policy", "--threshold", "alarm=0.8", "--weight", "coherence=0.4")
    assert changed.returncode == 0, changed.stderr
    shown = await command(api, "policy")
    assert changed.stdout == shown.stdout
    assert "0.8 (0.5)" in shown.stdout
    assert "0.4 (1)" in shown.stdout
    back = await command(api, "policy", "--threshold", "alarm=default")
    assert "0.8" not in back.stdout
    for arguments, complaint in (
        (("--threshold", "alarm=2"), "between 0 and 1"),
        (("--threshold", "alarm"), "evaluator=number"),
        (("--threshold", "nobody=0.5"), "thresholds: nobody is no evaluator"),
        (("--project", "nobody"), "no project nobody"),
    ):
        refused = await command(api, "policy", *arguments)
        assert refused.returncode == 2
        assert complaint in refused.stderr
