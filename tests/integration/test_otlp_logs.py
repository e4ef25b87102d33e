from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from app.privacy import Privacy
from app.projects import Projects
from app.schemas.projects import ProjectSettings
from app.storage.access.projects import save_settings
from app.storage.engine import writing
from app.storage.traces.erasure import delete_traces
from app.storage.traces.span_parts import claim_parts, delete_parts
from monitoring.privacy.redaction import Redaction
from tests.integration.api_rig import ApiRig, running_api
from tests.integration.test_otlp_traces import CHAT, SILENT, export
from tests.integration.worker_rig import ORDINARY, Alarm, WordCount
from tests.unit.otlp.spans import START_NS, TRACE, log_bytes, protobuf_bytes, span
from workers.cardinality import CardinalityCaps
from workers.scoring import Scoring
from workers.spans.late_content import ORPHANED_AFTER, LateContent

KEY = "k" * 32
THREAD = ThreadPoolExecutor(1)
FIRST = (1).to_bytes(8)
IDS = {"trace_id": TRACE, "span_id": FIRST}
ASKED = {"event": "gen_ai.user.message", "body": {"content": "Is it raining?"}, **IDS}
SYSTEM = {"event": "gen_ai.system.message", "body": {"content": "Be brief."}, **IDS}
CHOICE = {
    "event": "gen_ai.choice",
    "body": {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "Not today."}},
    "time_ns": START_NS + 1000,
    **IDS,
}
DETAILS: dict[str, Any] = {"event": "gen_ai.client.inference.operation.details", "attributes": CHAT, **IDS}
JUDGED: dict[str, Any] = {
    "event": "gen_ai.evaluation.result",
    "attributes": {
        "gen_ai.evaluation.name": "helpfulness",
        "gen_ai.evaluation.score.value": 0.75,
        "gen_ai.evaluation.score.label": "good",
        "gen_ai.evaluation.explanation": "It answers.",
    },
    **IDS,
}
SPAN, LOGS = ("/v1/traces", protobuf_bytes(span(SILENT))), ("/v1/logs", log_bytes(SYSTEM, ASKED, CHOICE))


def joining(api: ApiRig, **options: Any) -> LateContent:
    rig = api.worker
    return LateContent(
        rig.engine,
        THREAD,
        Scoring((WordCount(), Alarm()), Privacy(KEY)),
        Projects(rig.engine),
        CardinalityCaps(rig.engine),
        frozenset(),
        **options,
    )


async def send(api: ApiRig, *requests: tuple[str, bytes]) -> None:
    """Send each request and have it stored and joined before the next."""
    for path, body in requests:
        response = await export(api, body, path)
        assert (response.status_code, response.content) == (200, b"")
        await api.worker.drain()
        await joining(api).turn()


async def only_trace(api: ApiRig) -> dict[str, Any]:
    (row,) = await api.worker.rows("SELECT * FROM traces")
    return row


@pytest.mark.parametrize("order", [(SPAN, LOGS), (LOGS, SPAN), (SPAN, LOGS, LOGS, SPAN)])
async def test_texts_are_joined_to_their_span_whichever_comes_first(api: ApiRig, order: Any) -> None:
    await send(api, *order)
    row = await only_trace(api)
    assert (row["prompt"], row["response"], row["system_prompt"]) == (
        "Is it raining?",
        "Not today.",
        "Be brief.",
    )
    assert [message["role"] for message in row["messages"]] == ["system", "user"]
    assert (row["marks"], row["overall_quality"], row["is_safe"]) == ([], ORDINARY, True)
    assert (row["prompt_tokens"], row["token_source"]) == (1000, "reported")
    quality = await api.get("/metrics/quality", time_period="1h")
    assert (quality["total_evaluations"], quality["average_quality"]) == (1, ORDINARY)
    assert quality["scores"]["coherence"]["count"] == 1
    cost = await api.get("/metrics/cost", time_period="1h")
    assert cost["total_cost_usd"] == pytest.approx(1000 * 0.15e-6 + 100 * 0.6e-6)
    assert await api.worker.value("SELECT count(payload)::int FROM span_parts") == 0
    ledger = (await api.get("/pipeline"))["projects"][0]
    assert (ledger["accepted"], ledger["stored"], ledger["unaccounted"]) == (len(order), 2, 0)


