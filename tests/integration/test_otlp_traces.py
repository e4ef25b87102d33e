from __future__ import annotations

import gzip
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from app.errors import MonitorError, Overloaded, Unavailable
from tests.integration.api_rig import ApiRig, own_servers, running_api
from tests.unit.otlp.spans import START_NS, json_bytes, log_bytes, protobuf_bytes, span

PROTOBUF, JSON = (
    {"content-type": "application/x-protobuf"},
    {"content-type": "application/json; charset=utf-8"},
)
CHAT = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "openai",
    "gen_ai.response.model": "gpt-4o-mini",
    "gen_ai.usage.input_tokens": 1000,
    "gen_ai.usage.output_tokens": 100,
    "gen_ai.input.messages": [{"role": "user", "parts": [{"type": "text", "content": "Is it raining?"}]}],
    "gen_ai.output.messages": [{"role": "assistant", "parts": [{"type": "text", "content": "Not today."}]}],
}
SILENT = {name: value for name, value in CHAT.items() if not name.endswith("messages")}


@pytest.fixture(scope="module")
async def shared(postgres_url: str, migrated_template: str, redis_server_url: str) -> AsyncIterator[ApiRig]:
    """An API for tests that keep nothing."""
    async with (
        own_servers(postgres_url, migrated_template, redis_server_url) as urls,
        running_api(*urls, max_body_bytes=64 * 1024) as rig,
    ):
        yield rig


async def export(api: ApiRig, body: bytes, path: str = "/v1/traces", **headers: str) -> Any:
    kind = JSON if body[:1] in {b"{", b"["} else PROTOBUF
    return await api.client.post(path, content=body, headers={**kind, **headers})


@pytest.mark.parametrize("path", ["/v1/traces", "/api/public/otel/v1/traces"])
@pytest.mark.parametrize("encode", [protobuf_bytes, json_bytes])
@pytest.mark.parametrize("compressed", [False, True])
async def test_a_call_is_answered_in_kind_and_stored_with_scores(
    api: ApiRig, path: str, encode: Any, compressed: object
) -> None:
    body, headers = encode(span(CHAT)), {}
    if compressed:
        kind = JSON if encode is json_bytes else PROTOBUF
        body, headers = gzip.compress(body), {"content-encoding": "gzip", **kind}
    response = await export(api, body, path, **headers)
    assert response.status_code == 200
    assert response.headers["content-type"].startswith(
        "application/json" if encode is json_bytes else "application/x-protobuf"
    )
    assert response.content == (b"{}" if encode is json_bytes else b"")
    await api.worker.drain()
    (listed,) = (await api.get("/traces", time_period="90d"))["traces"]
    trace = await api.get(f"/traces/{listed['trace_id']}")
    assert (trace["prompt"], trace["response"]) == ("Is it raining?", "Not today.")
    assert (trace["model_name"], trace["provider"], trace["kind"]) == ("gpt-4o-mini", "openai", "llm")
    assert (trace["prompt_tokens"], trace["completion_tokens"]) == (1000, 100)
    assert (trace["quality_score"], trace["response_time_ms"]) == (1.0, 250.0)
    assert trace["cost_usd"] == pytest.approx(1000 * 0.15e-6 + 100 * 0.6e-6)
    assert trace["otel_span_id"] == "0000000000000001"


async def test_a_retried_batch_is_stored_once_also_in_the_other_encoding(api: ApiRig) -> None:
    spans = [span(CHAT, number=n) for n in range(1, 4)]
    for body in (protobuf_bytes(*spans), protobuf_bytes(*spans), json_bytes(*spans)):
        assert (await export(api, body)).status_code == 200
    await api.worker.drain()
    assert (await export(api, protobuf_bytes(*spans))).status_code == 200
    await api.worker.drain()
    assert await api.worker.value("SELECT count(*)::int FROM traces") == 3
    pipeline = await api.get("/pipeline")
    assert (pipeline["projects"][0]["stored"], pipeline["projects"][0]["unaccounted"]) == (3, 0)
    assert (await api.get("/metrics/quality", time_period="90d"))["total_evaluations"] == 3


