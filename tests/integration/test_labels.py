"""Labels of people: given, replaced, taken back, counted per flag, and gone with their call."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from app.catalogue import list_judges, publish_judges
from tests.integration.api_rig import ApiRig, running_api
from tests.integration.worker_rig import Alarm, WordCount

SAFE = {"prompt": "hello", "response": "two words", "model_name": "gpt-4"}
DANGER = {**SAFE, "response": "danger here"}
FALSE = {"finding": "toxicity", "verdict": "false_alarm"}
TRUE = {"finding": "alarm", "verdict": "true_alarm"}


@pytest.fixture
async def api(database_url: str, redis_url: str) -> AsyncIterator[ApiRig]:
    async with running_api(database_url, redis_url) as rig:
        await publish_judges(rig.services.redis, list_judges([WordCount(), Alarm()]))
        yield rig


async def label(api: ApiRig, trace_id: str, body: Any) -> dict[str, Any]:
    response = await api.post(f"/traces/{trace_id}/labels", body)
    assert response.status_code == 201, response.text
    given: dict[str, Any] = response.json()
    return given


async def counts(api: ApiRig, **asked: str) -> tuple[int, ...]:
    """What the safety report says of toxicity: flagged, reviewed, false alarms, reported ones."""
    report = await api.get("/metrics/safety", time_period="1h", **asked)
    of_flag = report["flags"]["toxicity"]
    return tuple(of_flag[name] for name in ("flagged", "reviewed", "false_alarms", "reported_false_alarms"))


async def test_labels_are_shown_and_counted_and_the_newest_decides(api: ApiRig) -> None:
    first, second, third, safe = await api.store(DANGER, DANGER, {**DANGER, "tags": ["x"]}, SAFE)
    given = await label(api, first, {**FALSE, "comment": "a quote\0"})
    assert (given["flag"], given["value"], given["source"]) == ("toxicity", 0.0, "human")
    assert given["comment"] == "a quote\N{REPLACEMENT CHARACTER}"
    assert (await api.get(f"/traces/{first}"))["labels"] == [given]
    await label(api, second, TRUE)
    place = {"field": "response", "start": 0, "end": 6}
    await label(api, third, {**FALSE, "evidence": place})  # one place decides nothing
    await label(api, safe, {"score": 0.8})
    opinion = {"trace_id": third, "rating": 2, "categories": ["false_alarm"]}
    assert (await api.post("/feedback", opinion)).status_code == 201
    assert await counts(api) == (3, 2, 1, 1)
    assert await counts(api, filter="tag = x") == (1, 0, 0, 1)

    changed = await label(api, first, {**FALSE, "verdict": "true_alarm"})
    assert (await api.get(f"/traces/{first}"))["labels"] == [changed]
    assert await counts(api) == (3, 2, 0, 1)
    gone = await api.client.delete(f"/traces/{first}/labels/{changed['label_id']}")
    assert gone.status_code == 204
    assert await counts(api) == (3, 1, 0, 1)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "score"),
        ({**FALSE, "score": 0.5}, "score"),
        ({"finding": "toxicity"}, "verdict"),
        ({"verdict": "true_alarm"}, "verdict"),
        ({"score": 1.5}, None),
        ({"finding": "bias", "verdict": "true_alarm"}, "finding"),
        ({**FALSE, "evidence": {"field": "response", "start": 4, "end": 4}}, "evidence"),
        ({**FALSE, "evidence": {"field": "output", "start": 0, "end": 4}}, None),
        ({**FALSE, "comment": "x" * 10_001}, None),
        ({**FALSE, "rater": "me"}, None),
    ],
)
async def test_a_label_that_makes_no_sense_is_refused(api: ApiRig, body: Any, field: str | None) -> None:
    (trace_id,) = await api.store(DANGER)
    response = await api.post(f"/traces/{trace_id}/labels", body)
    assert response.status_code == 422
    if field:
        assert [error["field"] for error in response.json()["errors"]] == [field]
    assert (await api.get(f"/traces/{trace_id}"))["labels"] == []


async def test_a_call_has_a_bounded_number_of_labels(api: ApiRig) -> None:
    (trace_id,) = await api.store(DANGER)
    async with api.worker.engine.begin() as connection:
        await connection.exec_driver_sql(
            "INSERT INTO labels (project_id, trace_id, label_id, occurred_at, trace_source, label, value, actor,"
            " created_at) SELECT project_id, trace_id, gen_random_uuid(), occurred_at, source, 'score', 1,"
            " 'key ' || n, now() FROM traces, generate_series(1, 200) AS n"
        )
    assert (await api.post(f"/traces/{trace_id}/labels", FALSE)).status_code == 409


async def claim(api: ApiRig, reviewer: str, **asked: Any) -> list[str]:
    found = await api.get("/review/next", reviewer=reviewer, **asked)
    return [one["trace_id"] for one in found["traces"]]


async def test_two_who_review_at_once_never_get_the_same_call(api: ApiRig) -> None:
    ids = await api.store(*[DANGER] * 30, SAFE)
    flagged = ids[:30]
    hands = await asyncio.gather(*(claim(api, f"r{number}", limit=4) for number in range(6)))
    given = [one for hand in hands for one in hand]
    assert len(given) == len(set(given))
    assert set(given) <= set(flagged)
    assert await claim(api, "r0", limit=4) == hands[0] or len(hands[0]) < 4
    rest = await claim(api, "late", limit=50)
    assert not {*rest} & {*given}


async def test_a_call_waits_until_its_flags_are_decided_and_a_claim_expires(api: ApiRig) -> None:
    # Calls of one request are in no order.
    (first,), (second, low) = await api.store(DANGER), await api.store(DANGER, {**SAFE, "tags": ["x"]})
    assert await claim(api, "ann") == [second, first]
    assert await claim(api, "bob") == []
    await label(api, first, {"score": 0.2})  # it says nothing about the flag
    await label(api, second, FALSE)
    assert await claim(api, "ann") == [first]
    async with api.worker.engine.begin() as connection:
        await connection.exec_driver_sql("UPDATE review_claims SET expires_at = now() - interval '1 s'")
    assert await claim(api, "bob") == [first]
    await label(api, first, TRUE)
    assert await claim(api, "bob") == []
    assert await claim(api, "bob", filter="tag = x") == [low]
    await label(api, low, {"score": 1})
    assert await claim(api, "bob", filter="tag = x") == []


@pytest.mark.parametrize(
    ("said", "freed"),
    [
        ({"score": 0.2}, False),
        ({"finding": "coherence", "verdict": "true_alarm"}, False),
        ({**TRUE, "evidence": {"field": "response", "start": 0, "end": 6}}, False),
        (TRUE, True),
        (FALSE, True),
    ],
)
async def test_a_call_stays_claimed_until_its_only_flag_is_decided(
    api: ApiRig, said: dict[str, Any], *, freed: bool
) -> None:
    (flagged,) = await api.store(DANGER)
    assert await claim(api, "ann") == [flagged]
    await label(api, flagged, said)
    assert await claim(api, "bob") == []
    async with api.worker.engine.begin() as connection:
        claims = await connection.exec_driver_sql("SELECT count(*) FROM review_claims")
        assert claims.scalar_one() == (0 if freed else 1)


async def test_the_rules_of_a_project_fill_the_queue(api: ApiRig) -> None:
    (flagged,), (low,), (liked,), (good,) = [
        await api.store(one) for one in (DANGER, {**SAFE, "response": "no"}, SAFE, SAFE)
    ]
    assert await claim(api, "ann") == [flagged]
    opinion = {"trace_id": liked, "rating": 1}
    assert (await api.post("/feedback", opinion)).status_code == 201
    rules = {"flagged": False, "quality_below": 0.45, "disagreeing": True}
    changed = await api.client.patch(
        "/projects/default/settings",
        json={"review": rules},
        headers={"content-type": "application/merge-patch+json"},
    )
    assert changed.status_code == 200, changed.text
    quality = [(await api.get(f"/traces/{one}"))["quality_score"] for one in (low, good)]
    assert quality[0] < 0.45 <= quality[1]
    assert await claim(api, "bob") == [liked, low]
    assert await claim(api, "cy", filter="rating <= 2") == []  # bob has it
    assert await claim(api, "cy", is_safe=True) == [good]
    wrong = await api.client.patch(
        "/projects/default/settings",
        json={"review": {"random_share": 2}},
        headers={"content-type": "application/merge-patch+json"},
    )
    assert wrong.status_code == 422
    half = await api.get("/traces", filter="chance < 0.5")
    rest = await api.get("/traces", filter="chance >= 0.5")
    assert len(half["traces"]) + len(rest["traces"]) == 4
