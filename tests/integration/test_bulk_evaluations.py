"""Evaluations of any length: what is accepted, what stays behind, and what becomes of the items."""

from __future__ import annotations

import csv
import gzip
import io
import json
from collections.abc import AsyncIterator, Iterator
from typing import Any
from uuid import UUID, uuid4

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from app.jobs import Runner
from app.jobs.erasure import Erasure
from app.jobs.evaluations import Evaluations
from app.jobs.kinds import JobKind
from app.storage.engine import Connection, writing
from app.storage.evaluations.parts import (
    Part,
    add_part,
    delete_parts_of,
    drop_payloads,
    forget_parts_without_job,
    list_ids,
    lock_open_parts,
    waiting_bytes,
)
from app.storage.evaluations.results import read_results
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
    assert [by_id[one["trace_id"]]["prompt"] for one in found] == [
        f"hello {one['line'] - 1}" for one in found
    ]
    assert {row["source"] for row in prompts} == {"evaluate"}
    kept = await api.worker.rows(
        "SELECT count(payload) AS kept, sum(size)::int AS size FROM evaluation_parts"
    )
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
    assert (await post(api, broken(calls(2_600)))).status_code == 500
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


async def test_erasing_a_user_reaches_what_waits_for_the_queue(api: ApiRig) -> None:
    lines = list(calls(5_200, user_id="bob"))
    mine = (0, 3_000, 4_600, 5_100)
    for number in mine:
        lines[number] = json.dumps({**CALL, "prompt": "mine", "user_id": "zoe"}).encode()
    answer = await post(api, b"\n".join(lines))
    location = answer.headers["location"]
    evaluating = Evaluations(api.worker.redis)
    assert await Runner(api.worker.engine, api.worker.redis, {JobKind.EVALUATE: evaluating}).turn()
    erased = await api.client.delete("/users/zoe")
    eraser = Erasure(api.worker.engine, api.worker.redis, ())
    both = Runner(api.worker.engine, api.worker.redis, {JobKind.ERASE: eraser, JobKind.EVALUATE: evaluating})
    for _ in range(60):
        async with api.worker.engine.begin() as connection:
            await connection.exec_driver_sql("UPDATE jobs SET due_at = now() WHERE state <> 'done'")
        if not await both.turn():
            break
        await api.worker.drain()
    assert (await api.get(erased.headers["location"]))["state"] == "done"
    assert (await api.get(location))["state"] == "done"
    assert await api.worker.rows("SELECT user_id, count(*)::int AS n FROM traces GROUP BY 1") == [
        {"user_id": "bob", "n": 5_200 - len(mine)}
    ]
    gone = [one["line"] for one in await results(api, location) if one["state"] == "deleted"]
    assert gone == [number + 1 for number in mine]


async def age(connection: Connection, job_id: UUID, hours: int) -> None:
    await connection.exec_driver_sql(
        "UPDATE evaluation_parts SET created_at = now() - make_interval(hours => $1) WHERE job_id = $2",
        (hours, job_id),
    )


async def test_upkeep_deletes_what_a_killed_process_left(api: ApiRig) -> None:
    answer = await post(api, b"\n".join(calls(1_200)))
    kept = answer.json()["job_id"]
    async with writing(api.worker.engine) as connection:
        for hours in (2, 0):
            lost = uuid4()
            part = Part(part=1, first_item=1, lines=[1], trace_ids=[uuid4()], payload=b"x")
            await add_part(connection, "default", lost, part)
            await age(connection, lost, hours)
        await age(connection, UUID(kept), 24)
        await forget_parts_without_job(connection)
    found = await api.worker.rows("SELECT job_id::text AS id FROM evaluation_parts GROUP BY 1")
    assert {row["id"] for row in found} == {kept, str(lost)}