async def test_a_call_without_text_is_priced_and_not_scored(api: ApiRig) -> None:
    await export(api, protobuf_bytes(span(SILENT)))
    await api.worker.drain()
    (row,) = await api.worker.rows("SELECT * FROM traces")
    assert row["marks"] == ["no_content"]
    assert (row["pricing_status"], row["overall_quality"], row["is_safe"], row["scores"]) == (
        "priced",
        None,
        None,
        {},
    )
    cost = await api.get("/metrics/cost", time_period="90d")
    assert cost["total_cost_usd"] == pytest.approx(1000 * 0.15e-6 + 100 * 0.6e-6)
    safety = await api.get("/metrics/safety", time_period="90d")
    assert (safety["total_interactions"], safety["violation_rate"]) == (1, None)
    unreported = {name: value for name, value in SILENT.items() if "usage" not in name}
    await export(api, protobuf_bytes(span(unreported, number=2)))
    await api.worker.drain()
    (row,) = await api.worker.rows("SELECT * FROM traces WHERE cost_usd IS NULL")
    assert (row["pricing_status"], row["prompt_tokens"]) == ("no_usage", None)


async def test_only_calls_count_and_the_whole_trace_shows_as_a_tree(api: ApiRig) -> None:
    agent = {
        "gen_ai.operation.name": "invoke_agent",
        "gen_ai.usage.input_tokens": 9000,
        "gen_ai.request.model": "gpt-4o-mini",
    }
    await export(
        api,
        protobuf_bytes(
            span(agent, number=1, name="agent", milliseconds=900),
            span(
                {"gen_ai.operation.name": "execute_tool"},
                number=2,
                parent=1,
                name="tool",
                start_ns=START_NS + 1000,
            ),
            span(CHAT, number=3, parent=1, name="chat", start_ns=START_NS + 2000, end_ns=START_NS + 4000),
            span({}, number=4, parent=99, name="stray", start_ns=START_NS + 5000, end_ns=START_NS + 6000),
        ),
    )
    await api.worker.drain()
    assert await api.worker.value("SELECT count(*)::int FROM traces") == 4
    (listed,) = (await api.get("/traces", time_period="90d"))["traces"]
    assert listed["prompt"] == "Is it raining?"
    cost = await api.get("/metrics/cost", time_period="90d")
    assert cost["total_cost_usd"] == pytest.approx(1000 * 0.15e-6 + 100 * 0.6e-6)
    tree = await api.get(f"/traces/{listed['trace_id']}/tree")
    assert tree["spans"] == 4
    agent_node, stray = tree["roots"]
    assert (agent_node["name"], agent_node["cost_usd"], stray["name"]) == ("agent", None, "stray")
    assert [(n["name"], n["kind"]) for n in agent_node["children"]] == [("tool", "tool"), ("chat", "llm")]
    (agent_row,) = await api.worker.rows("SELECT * FROM traces WHERE kind = 'agent'")
    assert (agent_row["pricing_status"], agent_row["scores"]) == ("not_counted", {})
    missing = await api.client.get("/traces/00000000-0000-0000-0000-000000000000/tree")
    assert missing.status_code == 404


