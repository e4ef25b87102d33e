"""Evaluations of any length: what is accepted, what stays behind, and what becomes of the items."""

from __future__ import annotations

import gzip
import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from app.jobs import Runner
from app.jobs.evaluations import Evaluations
from app.jobs.kinds import JobKind
from tests.integration.api_rig import PROBLEM, ApiRig, running_api

CALL = {"prompt": "hello", "response": "two words", "model_name": "gpt-4"}
NDJSON = "application/x-ndjson"


def calls(count: int, **fields: Any) -> Iterator[bytes]:
    for number in range(count):
        yield json.dumps({**CALL, "prompt": f"hello {number}", **fields}).encode()


async def post(api: ApiRig, content: Any, media: str = NDJSON, **headers: str) -> Any:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return await api.client.post("/evaluate", content=content, headers={"content-type": media, **named})


async def work(api: ApiRig, rounds: int = 200) -> None:
    """Take steps and score what they queue, until the job has ended."""
    runner = Runner(api.worker.engine, api.worker.redis, {JobKind.EVALUATE: Evaluations(api.worker.redis)})
    for _ in range(rounds):
        async with api.worker.engine.begin() as connection:
            await connection.exec_driver_sql("UPDATE jobs SET due_at = now() WHERE state = 'running'")
        if not await runner.turn():
            return
        await api.worker.drain()
    raise AssertionError("the job has no end")


async def results(api: ApiRig, location: str, limit: int = 1000) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    cursor: dict[str, str] = {}
    while True:
        page = await api.get(f"{location}/results", limit=limit, **cursor)
        found += page["results"]
        if page["next"] is None:
            return found
        cursor = {"cursor": page["next"]}


async def test_a_long_body_becomes_a_job_and_its_results_keep_the_order(api: ApiRig) -> None:
    lines = list(calls(1_300))
    lines[700] = b"{not json"
    lines[1_250] = json.dumps({"prompt": "x"}).encode()
    answer = await post(api, b"\n".join(lines))
    assert answer.status_code == 202, answer.text
    body = answer.json()
    assert (body["total"], body["rejected"], body["state"]) == (1_298, 2, "running")
    assert [one["line"] for one in body["errors"]] == [701, 1_251]
    assert await api.worker.value("SELECT count(*)::int FROM traces") == 0
    location = answer.headers["location"]
    assert {one["state"] for one in await results(api, location)} == {"pending"}
    await work(api)
    after = await api.get(location)
    assert (after["state"], after["evaluated_count"], after["failed_count"]) == ("done", 1_298, 0)
    found = await results(api, location, limit=333)
    assert [one["line"] for one in found] == [n for n in range(1, 1_301) if n not in {701, 1_251}]
    assert {one["state"] for one in found} == {"scored"}
    assert found[0]["scores"] == {"coherence": 1.0, "alarm": 0.1}
    prompts = await api.worker.rows("SELECT trace_id::text AS id, prompt, source FROM traces")
    by_id = {row["id"]: row for row in prompts}
    assert [by_id[one["trace_id"]]["prompt"] for one in found] == [f"hello {one['line'] - 1}" for one in found]
    assert {row["source"] for row in prompts} == {"evaluate"}
    kept = await api.worker.rows("SELECT count(payload) AS kept, sum(size)::int AS size FROM evaluation_parts")
    assert kept == [{"kept": 0, "size": 0}]


@pytest.mark.parametrize("media", ["application/json", NDJSON, "text/csv"])
async def test_every_form_gives_the_same_items(api: ApiRig, media: str) -> None:
    count = 1_100
    match media:
        case "application/json":
            content = b"[" + b",".join(calls(count)) + b"]"
        case "text/csv":
            content = b"prompt,response,model_name\n" + b"".join(
                b'hello %d,"two ""words"",\nhere",gpt-4\n' % n for n in range(count)
            )
        case _:
            content = b"\n".join(calls(count))
    answer = await post(api, gzip.compress(content), media, content_encoding="gzip")
    assert (answer.status_code, answer.json()["total"]) == (202, count), answer.text
    await work(api)
    assert await api.worker.value("SELECT count(DISTINCT prompt)::int FROM traces") == count


