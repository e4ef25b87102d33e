"""What others found in a response is joined to it by the response's id.

This happens if the event belongs to no span, or to another one.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app.access.administration import make_project
from app.schemas.projects import ProjectSettings
from app.storage.access.projects import save_settings
from app.storage.engine import writing
from app.storage.traces.erasure import delete_traces
from monitoring.privacy.redaction import Redaction
from tests.integration.api_rig import ApiRig, running_api
from tests.integration.test_keys import bearer, issue, line
from tests.integration.test_otlp_logs import KEY, joining, send
from tests.integration.test_otlp_traces import CHAT, SILENT, export
from tests.integration.truth import assert_rollups_equal_rows
from tests.unit.otlp.spans import TRACE, log_bytes, protobuf_bytes, span
from workers.spans.late_content import ALONE_AFTER, ORPHANED_AFTER

OTHER_TRACE = b"another trace id"
ANSWER, VERDICT = {"gen_ai.response.id": "chatcmpl-1"}, {"gen_ai.response.id": "chatcmpl-2"}


def spans(*found: Any) -> tuple[str, bytes]:
    return "/v1/traces", protobuf_bytes(*found)


def result(*, about: dict[str, Any] | None = None, **ids: Any) -> tuple[str, bytes]:
    attributes: dict[str, Any] = {
        "gen_ai.evaluation.name": "helpfulness",
        "gen_ai.evaluation.score.value": 0.75,
    }
    event = {"event": "gen_ai.evaluation.result", "attributes": {**attributes, **(about or {})}, **ids}
    return "/v1/logs", log_bytes(event)


CALL = spans(span({**CHAT, **ANSWER}, number=1))
NAMELESS = spans(span(CHAT, number=1))
JUDGE = spans(span({**CHAT, **VERDICT}, number=2, trace_id=OTHER_TRACE))
STEP = spans(span({"openinference.span.kind": "EVALUATOR"}, number=2, trace_id=OTHER_TRACE))
OWN: dict[str, Any] = {"trace_id": TRACE, "span_id": (1).to_bytes(8)}
FOREIGN = {"trace_id": OTHER_TRACE, "span_id": (2).to_bytes(8)}


async def scored(api: ApiRig) -> list[tuple[int, float]]:
    """Return the spans that have a score, and the score."""
    rows = await api.worker.rows(
        "SELECT t.otel_span_id, s.value FROM scores s JOIN traces t USING (project_id, trace_id)"
    )
    return [(int.from_bytes(row["otel_span_id"] or b""), row["value"]) for row in rows]


@pytest.mark.parametrize(
    "requests",
    [
        (CALL, result(about=ANSWER)),
        (result(about=ANSWER), CALL),
        (CALL, JUDGE, result(about=ANSWER, **FOREIGN)),
        (JUDGE, result(about=ANSWER, **FOREIGN), CALL),
        (result(about=ANSWER, **FOREIGN), JUDGE, CALL),
        (STEP, result(about=ANSWER, **FOREIGN), CALL),
        (CALL, result(about=ANSWER, trace_id=bytes(16), span_id=bytes(8))),
        (CALL, result(about=ANSWER, **OWN)),
        (CALL, result(**OWN)),
        (NAMELESS, result(about=ANSWER, **OWN)),
        (result(about=ANSWER, **OWN), NAMELESS),
    ],
)
async def test_a_result_finds_the_response_it_is_about(
    api: ApiRig, requests: Sequence[tuple[str, bytes]]
) -> None:
    await send(api, *requests)
    assert await scored(api) == [(1, 0.75)]
    assert await api.worker.value("SELECT count(payload)::int FROM span_parts") == 0


@pytest.mark.parametrize(
    "requests",
    [
        (CALL, result(about=VERDICT)),
        (CALL, result(about={"gen_ai.response.id": "CHATCMPL-1"})),
        (CALL, result(about=VERDICT, **OWN)),
        (STEP, result(about=ANSWER, **FOREIGN)),
        (NAMELESS, result(about=ANSWER)),
    ],
)
async def test_a_result_about_another_response_waits_and_is_given_up(
    api: ApiRig, requests: Sequence[tuple[str, bytes]]
) -> None:
    await send(api, *requests)
    assert await scored(api) == []
    assert await api.worker.value("SELECT count(payload)::int FROM span_parts") == 1
    later = datetime.now(UTC) + ORPHANED_AFTER + timedelta(seconds=1)
    assert await joining(api, clock=lambda: later).turn() == 1
    assert await api.worker.value("SELECT reason FROM dead_letters") == "no_span"
    assert await scored(api) == []


async def test_a_result_without_span_and_response_is_rejected(api: ApiRig) -> None:
    path, body = result()
    response = await export(api, body, path)
    assert (
        b"number 1: it names no gen_ai.response.id, and as an event of a span its trace id"
        in response.content
    )


async def test_a_result_is_sent_twice_and_kept_once(api: ApiRig) -> None:
    await send(api, CALL, result(about=ANSWER), result(about=ANSWER))
    assert await scored(api) == [(1, 0.75)]
    ledger = (await api.get("/pipeline"))["projects"][0]
    assert (ledger["accepted"], ledger["stored"], ledger["duplicate"]) == (3, 2, 1)


async def test_the_call_is_meant_and_not_the_step_around_it(api: ApiRig) -> None:
    outer = span({**CHAT, **ANSWER}, number=2)
    inner = span({**CHAT, **ANSWER}, number=1, parent=2)
    await send(api, spans(outer, inner), result(about=ANSWER))
    assert await scored(api) == [(1, 0.75)]


async def test_a_call_told_by_an_event_alone_is_found(api: ApiRig) -> None:
    event = {"event": "gen_ai.client.inference.operation.details", "attributes": {**CHAT, **ANSWER}}
    await send(api, ("/v1/logs", log_bytes(event)), result(about=ANSWER))
    assert await scored(api) == []
    later = datetime.now(UTC) + ALONE_AFTER + timedelta(seconds=1)
    for _ in range(2):
        assert await joining(api, clock=lambda: later).turn() == 1
    assert await scored(api) == [(0, 0.75)]
    (row,) = await api.worker.rows("SELECT kind, otel_trace_id, prompt FROM traces")
    assert row == {"kind": "llm", "otel_trace_id": None, "prompt": "Is it raining?"}


@pytest.mark.parametrize("call", [CALL, spans(span({**SILENT, **ANSWER}, number=1))])
@pytest.mark.parametrize("first", ["span", "event"])
async def test_an_event_of_a_call_in_no_span_is_that_call_told_twice(
    api: ApiRig, call: tuple[str, bytes], first: str
) -> None:
    event = {"event": "gen_ai.client.inference.operation.details", "attributes": {**CHAT, **ANSWER}}
    other = {"event": "gen_ai.client.inference.operation.details", "attributes": {**CHAT, **VERDICT}}
    requests = [call, ("/v1/logs", log_bytes(event, other))]
    await send(api, *(requests if first == "span" else reversed(requests)))
    rows = await api.worker.rows("SELECT otel_span_id, prompt, response, messages, marks FROM traces")
    assert [(row["prompt"], row["response"], len(row["messages"]), row["marks"]) for row in rows] == [
        ("Is it raining?", "Not today.", 1, [])
    ]
    later = datetime.now(UTC) + ALONE_AFTER + timedelta(seconds=1)
    assert await joining(api, clock=lambda: later).turn() == 1
    marks = await api.worker.rows("SELECT marks FROM traces ORDER BY otel_span_id NULLS LAST")
    assert [row["marks"] for row in marks] == [[], ["no_span"]]
    await assert_rollups_equal_rows(api.worker)


async def test_what_is_said_of_a_response_is_redacted_like_the_response(
    database_url: str, redis_url: str
) -> None:
    mail = "jane.doe@corp.net"
    said = {
        "gen_ai.evaluation.name": f"like {mail}",
        "gen_ai.evaluation.score.value": 0.75,
        "gen_ai.evaluation.score.label": f"good for {mail}",
        "gen_ai.evaluation.explanation": f"{mail} likes it",
        **ANSWER,
    }
    event = "/v1/logs", log_bytes({"event": "gen_ai.evaluation.result", "attributes": said})
    async with running_api(database_url, redis_url, privacy_key=KEY) as api:
        found = []
        for mode in ("off", "mask", "drop"):
            async with writing(api.worker.engine) as connection:
                await save_settings(connection, "default", ProjectSettings(redaction=Redaction(mode=mode)))
            await api.services.projects.refresh()
            await send(api, CALL, event)
            rows = await api.worker.rows("SELECT evaluator, value, label, evidence::text FROM scores")
            async with api.worker.engine.begin() as connection:
                for table in ("scores", "span_parts", "traces"):
                    await connection.exec_driver_sql(f"DELETE FROM {table}")  # noqa: S608 names of tables
            await api.worker.redis.flushall()
            found.append(rows[0])
    assert [row["value"] for row in found] == [0.75] * 3
    assert [mail in str(row) for row in found] == [True, False, False]
    assert found[1]["evaluator"] == "like [EMAIL_ADDRESS]"
    assert found[2]["label"].startswith("good for [EMAIL_ADDRESS")
    assert found[2]["evidence"] == "[]"


@pytest.mark.parametrize("settings", [{"redaction": Redaction(mode="drop")}, {"text_share": 0.0}])
async def test_a_response_without_its_text_is_found(
    database_url: str, redis_url: str, settings: dict[str, Any]
) -> None:
    async with running_api(database_url, redis_url, privacy_key=KEY) as api:
        async with writing(api.worker.engine) as connection:
            assert await save_settings(connection, "default", ProjectSettings(**settings))
        await api.services.projects.refresh()
        await send(api, CALL, result(about=ANSWER))
        assert await scored(api) == [(1, 0.75)]
        (row,) = await api.worker.rows("SELECT prompt, metadata::text FROM traces")
        assert "chatcmpl" not in str(row)


async def test_the_same_id_in_another_project_is_another_response(api: ApiRig) -> None:
    engine = api.services.engine
    async with writing(engine) as connection:
        await make_project(connection, line("shop"), "shop", ProjectSettings())
    tokens = [await issue(engine, "ingest"), await issue(engine, "ingest", project_id="bank")]
    for token, (path, body) in zip(tokens, (CALL, result(about=ANSWER)), strict=True):
        assert (await export(api, body, path, **bearer(token))).status_code == 200
    await api.worker.drain()
    assert await joining(api).turn() == 0
    assert await scored(api) == []


async def test_erasing_a_call_erases_what_waits_about_its_response(api: ApiRig) -> None:
    for path, body in (CALL, result(about=ANSWER), result(about=VERDICT, **OWN)):
        await export(api, body, path)
    await api.worker.drain()
    (row,) = await api.worker.rows("SELECT trace_id FROM traces")
    async with writing(api.worker.engine) as connection:
        await delete_traces(connection, "default", [row["trace_id"]])
    assert await api.worker.value("SELECT count(payload)::int FROM span_parts") == 1