async def test_what_earlier_batches_hold_counts_for_a_later_call(api: ApiRig) -> None:
    documents = {
        "openinference.span.kind": "RETRIEVER",
        "retrieval.documents.0.document.content": "It is dry.",
    }
    search = span(documents, number=2, parent=1)
    inner = span(CHAT, number=3, parent=1, start_ns=START_NS + 10**9, end_ns=START_NS + 2 * 10**9)
    outer = span({**CHAT, "gen_ai.operation.name": "chat"}, number=1, milliseconds=3000)
    for one in (search, inner, outer):
        await export(api, protobuf_bytes(one))
        await api.worker.drain()
    rows = await api.worker.rows(
        "SELECT kind, context, cost_usd IS NULL AS free FROM traces ORDER BY otel_span_id"
    )
    assert [(row["kind"], row["context"], row["free"]) for row in rows] == [
        ("chain", [], True),
        ("retriever", ["It is dry."], True),
        ("llm", ["It is dry."], False),
    ]
    assert (await api.get("/metrics/cost", time_period="1h"))["total_cost_usd"] == pytest.approx(0.00021)


async def test_a_call_that_is_no_span_is_a_tree_of_its_own(api: ApiRig) -> None:
    (trace_id,) = await api.store({"prompt": "hello", "response": "two words"})
    tree = await api.get(f"/traces/{trace_id}/tree")
    assert [node["trace_id"] for node in tree["roots"]] == [trace_id]


async def test_one_bad_span_costs_itself_alone(api: ApiRig) -> None:
    spans = [span(CHAT), span(CHAT, span_id=bytes(8)), span(CHAT, number=3, start_ns=10**15)]
    response = await export(api, json_bytes(*spans))
    assert response.status_code == 200
    partial = response.json()["partialSuccess"]
    assert partial["rejectedSpans"] == "2"
    assert "number 2: its span id" in partial["errorMessage"]
    assert "number 3: timestamp lies before 2020" in partial["errorMessage"]
    await api.worker.drain()
    assert await api.worker.value("SELECT count(*)::int FROM traces") == 1


GOOD = protobuf_bytes(span(CHAT))
REFUSED: dict[str, tuple[str, bytes, dict[str, str], int, str]] = {
    "bytes that are nothing": ("/v1/traces", b"\xff" * 9, PROTOBUF, 400, "no ExportTraceServiceRequest"),
    "JSON that is none": ("/v1/traces", b"{nope", JSON, 400, "not valid JSON"),
    "protobuf said to be JSON": ("/v1/traces", GOOD, JSON, 400, "not valid JSON"),
    "half a protobuf": ("/v1/traces", GOOD[:-5], PROTOBUF, 400, "no ExportTraceServiceRequest"),
    "logs sent as traces": ("/v1/traces", log_bytes({"body": "hi"}), PROTOBUF, 400, "/v1/logs"),
    "logs sent as traces in JSON": ("/v1/traces", b'{"resourceLogs":[{}]}', JSON, 400, "/v1/logs"),
    "another type": ("/v1/traces", GOOD, {"content-type": "text/plain"}, 415, "application/x-protobuf"),
    "no type": ("/v1/traces", GOOD, {}, 415, "application/x-protobuf"),
    "another compression": ("/v1/traces", GOOD, {**PROTOBUF, "content-encoding": "br"}, 415, "gzip"),
    "truncated gzip": (
        "/v1/traces",
        gzip.compress(GOOD)[:-9],
        {**PROTOBUF, "content-encoding": "gzip"},
        400,
        "ends before",
    ),
    "plain bytes said to be gzip": (
        "/v1/traces",
        GOOD,
        {**PROTOBUF, "content-encoding": "gzip"},
        400,
        "not compressed",
    ),
    "more than the limit": ("/v1/traces", b"x" * 65_537, PROTOBUF, 413, "65536"),
    "more than the limit once unpacked": (
        "/v1/traces",
        gzip.compress(bytes(70_000)),
        {**PROTOBUF, "content-encoding": "gzip"},
        413,
        "65536",
    ),
    "metrics that are none": ("/v1/metrics", b"\xff" * 9, PROTOBUF, 400, "no ExportMetricsServiceRequest"),
}