async def broken(lines: Iterator[bytes]) -> AsyncIterator[bytes]:
    for line in lines:
        yield line + b"\n"
    raise ConnectionResetError


async def test_a_body_that_breaks_off_leaves_nothing(api: ApiRig) -> None:
    with pytest.raises(ConnectionResetError):
        await post(api, broken(calls(2_600)))
    cut = await post(api, b"[" + b",".join(calls(2_000)) + b",", "application/json")
    assert (cut.status_code, cut.headers["content-type"]) == (400, PROBLEM)
    whole = gzip.compress(b"\n".join(calls(20_000, tags=["x" * 100])))
    short = await post(api, whole[:-100], content_encoding="gzip")
    assert short.status_code == 400
    assert await api.worker.rows("SELECT * FROM jobs UNION ALL SELECT * FROM jobs") == []
    assert await api.worker.value("SELECT count(*)::int FROM evaluation_parts") == 0


async def test_a_retry_with_the_same_key_gets_the_first_evaluation(api: ApiRig) -> None:
    content = b"\n".join(calls(1_100))
    first = await post(api, content, idempotency_key="k")
    again = await post(api, content, idempotency_key="k")
    other = await post(api, content, idempotency_key="l")
    assert first.json()["job_id"] == again.json()["job_id"] != other.json()["job_id"]
    assert again.json()["total"] == 1_100
    assert await api.worker.value("SELECT count(*)::int FROM jobs") == 2


async def test_what_the_queue_lost_is_queued_again_and_stored_once(api: ApiRig) -> None:
    answer = await post(api, b"\n".join(calls(1_200)))
    runner = Runner(api.worker.engine, api.worker.redis, {JobKind.EVALUATE: Evaluations(api.worker.redis)})
    assert await runner.turn()
    await api.worker.redis.flushall()
    await work(api)
    after = await api.get(answer.headers["location"])
    assert (after["state"], after["evaluated_count"]) == ("done", 1_200)
    assert await api.worker.value("SELECT count(*)::int FROM traces") == 1_200


async def test_a_cancelled_evaluation_keeps_what_is_scored_and_forgets_the_rest(api: ApiRig) -> None:
    answer = await post(api, b"\n".join(calls(6_000)))
    location = answer.headers["location"]
    runner = Runner(api.worker.engine, api.worker.redis, {JobKind.EVALUATE: Evaluations(api.worker.redis)})
    assert await runner.turn()
    await api.worker.drain()
    ended = await api.client.delete(f"/jobs/{answer.json()['job_id']}")
    assert ended.status_code == 200
    await work(api)
    assert (await api.get(location))["state"] == "cancelled"
    assert await api.worker.value("SELECT count(*)::int FROM traces") == 4_000
    assert await api.worker.value("SELECT count(payload)::int FROM evaluation_parts") == 0


@pytest.mark.parametrize(
    ("settings", "content", "status", "words"),
    [
        ({"evaluation_body_bytes": 100_000}, b"\n".join(calls(3_000)), 413, "100000 bytes"),
        ({}, b"x\n" * 1_200, 422, "None of the 1200"),
        ({}, b"\n".join(calls(1_200)).decode().encode("utf-16"), 400, "UTF-16"),
    ],
)
async def test_a_body_that_is_not_accepted_says_why(
    database_url: str, redis_url: str, settings: Any, content: bytes, status: int, words: str
) -> None:
    async with running_api(database_url, redis_url, **settings) as api:
        answer = await post(api, content)
        assert (answer.status_code, answer.headers["content-type"]) == (status, PROBLEM)
        assert words in answer.text
        assert await api.worker.value("SELECT count(*)::int FROM evaluation_parts") == 0
