"""GET /metrics/agreement: evaluators beside labels and feedback, and raters beside one another."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from app.access.administration import KeyRequest, Line, issue_key, make_project
from app.catalogue import list_judges, publish_judges
from app.schemas.projects import ProjectSettings
from app.storage.engine import writing
from tests.integration.api_rig import ApiRig, running_api
from tests.integration.test_policy import command
from tests.integration.worker_rig import Alarm, WordCount

SAFE = {"prompt": "hello", "response": "two words", "model_name": "gpt-4"}
DANGER = {**SAFE, "response": "danger here"}
POOR = {**SAFE, "response": "no"}


@pytest.fixture
async def api(database_url: str, redis_url: str) -> AsyncIterator[ApiRig]:
    async with running_api(database_url, redis_url) as rig:
        await publish_judges(rig.services.redis, list_judges([WordCount(), Alarm()]))
        yield rig


async def say(api: ApiRig, trace_id: str, *, there: bool, finding: str = "alarm") -> None:
    verdict = "true_alarm" if there else "false_alarm"
    response = await api.post(f"/traces/{trace_id}/labels", {"finding": finding, "verdict": verdict})
    assert response.status_code == 201, response.text


async def compared(api: ApiRig, evaluator: str, against: str, **asked: str) -> Mapping[str, Any]:
    report = await api.get("/metrics/agreement", time_period="1h", **asked)
    found = [
        one for one in report["comparisons"] if (one["evaluator"], one["against"]) == (evaluator, against)
    ]
    assert len(found) == 1, report
    return dict(found[0])


def counts(found: Mapping[str, Any]) -> tuple[int, ...]:
    return tuple(found[name] for name in ("n", "agreed", "positives", "flagged"))


async def test_labels_of_flagged_calls_alone_give_no_recall(api: ApiRig) -> None:
    ids = await api.store(*[DANGER] * 4, *[SAFE] * 2)
    for number, trace_id in enumerate(ids[:4]):
        await say(api, trace_id, there=number != 0, finding="toxicity")
    found = await compared(api, "alarm", "findings")
    assert counts(found) == (4, 3, 3, 4)
    assert found["precision"]["estimate"] == 0.75
    assert (found["recall"], found["kappa"], found["estimated"]) == (None, None, None)
    assert found["reasons"].keys() == {"recall", "kappa"}
    assert "flagged" in found["reasons"]["recall"]
    assert "nothing can be claimed" in found["sentence"]
    (bin_,) = found["calibration"]
    assert (bin_["n"], bin_["mean_value"], bin_["true_share"]) == (4, 0.9, 0.75)


async def test_labels_of_other_calls_give_recall_kappa_and_an_estimate_of_all(api: ApiRig) -> None:
    ids = await api.store(*[DANGER] * 12, *[SAFE] * 24)
    flagged, others = ids[:12], ids[12:]
    for number, trace_id in enumerate(flagged):
        await say(api, trace_id, there=number < 9)
    for number, trace_id in enumerate(others[:12]):
        await say(api, trace_id, there=number < 3)
    found = await compared(api, "alarm", "findings")
    assert counts(found) == (24, 18, 12, 12)
    assert found["recall"]["estimate"] == 0.75
    assert found["kappa"]["estimate"] == pytest.approx(0.5)
    assert found["reasons"] == {}
    # Of 24 unflagged calls, a quarter was missed as of the labelled ones.
    assert found["estimated"]["prevalence"]["estimate"] == pytest.approx((9 + 6) / 36)
    assert found["estimated"]["recall"]["estimate"] == pytest.approx(9 / 15)
    assert "more than chance" in found["sentence"]
    filtered = await compared(api, "alarm", "findings", filter="flag = toxicity")
    assert counts(filtered) == (12, 9, 9, 12)
    assert filtered["recall"] is None


async def test_quality_stands_beside_scores_and_feedback(api: ApiRig) -> None:
    good, poor, between = await api.store(SAFE, POOR, SAFE)
    for trace_id, score in ((good, 0.9), (poor, 0.1)):
        assert (await api.post(f"/traces/{trace_id}/labels", {"score": score})).status_code == 201
    for trace_id, rating in ((good, 5), (good, 4), (poor, 5), (between, 3)):
        body = {"trace_id": trace_id, "rating": rating}
        assert (await api.post("/feedback", body)).status_code == 201
    scores = await compared(api, "coherence", "scores")
    assert counts(scores) == (2, 2, 1, 1)
    assert (scores["precision"]["estimate"], scores["recall"]["estimate"]) == (1.0, 1.0)
    feedback = await compared(api, "coherence", "feedback")
    assert counts(feedback) == (2, 1, 0, 1)  # a rating of 3 is neither good nor bad
    assert feedback["reasons"]["rank_correlation"].startswith("it takes four calls")
    overall = await compared(api, "overall_quality", "scores")
    assert overall["n"] == 2
    report = await api.get("/metrics/agreement", time_period="1h")
    assert (report["labelled_calls"], report["rated_calls"]) == (2, 3)


async def test_two_raters_of_one_finding_are_compared(api: ApiRig) -> None:
    ids = await api.store(*[DANGER] * 4)
    for number, trace_id in enumerate(ids):
        await say(api, trace_id, there=number < 2)
    async with api.worker.engine.begin() as connection:
        await connection.exec_driver_sql(
            "INSERT INTO labels (project_id, trace_id, label_id, occurred_at, trace_source, finding, flag, label,"
            " value, actor, created_at) SELECT project_id, trace_id, gen_random_uuid(), occurred_at, trace_source,"
            " finding, flag, 'true_alarm', 1, 'key other', created_at - interval '1 min' FROM labels"
        )
    report = await api.get("/metrics/agreement", time_period="1h")
    (found,) = report["raters"]
    assert (found["flag"], found["n"], found["agreed"]) == ("toxicity", 4, 2)
    assert found["kappa"]["estimate"] == 0.0
    assert counts(await compared(api, "alarm", "findings")) == (2, 2, 2, 2)  # ties are left out


async def test_without_labels_it_says_so_and_a_wrong_filter_is_refused(api: ApiRig) -> None:
    await api.store(DANGER)
    report = await api.get("/metrics/agreement", time_period="1h")
    assert (report["comparisons"], report["raters"], report["labelled_calls"]) == ([], [], 0)
    assert report["message"].startswith("Nobody labelled or rated")
    wrong = await api.client.get("/metrics/agreement", params={"filter": "flag >"})
    assert wrong.status_code == 422


@pytest.mark.long
async def test_labels_propose_a_threshold(api: ApiRig) -> None:
    ids = await api.store(*[DANGER] * 12, *[SAFE] * 12)
    printed = await command(api, "calibrate", "--from-labels", "--from", "1h")
    assert "nobody labelled a finding of default" in printed.stdout, printed.stderr
    for number, trace_id in enumerate(ids):
        await say(api, trace_id, there=number < 12)
    decided = await api.client.patch("/policy", json={"thresholds": {"alarm": 0.95}})
    assert decided.status_code == 200
    printed = await command(api, "calibrate", "--from-labels", "--from", "1h", "--apply")
    assert "1 thresholds of default are set" in printed.stdout, printed.stderr
    assert (await api.get("/policy"))["evaluators"]["alarm"]["threshold"] == 0.5


async def test_another_project_reads_and_labels_nothing_of_this_one(api: ApiRig) -> None:
    (trace_id,) = await api.store(DANGER)
    await say(api, trace_id, there=True)
    line = Line("shop", "test", datetime.now(UTC))
    async with writing(api.services.engine) as connection:
        await make_project(connection, line, "Shop", ProjectSettings())
        request = KeyRequest(name="theirs", scopes=("admin",), expires_at=None)
        _, token = await issue_key(connection, line, request)
    await api.services.authenticator.keyring.refresh()
    await api.services.projects.refresh()
    theirs = {"authorization": f"Bearer {token}"}
    report = await api.client.get("/metrics/agreement", headers=theirs)
    assert (report.status_code, report.json()["labelled_calls"]) == (200, 0)
    refused = await api.post(f"/traces/{trace_id}/labels", {"score": 0}, **theirs)
    assert refused.status_code == 404
    listed = await api.client.get("/traces", params={"filter": "label = true_alarm"}, headers=theirs)
    assert listed.json()["traces"] == []
    own = await api.client.get("/projects/default/settings", headers=theirs)
    assert own.status_code in {403, 404}