@pytest.mark.parametrize(("path", "body", "headers", "status", "message"), REFUSED.values(), ids=REFUSED)
async def test_what_cannot_be_taken_is_refused_as_the_protocol_says(
    shared: ApiRig, path: str, body: bytes, headers: dict[str, str], status: int, message: str
) -> None:
    response = await shared.client.post(path, content=body, headers=headers)
    assert response.status_code == status
    assert "retry-after" not in response.headers
    if headers.get("content-type") == PROTOBUF["content-type"]:
        assert response.headers["content-type"] == "application/x-protobuf"
        assert response.content[:2] == bytes([0x08, 3])
        assert message in response.content.decode("utf-8", "replace")
    else:
        found = response.json()
        assert found["code"] == 3
        assert message in found["message"]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/traces", b""),
        ("/v1/traces", b"{}"),
        ("/v1/metrics", b""),
        ("/v1/metrics", b'{"resourceMetrics":[]}'),
    ],
)
async def test_nothing_and_metrics_are_taken(shared: ApiRig, path: str, body: bytes) -> None:
    response = await export(shared, body, path)
    assert (response.status_code, response.content) == (200, b"{}" if body else b"")


@pytest.mark.parametrize(("error", "status", "code"), [(Unavailable, 503, 14), (Overloaded, 429, 8)])
async def test_a_full_queue_asks_to_come_back(
    shared: ApiRig, monkeypatch: pytest.MonkeyPatch, error: type[MonitorError], status: int, code: int
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise error("full", retry_after=5)

    monkeypatch.setattr(shared.services.ingest.admission, "check", refuse)
    for body in (GOOD, json_bytes(span(CHAT))):
        response = await export(shared, body)
        assert response.status_code == status
        assert response.headers["retry-after"] == "5"
        found = json.loads(response.content)["code"] if body[:1] == b"{" else response.content[1]
        assert found == code


async def test_a_deep_trace_is_served_whole_page_by_page(api: ApiRig) -> None:
    count = 250
    spans = [
        span(
            CHAT if number == count else {},
            number=number,
            parent=number - 1 or None,
            start_ns=START_NS + number,
        )
        for number in range(1, count + 1)
    ]
    await export(api, protobuf_bytes(*spans))
    await api.worker.drain()
    (listed,) = (await api.get("/traces", time_period="90d"))["traces"]
    whole = await api.get(f"/traces/{listed['trace_id']}/tree")
    assert (whole["spans"], len(whole["roots"]), whole["next"]) == (count, 3, None)
    pages: list[Any] = []
    cursor: dict[str, Any] | None = {}
    while cursor is not None:
        page = await api.get(f"/traces/{listed['trace_id']}/tree", limit=100, **cursor)
        pages.append(page["spans"])
        cursor = {"cursor": page["next"]} if page["next"] else None
    assert pages == [100, 100, 50]
    bad = await api.client.get(f"/traces/{listed['trace_id']}/tree", params={"cursor": "x"})
    assert (bad.status_code, bad.json()["errors"][0]["field"]) == (422, "cursor")


async def test_of_a_large_trace_a_job_reads_no_more_than_a_bounded_number_of_spans(
    api: ApiRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.storage.traces.places.MOST_PLACES", 3)
    monkeypatch.setattr("app.storage.traces.places.MOST_RETRIEVERS", 2)
    found = [
        span(
            {
                "openinference.span.kind": "RETRIEVER",
                "retrieval.documents.0.document.content": f"Text {number}.",
            },
            number=number,
            start_ns=START_NS + number * 10**6,
        )
        for number in range(5, 1, -1)
    ]
    await export(api, protobuf_bytes(*found))
    await api.worker.drain()
    await export(
        api, protobuf_bytes(span(CHAT, number=9, start_ns=START_NS + 10**9, end_ns=START_NS + 2 * 10**9))
    )
    await api.worker.drain()
    (row,) = await api.worker.rows("SELECT context FROM traces WHERE kind = 'llm'")
    assert row["context"] == ["Text 2.", "Text 3."]