async def test_another_project_sees_nothing_of_an_evaluation(api: ApiRig) -> None:
    answer = await post(api, b"\n".join(calls(1_100)))
    job_id = answer.json()["job_id"]
    async with api.worker.engine.begin() as connection:
        await connection.exec_driver_sql("INSERT INTO projects (project_id, name) VALUES ('bank', 'Bank')")
        assert await read_results(connection, "bank", UUID(job_id), 0, 100, flat=False) == []
        assert await lock_open_parts(connection, "bank", UUID(job_id), 100) == []
        assert await list_ids(connection, "bank", UUID(job_id), 100) == []
        assert await waiting_bytes(connection, "bank") == 0
        await drop_payloads(connection, "bank", UUID(job_id))
        await delete_parts_of(connection, "bank", UUID(job_id))
        assert await waiting_bytes(connection, "default") > 0


@pytest.mark.parametrize("form", ["ndjson", "csv", "parquet"])
async def test_results_come_as_a_file_in_every_form(api: ApiRig, form: str) -> None:
    answer = await post(api, b"\n".join(calls(1_100)))
    await work(api)
    place = f"{answer.headers['location']}/results"
    media = {"ndjson": NDJSON, "csv": "text/csv", "parquet": "application/vnd.apache.parquet"}[form]
    by_accept = await api.client.get(place, headers={"accept": media})
    by_name = await api.client.get(place, params={"format": form})
    assert by_accept.content == by_name.content
    assert by_accept.headers["content-type"].partition(";")[0] == media
    rows: list[Any]
    match form:
        case "ndjson":
            rows = [json.loads(line) for line in by_name.content.splitlines()]
        case "csv":
            rows = list(csv.DictReader(io.StringIO(by_name.text)))
        case _:
            rows = pq.read_table(io.BytesIO(by_name.content)).to_pylist()
    assert [int(row["line"]) for row in rows] == list(range(1, 1_101))
    assert {row["state"] for row in rows} == {"scored"}


async def test_parquet_and_a_file_of_a_form_are_read(api: ApiRig) -> None:
    table = pa.Table.from_pylist(
        [{**CALL, "prompt": f"hello {n}", "tags": ["a", "b"], "shelf": n} for n in range(1_200)]
    )
    written = io.BytesIO()
    pq.write_table(table, written)
    plain = await post(api, written.getvalue(), "application/vnd.apache.parquet")
    sent = [
        await api.client.post("/evaluate", files={"other": ("a.txt", b"x"), "file": (name, content)})
        for name, content in (
            ("calls.parquet", written.getvalue()),
            ("calls.jsonl", b"\n".join(calls(1_200))),
            ("calls.csv.gz", gzip.compress(b"prompt,response\n" + b"a,b\n" * 1_200)),
        )
    ]
    assert [one.json().get("total") for one in (plain, *sent)] == [1_200] * 4
    await work(api)
    first = (await results(api, plain.headers["location"]))[7]["trace_id"]
    trace = await api.get(f"/traces/{first}")
    assert (trace["prompt"], trace["tags"], trace["metadata"]) == ("hello 7", ["a", "b"], {"shelf": 7})


@pytest.mark.parametrize(
    ("name", "content", "status"),
    [
        ("calls.txt", b"x", 415),
        ("calls.parquet", b"PAR1 and no more", 400),
        ("calls.csv", b"", 400),
        ("calls.jsonl.gz", b"not gzip", 400),
    ],
)
async def test_a_file_that_cannot_be_read_says_why(
    api: ApiRig, name: str, content: bytes, status: int
) -> None:
    answer = await api.client.post("/evaluate", files={"file": (name, content)})
    assert (answer.status_code, answer.headers["content-type"]) == (status, PROBLEM), answer.text


@pytest.mark.parametrize(("others", "queued"), [(0, 8), (1, 1), (2_001, 1)])
async def test_while_others_send_calls_fewer_parts_are_queued(api: ApiRig, others: int, queued: int) -> None:
    await post(api, b"\n".join(calls(6_000)))
    if others:
        await api.post("/monitor/inferences", [CALL] * others)
    runner = Runner(api.worker.engine, api.worker.redis, {JobKind.EVALUATE: Evaluations(api.worker.redis)})
    assert await runner.turn()
    states = await api.worker.rows("SELECT count(*)::int AS n FROM evaluation_parts WHERE state = 'queued'")
    assert states == [{"n": queued}]