async def test_texts_that_come_piece_by_piece_are_joined_in_their_order(api: ApiRig) -> None:
    pieces = [("/v1/logs", log_bytes(piece)) for piece in (SYSTEM, ASKED)]
    await send(api, *pieces, SPAN)
    assert (await only_trace(api))["response"] == ""
    assert (await api.get("/metrics/quality", time_period="1h"))["total_evaluations"] == 1
    await send(api, ("/v1/logs", log_bytes(CHOICE)))
    row = await only_trace(api)
    assert (row["prompt"], row["response"], row["overall_quality"]) == (
        "Is it raining?",
        "Not today.",
        ORDINARY,
    )
    safety = await api.get("/metrics/safety", time_period="1h")
    assert (safety["total_interactions"], safety["safety_violations"]) == (1, 0)


async def test_a_flag_found_in_late_text_counts_once(api: ApiRig) -> None:
    danger = {**CHOICE, "body": {"message": {"role": "assistant", "content": "danger ahead"}}}
    await send(api, SPAN, ("/v1/logs", log_bytes(danger)), ("/v1/logs", log_bytes(ASKED)))
    row = await only_trace(api)
    assert (row["is_safe"], row["flags"], row["prompt"]) == (False, ["toxicity"], "Is it raining?")
    safety = await api.get("/metrics/safety", time_period="1h")
    assert (safety["total_interactions"], safety["safety_violations"]) == (1, 1)
    assert safety["flags"]["toxicity"]["count"] == 1


async def test_the_event_of_a_whole_call_is_joined_or_stands_alone(api: ApiRig) -> None:
    alone = {**DETAILS, "trace_id": b"", "span_id": b""}
    await send(api, SPAN, ("/v1/logs", log_bytes(DETAILS, alone)), ("/v1/logs", log_bytes(alone)))
    rows = await api.worker.rows("SELECT * FROM traces ORDER BY otel_span_id NULLS LAST")
    assert [(row["prompt"], row["otel_span_id"]) for row in rows] == [
        ("Is it raining?", FIRST),
        ("Is it raining?", None),
    ]


async def test_texts_without_a_span_become_a_call_of_their_own(api: ApiRig) -> None:
    await send(api, ("/v1/logs", log_bytes(DETAILS)), ("/v1/logs", log_bytes(JUDGED)))
    assert await api.worker.value("SELECT count(*)::int FROM traces") == 0
    later = datetime.now(UTC) + ORPHANED_AFTER + timedelta(seconds=1)
    assert await joining(api, clock=lambda: later).turn() == 2
    row = await only_trace(api)
    assert (row["marks"], row["model_name"], row["prompt_tokens"]) == (["no_span"], "gpt-4o-mini", 1000)
    assert (row["kind"], row["overall_quality"], row["otel_span_id"]) == ("llm", ORDINARY, FIRST)
    assert await api.worker.value("SELECT reason FROM dead_letters") == "no_span"


async def test_what_others_found_becomes_a_score(api: ApiRig) -> None:
    far = {
        **JUDGED,
        "attributes": {
            **JUDGED["attributes"],
            "gen_ai.evaluation.score.value": 7,
            "gen_ai.evaluation.name": "stars",
        },
    }
    await send(api, ("/v1/logs", log_bytes(JUDGED, far)), SPAN)
    rows = await api.worker.rows("SELECT * FROM scores ORDER BY evaluator")
    assert [(r["evaluator"], r["value"], r["label"], r["source"], r["parts"]) for r in rows] == [
        ("helpfulness", 0.75, "good", "otel", {}),
        ("stars", None, "good", "otel", {"value": 7.0}),
    ]
    assert rows[0]["evidence"][0]["reason"] == "It answers."
    assert rows[0]["trace_id"] == (await only_trace(api))["trace_id"]


async def test_a_joining_process_that_dies_leaves_the_part_to_another(api: ApiRig) -> None:
    await export(api, LOGS[1], LOGS[0])
    await export(api, SPAN[1], SPAN[0])
    await api.worker.drain()
    now = datetime.now(UTC)
    async with api.worker.engine.begin() as connection:
        assert len(await claim_parts(connection, now, 10)) == 1  # and then its process dies
    assert await joining(api, clock=lambda: now + timedelta(seconds=29)).turn() == 0
    assert await joining(api, clock=lambda: now + timedelta(seconds=31)).turn() == 1
    assert (await only_trace(api))["response"] == "Not today."


async def test_text_that_kills_every_process_is_buried(api: ApiRig) -> None:
    await export(api, LOGS[1], LOGS[0])
    await export(api, SPAN[1], SPAN[0])
    await api.worker.drain()
    async with api.worker.engine.begin() as connection:
        await connection.execute(text("UPDATE span_parts SET attempts = 3"))
    assert await joining(api).turn() == 1
    assert await api.worker.value("SELECT reason FROM dead_letters") == "process_died"
    assert (await only_trace(api))["marks"] == ["no_content"]


