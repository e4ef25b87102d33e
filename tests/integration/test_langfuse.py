"""Scores of Langfuse's SDKs find their call whichever comes first, and batches become calls."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from app.access.administration import make_project
from app.schemas.projects import ProjectSettings
from app.storage.access.projects import save_settings
from app.storage.engine import writing
from app.storage.traces.erasure import delete_traces
from monitoring.privacy.redaction import Redaction
from tests.integration.api_rig import PROBLEM, ApiRig, running_api
from tests.integration.test_keys import issue, line
from tests.integration.test_otlp_logs import KEY, joining
from tests.integration.test_otlp_traces import CHAT, export
from tests.integration.truth import assert_rollups_equal_rows
from tests.unit.otlp.spans import START_NS, TRACE, protobuf_bytes, span
from workers.spans.late_content import ORPHANED_AFTER

SPANS, SCORES, BATCH = "/api/public/otel/v1/traces", "/api/public/scores", "/api/public/ingestion"
ROOT = span({"langfuse.observation.type": "span"}, number=9, milliseconds=900)
FIRST = span(CHAT, number=1, parent=9)
LAST = span(CHAT, number=2, parent=9, start_ns=START_NS + 500_000_000, end_ns=START_NS + 700_000_000)
OUTER = span(CHAT, number=3)
OTHERS = span(CHAT, number=4, trace_id=b"another trace id")
MINUTE = timedelta(minutes=1, seconds=1)


def score(value: Any = 0.75, **fields: Any) -> dict[str, Any]:
    return {"id": "score-1", "traceId": TRACE.hex(), "name": "helpfulness", "value": value, **fields}


def observation(number: int) -> str:
    return number.to_bytes(8).hex()


async def settle(api: ApiRig, after: timedelta = timedelta()) -> None:
    await api.worker.drain()
    while await joining(api, clock=lambda: datetime.now(UTC) + after).turn():
        pass


async def empty(api: ApiRig) -> None:
    """Forget all that was sent."""
    async with api.worker.engine.begin() as connection:
        for table in ("scores", "span_parts", "traces", "feedback", "rollups", "rollup_batches"):
            await connection.exec_driver_sql(f"DELETE FROM {table}")  # noqa: S608 names of tables
    await api.worker.redis.flushall()


async def take(api: ApiRig, *sent: Any) -> None:
    """Send spans and scores in their order, and have each stored and joined before the next."""
    for one in sent:
        if isinstance(one, dict):
            response = await api.post(SCORES, [one])
            assert (response.status_code, response.json()) == (202, {"message": "Accepted"})
        else:
            assert (await export(api, protobuf_bytes(*one), SPANS)).status_code == 200
        await settle(api)


async def scored(api: ApiRig) -> list[tuple[int, str, float | None, str]]:
    rows = await api.worker.rows(
        "SELECT t.otel_span_id, s.evaluator, s.value, s.label, s.source FROM scores s "
        "JOIN traces t USING (project_id, trace_id) ORDER BY s.evaluator"
    )
    assert {row["source"] for row in rows} <= {"langfuse"}
    return [
        (int.from_bytes(row["otel_span_id"]), row["evaluator"], row["value"], row["label"]) for row in rows
    ]


OF_SPAN = score(observationId=observation(1))
OF_TRACE = score()


FOUND: Sequence[tuple[Sequence[Any], int]] = (
    ([[ROOT, FIRST, LAST], OF_SPAN], 1),
    ([OF_SPAN, [FIRST], [ROOT, LAST]], 1),
    ([[ROOT, FIRST, LAST], score(observationId=observation(9))], 9),
    ([[ROOT, FIRST, LAST], OF_TRACE], 2),
    ([OF_TRACE, [FIRST], [LAST], [ROOT]], 2),
    ([[FIRST], OF_TRACE, [LAST], [ROOT]], 2),
    ([[ROOT, FIRST], OF_TRACE], 1),
    ([[OUTER], OF_TRACE], 3),
    ([OF_TRACE, [OUTER, OTHERS]], 3),
)


async def test_a_score_finds_its_observation_or_the_call_that_answered(api: ApiRig) -> None:
    for sent, number in FOUND:
        await take(api, *sent)
        assert await scored(api) == [(number, "helpfulness", 0.75, "")], sent
        assert await api.worker.value("SELECT count(payload)::int FROM span_parts") == 0
        await empty(api)


async def test_a_trace_whose_root_or_call_does_not_come_is_complete_after_a_minute(api: ApiRig) -> None:
    for spans, number in (([FIRST, LAST], 2), ([ROOT], 9)):
        await take(api, spans, OF_TRACE)
        assert await scored(api) == []
        await settle(api, MINUTE)
        assert await scored(api) == [(number, "helpfulness", 0.75, "")]
        await empty(api)


async def test_a_score_of_nothing_is_given_up(api: ApiRig) -> None:
    await take(api, [OTHERS], OF_TRACE, OF_SPAN | {"id": "score-2"})
    await settle(api, ORPHANED_AFTER + MINUTE)
    assert await scored(api) == []
    assert await api.worker.rows("SELECT reason FROM dead_letters") == [{"reason": "no_span"}] * 2


TYPES: Sequence[tuple[dict[str, Any], float | None, str, dict[str, float]]] = (
    (score(0.75, dataType="NUMERIC"), 0.75, "", {}),
    (score(4.5), None, "", {"value": 4.5}),
    (score(-1), None, "", {"value": -1.0}),
    (score(1, dataType="BOOLEAN"), 1.0, "true", {}),
    (score(False, dataType="BOOLEAN"), 0.0, "false", {}),  # noqa: FBT003 as JSON has it
    (score("fluent", dataType="CATEGORICAL", comment="It flows."), None, "fluent", {}),
    (score("fluent"), None, "fluent", {}),
    (score("It reads well.", dataType="TEXT"), None, "", {}),
)


async def test_every_type_of_score_is_kept(api: ApiRig) -> None:
    await take(api, [OUTER])
    for sent, value, label, told in TYPES:
        await take(api, sent)
        (row,) = await api.worker.rows("SELECT value, label, parts::text, evidence::text FROM scores")
        assert (row["value"], row["label"], json.loads(row["parts"])) == (value, label, told), sent
        (stored,) = await api.worker.rows("SELECT trace_id FROM traces")
        (shown,) = (await api.get(f"/traces/{stored['trace_id']}"))["given_scores"]
        assert (shown["value"], shown["label"], shown["parts"]) == (value, label, told)
        assert (shown["evaluator"], shown["source"]) == (sent["name"], "langfuse")
        text = sent.get("comment", "It reads well." if sent.get("dataType") == "TEXT" else "")
        assert [one["reason"] for one in json.loads(row["evidence"])] == ([text] if text else [])
        assert (shown["comment"] or "") == text


async def test_a_score_that_changes_takes_the_place_of_the_earlier_and_a_retry_changes_nothing(
    api: ApiRig,
) -> None:
    liked = score(1, name="user-feedback", dataType="BOOLEAN", comment="Thanks!")
    await take(api, [OUTER], liked, liked, liked | {"value": 0, "comment": "Not true."})
    assert await scored(api) == [(3, "user-feedback", 0.0, "false")]
    (opinion,) = await api.worker.rows("SELECT rating, comment, categories FROM feedback")
    assert opinion == {"rating": 1, "comment": "Not true.", "categories": ["user-feedback"]}
    ledger = (await api.get("/pipeline"))["projects"][0]
    assert (ledger["accepted"], ledger["duplicate"], ledger["dead"]) == (4, 1, 0)
    report = await api.get("/feedback", time_period="24h")
    assert (report["total_feedback"], report["negative_feedback"]) == (1, 1)


REFUSED: Sequence[tuple[Any, str]] = (
    (score("warm", dataType="NUMERIC"), "the value of a NUMERIC score must be a number"),
    (score(1e21), "must be between"),
    (score(0.5, dataType="BOOLEAN"), "true, false, 1 or 0"),
    (score("", dataType="CATEGORICAL"), "a text of 1 to 128 characters"),
    (score("x" * 501, dataType="TEXT"), "a text of 1 to 500 characters"),
    (score("better", dataType="CORRECTION"), "type CORRECTION are not stored"),
    (score(traceId=None), "it is about nothing"),
    (score(traceId=None, sessionId="s"), "it is about a session"),
    (score(traceId=None, datasetRunId="r"), "it is about a dataset run"),
    (score(name=""), "name: "),
    (score(value=None), "value: "),
    (score(timestamp="yesterday"), "timestamp: "),
    (score(timestamp="1999-01-01T00:00:00Z"), "before 2020"),
    ({"traceId": TRACE.hex(), "value": 1}, "name"),
    ("nothing", "Expected `object`"),
)


async def test_a_score_that_cannot_be_kept_is_named_and_costs_itself_alone(api: ApiRig) -> None:
    for sent, message in REFUSED:
        response = await api.post(SCORES, [OF_SPAN, sent])
        assert response.status_code == 207, sent
        answer = response.json()
        assert (answer["accepted"], answer["rejected"]) == (1, 1)
        (error,) = answer["errors"]
        assert error["message"].startswith("score 2: ")
        assert message in error["message"]
        alone = await api.post(SCORES, sent)
        assert (alone.status_code, alone.headers["content-type"]) == (422, PROBLEM), sent
        assert message.removesuffix(": ") in alone.text
    await api.worker.drain()
    assert await api.worker.value("SELECT count(*)::int FROM span_parts") == 1


async def test_a_score_alone_is_answered_with_its_id(api: ApiRig) -> None:
    assert (await api.post(SCORES, score())).json() == {"id": "score-1"}
    made = await api.post(SCORES, {name: value for name, value in score().items() if name != "id"})
    assert len(made.json()["id"]) == len(str(uuid4()))


async def test_broken_characters_of_a_score_are_replaced(api: ApiRig) -> None:
    assert (await export(api, protobuf_bytes(OUTER), SPANS)).status_code == 200
    body = json.dumps([score("a\0b"), score("c\ud800d", name="tone")]).encode()
    response = await api.client.post(SCORES, content=body, headers={"content-type": "application/json"})
    assert response.status_code == 202
    await settle(api)
    assert [label for _, _, _, label in await scored(api)] == ["a�b", "c�d"]


BODIES: Sequence[tuple[str, bytes, int]] = (
    (SCORES, b"[", 400),
    (SCORES, b"nothing", 400),
    (SCORES, b"[" + b"1," * 299_999 + b"1]", 413),
    (SCORES, b'{"a":[' + b"1," * 200_001 + b"1]}", 413),
    (BATCH, b"[]", 422),
    (BATCH, b'{"batch":{}}', 400),
    (BATCH, b'{"batch":[' + b"{}," * 60_000 + b"{}]}", 413),
    (BATCH, b'{"batch":[' + b"1," * 2_000_001 + b"1]}", 413),
)


async def test_bodies_are_bounded_and_read_as_everywhere(api: ApiRig) -> None:
    headers = {"content-type": "application/json", "content-encoding": "gzip"}
    for path, body, status in BODIES:
        response = await api.client.post(path, content=gzip.compress(body), headers=headers)
        assert (response.status_code, response.headers["content-type"]) == (status, PROBLEM), response.text
        wrong = await api.client.post(path, content=body, headers={"content-type": "text/plain"})
        assert wrong.status_code == 415


async def test_a_score_of_another_projects_trace_looks_like_one_of_no_trace(api: ApiRig) -> None:
    engine = api.services.engine
    async with writing(engine) as connection:
        await make_project(connection, line("shop"), "shop", ProjectSettings())
    tokens = [await issue(engine, "ingest"), await issue(engine, "ingest", project_id="bank")]
    basic = [{"authorization": "Basic " + base64.b64encode(f"pk:{one}".encode()).decode()} for one in tokens]
    body, media = protobuf_bytes(OUTER), {"content-type": "application/x-protobuf"}
    assert (await api.client.post(SPANS, content=body, headers={**media, **basic[0]})).status_code == 200
    await settle(api)
    theirs = await api.client.post(SCORES, json=OF_TRACE, headers=basic[1])
    nothing = await api.client.post(SCORES, json=OF_TRACE | {"traceId": "f" * 32}, headers=basic[1])
    assert (theirs.status_code, theirs.json()) == (nothing.status_code, nothing.json())
    await settle(api, MINUTE)
    assert await scored(api) == []
    names = [
        (await api.client.get("/api/public/projects", headers=one)).json()["data"][0]["id"] for one in basic
    ]
    assert names == ["default", "bank"]


async def test_what_users_say_is_redacted_like_all_else(database_url: str, redis_url: str) -> None:
    mail = "jane.doe@corp.net"
    liked = score(1, name="user-feedback", comment=f"Write to {mail}", observationId=observation(3))
    async with running_api(database_url, redis_url, privacy_key=KEY) as api:
        found = []
        for mode in ("off", "mask", "drop"):
            async with writing(api.worker.engine) as connection:
                settings = ProjectSettings(redaction=Redaction(mode=mode))
                await save_settings(connection, "default", settings)
            await api.services.projects.refresh()
            await take(api, [OUTER], liked)
            found += await api.worker.rows(
                "SELECT f.rating, f.comment, s.value FROM feedback f JOIN scores s USING (project_id, trace_id)"
            )
            await empty(api)
    assert [(row["rating"], row["value"]) for row in found] == [(5, 1.0)] * 3
    assert [row["comment"] for row in found] == [f"Write to {mail}", "Write to [EMAIL_ADDRESS]", None]


async def test_erasing_a_call_erases_what_waits_about_its_trace(api: ApiRig) -> None:
    await export(api, protobuf_bytes(OUTER), SPANS)
    await api.post(SCORES, [OF_TRACE, OF_SPAN | {"id": "score-2"}])
    await api.worker.drain()
    (row,) = await api.worker.rows("SELECT trace_id FROM traces")
    async with writing(api.worker.engine) as connection:
        await delete_traces(connection, "default", [row["trace_id"]])
    assert await api.worker.value("SELECT count(payload)::int FROM span_parts") == 1


MISSING: Sequence[tuple[str, str, str]] = (
    ("GET", "/api/public/v2/prompts/greeting?label=production", "no prompt management"),
    ("POST", "/api/public/v2/prompts", "no prompt management"),
    ("PATCH", "/api/public/v2/prompts/greeting/versions/1", "no prompt management"),
    ("GET", "/api/public/datasets", "no datasets"),
    ("POST", "/api/public/dataset-items", "no items of datasets"),
    ("DELETE", "/api/public/scores/1", "no reading and deleting scores"),
    ("GET", "/api/public/traces?page=1", "no reading traces"),
    ("POST", "/api/public/media", "no storage of media"),
)


async def test_what_is_not_there_is_named(api: ApiRig) -> None:
    for method, path, told in MISSING:
        response = await api.client.request(method, path)
        assert (response.status_code, response.headers["content-type"]) == (501, PROBLEM), path
        assert told in response.json()["detail"]
    assert (await api.client.get("/api/public/nothing")).status_code == 404


async def test_health_and_the_check_of_keys_answer(api: ApiRig) -> None:
    assert (await api.get("/api/public/health"))["status"] == "OK"
    (project,) = (await api.get("/api/public/projects"))["data"]
    assert project["id"] == "default"
    assert project["organization"].keys() == {"id", "name"}


def event(kind: str, number: int, **body: Any) -> dict[str, Any]:
    moment = datetime.fromtimestamp(START_NS / 1e9 + number, UTC).isoformat()
    return {"id": f"event-{number}", "type": kind, "timestamp": moment, "body": body}


IDS = {"id": "5e9d8cbe-7e5e-4d5c-9be9-222222222222", "traceId": "5e9d8cbe-7e5e-4d5c-9be9-111111111111"}
MESSAGES = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Is it raining?"}]
BEGUN = datetime.fromtimestamp(START_NS / 1e9, UTC)
EVENTS = (
    event("trace-create", 1, id=IDS["traceId"], name="weather", userId="user-1", sessionId="session-1",
          tags=["weather"]),
    event("generation-create", 2, **IDS, name="chat", model="gpt-4o-mini", input=MESSAGES,
          startTime=BEGUN.isoformat()),
    event("generation-update", 3, **IDS, output="Not today.", endTime=(BEGUN + timedelta(seconds=2)).isoformat(),
          usage={"input": 100, "output": 20, "total": 120, "unit": "TOKENS"}),
    event("score-create", 4, traceId=IDS["traceId"], name="user-feedback", value=0, comment="Wrong."),
    event("score-create", 5, traceId=IDS["traceId"], observationId=IDS["id"], name="tone", value="warm"),
)  # fmt: skip


async def test_a_batch_becomes_a_call_with_its_scores_in_one_request_or_two(api: ApiRig) -> None:
    for parts in ([EVENTS], [EVENTS[:2], EVENTS[2:]], [EVENTS[2:], EVENTS[:2]]):
        await check_batch(api, parts)
        await empty(api)


async def check_batch(api: ApiRig, parts: Sequence[Sequence[dict[str, Any]]]) -> None:
    for part in parts:
        for _ in range(2):  # a retry changes nothing
            response = await api.post(BATCH, {"batch": part, "metadata": {"sdk": "python"}})
            assert response.status_code == 207
            answer = response.json()
            assert {one["id"] for one in answer["successes"]} == {one["id"] for one in part}
            assert answer["errors"] == []
        await settle(api)
    (call,) = await api.worker.rows("SELECT * FROM traces WHERE kind = 'llm'")
    assert (call["prompt"], call["response"]) == ("Is it raining?", "Not today.")
    assert (call["system_prompt"], call["model_name"]) == ("Be brief.", "gpt-4o-mini")
    assert (call["prompt_tokens"], call["completion_tokens"]) == (100, 20)
    assert (call["response_time_ms"], call["occurred_at"]) == (2000, BEGUN)
    assert (call["user_id"], call["session_id"], call["tags"]) == ("user-1", "session-1", ["weather"])
    (root,) = await api.worker.rows("SELECT otel_span_id, kind FROM traces WHERE kind <> 'llm'")
    assert (root["otel_span_id"], root["kind"]) == (call["otel_parent_span_id"], "chain")
    rows = await api.worker.rows("SELECT trace_id, evaluator, label FROM scores ORDER BY evaluator")
    assert {row["trace_id"] for row in rows} == {call["trace_id"]}
    assert [(row["evaluator"], row["label"]) for row in rows] == [("tone", "warm"), ("user-feedback", "")]
    (opinion,) = await api.worker.rows("SELECT trace_id, rating, comment FROM feedback")
    assert opinion == {"trace_id": call["trace_id"], "rating": 1, "comment": "Wrong."}
    await assert_rollups_equal_rows(api.worker)


async def test_an_event_that_cannot_be_read_is_named_and_costs_itself_alone(api: ApiRig) -> None:
    wrong = (
        {"id": "a", "type": "party-create", "body": {}},
        {"id": "b", "type": "score-create", "body": {"name": "tone", "value": 1}},
        {"id": "c", "type": "span-create", "body": {"traceId": "t"}},
        {"id": "d", "type": "generation-create", "body": {"id": "g", "startTime": "noon"}},
        {"id": "e", "type": "trace-create"},
        {"type": "trace-create", "body": {}},
        17,
    )
    response = await api.post(BATCH, {"batch": [*wrong, *EVENTS, event("sdk-log", 9, log="x")]})
    errors = {one["id"]: one for one in response.json()["errors"]}
    assert errors.keys() == {"a", "b", "c", "d", "e", "unknown"}
    assert all(one["status"] == 400 and one["error"] for one in errors.values())
    assert "party-create" in errors["a"]["error"]
    assert "send a traceId" in errors["b"]["error"]
    assert errors["d"]["error"].startswith("startTime: ")
    assert len(response.json()["errors"]) == len(wrong)
    assert len(response.json()["successes"]) == len(EVENTS) + 1
    await settle(api)
    assert await api.worker.value("SELECT count(*)::int FROM traces") == 2


async def test_a_failed_call_an_embedding_and_steps_keep_their_kind(api: ApiRig) -> None:
    ended = {"startTime": BEGUN.isoformat(), "endTime": (BEGUN + timedelta(seconds=1)).isoformat()}
    batch = [
        event("span-create", 1, id="s", traceId="t", name="answer", **ended),
        event("generation-create", 2, id="g", traceId="t", parentObservationId="s", model="gpt-4o-mini",
              input="Is it raining?", level="ERROR", statusMessage="overloaded", **ended),
        event("observation-create", 3, id="e", traceId="t", type="EMBEDDING", model="text-embedding-3-small",
              input="rain", usageDetails={"input": 3}, **ended),
        event("event-create", 4, id="v", traceId="t", name="clicked", startTime=BEGUN.isoformat()),
        event("observation-create", 5, id="r", traceId="t", type="RETRIEVER", input="rain", **ended),
    ]  # fmt: skip
    assert (await api.post(BATCH, {"batch": batch})).json()["errors"] == []
    await settle(api)
    rows = await api.worker.rows("SELECT kind, error, prompt_tokens FROM traces ORDER BY kind")
    assert [row["kind"] for row in rows] == ["embedding", "llm", "retriever", "span", "span"]
    assert rows[0]["prompt_tokens"] == 3
    assert rows[1]["error"] == "overloaded"
