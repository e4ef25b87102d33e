"""Several people who label the same finding: what counts, who is asked, and how far they agree."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest

from app.access.administration import KeyRequest, Line, issue_key
from app.catalogue import list_judges, publish_judges
from app.storage.engine import writing
from monitoring.clock import now_utc
from tests.integration.api_rig import ApiRig, running_api
from tests.integration.worker_rig import Alarm, WordCount

DANGER = {"prompt": "hello", "response": "danger here", "model_name": "gpt-4"}
SAFE = {**DANGER, "response": "two words"}
People = Mapping[str, Mapping[str, str]]


@pytest.fixture
async def api(database_url: str, redis_url: str) -> AsyncIterator[ApiRig]:
    async with running_api(database_url, redis_url) as rig:
        await publish_judges(rig.services.redis, list_judges([WordCount(), Alarm()]))
        yield rig


async def hire(api: ApiRig, *names: str) -> People:
    """Give people a key each, by which they are told apart; returns their headers."""
    line, found = Line("default", "test", now_utc()), {}
    async with writing(api.services.engine) as connection:
        for name in names:
            request = KeyRequest(name=name, scopes=("admin",), expires_at=None)
            _, token = await issue_key(connection, line, request)
            found[name] = {"authorization": f"Bearer {token}"}
    await api.services.authenticator.keyring.refresh()
    return found


async def say(
    api: ApiRig, who: Mapping[str, str], trace_id: str, verdict: str, finding: str = "toxicity"
) -> None:
    body = {"finding": finding, "verdict": f"{verdict}_alarm"}
    response = await api.post(f"/traces/{trace_id}/labels", body, **who)
    assert response.status_code == 201, response.text


async def ask(api: ApiRig, who: Mapping[str, str], path: str, **asked: Any) -> Any:
    response = await api.client.get(path, params=asked, headers=who)
    assert response.status_code == 200, response.text
    return response.json()


async def queue(api: ApiRig, who: Mapping[str, str], **asked: Any) -> list[str]:
    return [one["trace_id"] for one in (await ask(api, who, "/review/next", **asked))["traces"]]


async def want_raters(api: ApiRig, who: Mapping[str, str], raters: int) -> int:
    body = json.dumps({"review": {"raters": raters}})
    headers = {"content-type": "application/merge-patch+json", **who}
    path = "/projects/default/settings"
    return (await api.client.patch(path, content=body, headers=headers)).status_code


async def test_the_majority_counts_and_a_tie_stays_open(api: ApiRig) -> None:
    (trace_id,) = await api.store(DANGER)
    people = await hire(api, "ann", "bob", "cy")
    ann, bob, cy = people.values()

    async def counted() -> tuple[Any, ...]:
        of_flag = (await ask(api, ann, "/metrics/safety", time_period="1h"))["flags"]["toxicity"]
        shown = await ask(api, ann, f"/traces/{trace_id}")
        listed = await ask(api, ann, "/traces", filter="reviewed")
        return (
            of_flag["reviewed"],
            of_flag["false_alarms"],
            shown["verdicts"].get("toxicity"),
            shown["reviewed"],
            len(listed["traces"]),
        )

    assert await counted() == (0, 0, None, False, 0)
    await say(api, ann, trace_id, "false")
    assert await counted() == (1, 1, "false_alarm", True, 1)
    await say(api, bob, trace_id, "true")
    assert await counted() == (0, 0, None, False, 0)
    assert len((await ask(api, ann, f"/traces/{trace_id}"))["labels"]) == 2
    await say(api, cy, trace_id, "true")
    assert await counted() == (1, 0, "true_alarm", True, 1)
    await say(api, bob, trace_id, "false")  # he changes his mind, and has one vote still
    assert await counted() == (1, 1, "false_alarm", True, 1)


async def test_a_tie_is_asked_of_a_further_person_and_of_nobody_twice(api: ApiRig) -> None:
    (trace_id,) = await api.store(DANGER)
    people = await hire(api, "ann", "bob", "cy")
    ann, bob, cy = people.values()
    assert await queue(api, ann) == [trace_id]
    await say(api, ann, trace_id, "false")
    assert [await queue(api, one) for one in (ann, bob)] == [[], []]
    await say(api, bob, trace_id, "true")
    assert [await queue(api, one) for one in (ann, bob)] == [[], []]
    assert await queue(api, cy) == [trace_id]
    await say(api, cy, trace_id, "true")
    assert [await queue(api, one) for one in people.values()] == [[], [], []]


async def test_a_project_asks_for_several_raters(api: ApiRig) -> None:
    (first,), (low,) = await api.store(DANGER), await api.store(SAFE)
    people = await hire(api, "ann", "bob", "cy")
    ann, bob, cy = people.values()
    assert [await want_raters(api, ann, number) for number in (0, 11, 2)] == [422, 422, 200]
    assert await queue(api, ann) == [first]
    assert await queue(api, bob) == []  # ann has it
    await say(api, ann, first, "true")
    assert await queue(api, ann) == []
    assert await queue(api, bob) == [first]
    await say(api, bob, first, "true")
    assert await queue(api, cy) == []
    for who in (ann, bob):
        assert await queue(api, who, is_safe=True) == [low]
        await api.post(f"/traces/{low}/labels", {"score": 1}, **who)
    assert await queue(api, cy, is_safe=True) == []


async def test_raters_are_compared_with_one_another_and_ties_left_out_elsewhere(api: ApiRig) -> None:
    ids = await api.store(*[DANGER] * 4)
    people = await hire(api, "ann", "bob", "cy")
    ann, bob, cy = people.values()
    said = [
        ("true", "true", "true"),
        ("true", "true", "false"),
        ("false", "false", "false"),
        ("true", "false", ""),
    ]
    for trace_id, verdicts in zip(ids, said, strict=True):
        for who, verdict in zip((ann, bob, cy), verdicts, strict=True):
            if verdict:
                await say(api, who, trace_id, verdict)
    report = await ask(api, ann, "/metrics/agreement", time_period="1h")
    (raters,) = report["raters"]
    assert (raters["raters"], raters["findings"], raters["n"], raters["agreed"]) == (3, 4, 10, 7)
    assert raters["share_agreed"]["estimate"] == pytest.approx(0.7)
    assert raters["alpha"]["low"] <= raters["alpha"]["estimate"] <= raters["alpha"]["high"]
    (alarm,) = [one for one in report["comparisons"] if one["evaluator"] == "alarm"]
    assert (alarm["n"], alarm["positives"]) == (3, 2)  # the tie is left out
    exported = await api.client.get("/export", params={"kind": "labelled", "format": "ndjson"}, headers=ann)
    rows = [json.loads(line) for line in exported.text.splitlines()]
    assert sorted(row["label"] for row in rows) == [0, 1, 1]