async def test_events_without_a_span_are_rejected_alone_and_other_logs_left_out(api: ApiRig) -> None:
    lost = {**ASKED, "trace_id": b"", "span_id": b""}
    line = {"body": "GET /index.html 200", **IDS}
    nameless = {**JUDGED, "attributes": {}}
    response = await export(api, log_bytes(lost, line, nameless, CHOICE), "/v1/logs")
    assert response.status_code == 200
    assert b"number 1: a gen_ai.user.message event belongs to a span" in response.content
    assert b"number 3: gen_ai.evaluation.name is missing" in response.content
    await api.worker.drain()
    assert await api.worker.value("SELECT count(*)::int FROM span_parts") == 1


async def test_two_workers_joining_at_once_lose_nothing(api: ApiRig) -> None:
    spans = [span(SILENT, number=n) for n in range(1, 41)]
    await export(api, protobuf_bytes(*spans))
    for piece in (ASKED, CHOICE):
        for one in spans:
            await export(api, log_bytes({**piece, "span_id": one.span_id}), "/v1/logs")
    await api.worker.drain()
    workers = [joining(api), joining(api)]
    for _ in range(5):
        await asyncio.gather(*(worker.turn() for worker in workers))
    assert await api.worker.value("SELECT count(payload)::int FROM span_parts") == 0
    rows = await api.worker.rows("SELECT DISTINCT prompt, response, marks FROM traces")
    assert rows == [{"prompt": "Is it raining?", "response": "Not today.", "marks": []}]
    assert (await api.get("/metrics/quality", time_period="1h"))["total_evaluations"] == 40


MAIL = "jane.doe@corp.net"


async def private(api: ApiRig, mode: str) -> dict[str, Any]:
    """Join a question and an answer that name a mailbox, under a project's redaction.

    Returns the row.
    """
    async with writing(api.worker.engine) as connection:
        decided = ProjectSettings(redaction=Redaction(mode=mode))  # type: ignore[arg-type]  # parameters are plain texts
        assert await save_settings(connection, "default", decided)
    await api.services.projects.refresh()
    choice = {**CHOICE, "body": {"message": {"role": "assistant", "content": f"Write to {MAIL} today."}}}
    await export(api, SPAN[1], SPAN[0])
    await export(api, log_bytes(ASKED, choice), "/v1/logs")
    await api.worker.drain()
    waiting = await api.worker.rows("SELECT payload FROM span_parts")
    assert MAIL.encode() not in waiting[0]["payload"]
    assert await joining(api).turn() == 1
    return await only_trace(api)


async def test_late_texts_are_redacted_before_they_wait(database_url: str, redis_url: str) -> None:
    async with running_api(database_url, redis_url, privacy_key=KEY) as api:
        row = await private(api, "mask")
    assert MAIL not in row["response"]
    assert row["response"].startswith("Write to [")
    assert row["overall_quality"] == ORDINARY


async def test_late_texts_to_be_dropped_are_scored_and_not_kept(database_url: str, redis_url: str) -> None:
    async with running_api(database_url, redis_url, privacy_key=KEY) as api:
        row = await private(api, "drop")
    assert (row["prompt"], row["response"], row["overall_quality"]) == ("", "", ORDINARY)
    assert "text_dropped" in row["marks"]
    assert "no_content" not in row["marks"]


async def test_erasing_a_call_erases_what_waits_to_join_it(api: ApiRig) -> None:
    await export(api, SPAN[1], SPAN[0])
    await export(api, LOGS[1], LOGS[0])
    await api.worker.drain()
    trace_id = (await only_trace(api))["trace_id"]
    async with writing(api.worker.engine) as connection:
        await delete_traces(connection, "default", [trace_id])
    assert await api.worker.value("SELECT count(payload)::int FROM span_parts") == 0


async def test_erasing_a_user_erases_what_names_the_user_and_waits(api: ApiRig) -> None:
    named = {**DETAILS, "attributes": {**CHAT, "user.id": "u-1"}}
    await export(api, log_bytes(named, {**DETAILS, "span_id": b"another1"}), "/v1/logs")
    await api.worker.drain()
    async with writing(api.worker.engine) as connection:
        await delete_parts(connection, "default", "u-1")
    rows = await api.worker.rows("SELECT user_id, payload IS NULL AS gone FROM span_parts ORDER BY user_id")
    assert rows == [{"user_id": "u-1", "gone": True}, {"user_id": None, "gone": False}]
