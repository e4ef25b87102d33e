"""A call counts once however many spans describe it, and nested calls all count, in every order."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from sqlalchemy import text

from app.otlp.signals import Span
from app.queue import queued_jobs
from app.storage.traces import duplicates
from tests.integration.api_rig import ApiRig
from tests.integration.test_erasure import work
from tests.integration.test_nested_calls import payload_of
from tests.integration.test_otlp_logs import joining
from tests.integration.test_otlp_traces import CHAT, SILENT, export
from tests.integration.truth import assert_rollups_equal_rows
from tests.integration.worker_rig import ORDINARY
from tests.unit.otlp.spans import START_NS, log_bytes, protobuf_bytes, span

ELSEWHERE = b"another trace id"
COST = 1000 * 0.15e-6 + 100 * 0.6e-6
CHEAP, DEAR = {"gen_ai.response.model": "gpt-4o-mini"}, {"gen_ai.response.model": "gpt-4o"}
NO_USAGE = {name: value for name, value in CHAT.items() if "usage" not in name}
RESPONSE = {"gen_ai.response.id": "chatcmpl-1"}


def using(prompt: int, completion: int, **more: Any) -> dict[str, Any]:
    return {**CHAT, "gen_ai.usage.input_tokens": prompt, "gen_ai.usage.output_tokens": completion, **more}


def saying(question: str, answer: str) -> dict[str, Any]:
    def told(role: str, content: str) -> list[dict[str, Any]]:
        return [{"role": role, "parts": [{"type": "text", "content": content}]}]

    return {
        "gen_ai.input.messages": told("user", question),
        "gen_ai.output.messages": told("assistant", answer),
    }


def request(scope: str, *spans: Span, service: str = "shop") -> bytes:
    """The spans of one instrumentation, as an exporter sends them."""
    found = ExportTraceServiceRequest.FromString(protobuf_bytes(*spans))
    found.resource_spans[0].scope_spans[0].scope.name = scope
    found.resource_spans[0].resource.attributes[0].value.string_value = service
    return found.SerializeToString()


def later(one: Span, begin_ms: float, end_ms: float) -> Span:
    return one._replace(start_ns=START_NS + int(begin_ms * 1e6), end_ns=START_NS + int(end_ms * 1e6))


async def store(api: ApiRig, *requests: bytes) -> None:
    """Send each request, and have it stored before the next."""
    for one in requests:
        await export(api, one)
        await api.worker.drain()


async def figures(api: ApiRig) -> tuple[int, float]:
    """Return calls and their cost, after a check that figures and rows say the same."""
    await assert_rollups_equal_rows(api.worker)
    cost = await api.get("/metrics/cost", time_period="1h")
    safety = await api.get("/metrics/safety", time_period="1h")
    return safety["total_interactions"], cost["total_cost_usd"]


async def by_span(api: ApiRig) -> dict[int, dict[str, Any]]:
    rows = await api.worker.rows("SELECT * FROM traces")
    return {int.from_bytes(row["otel_span_id"]): row for row in rows}


EMBEDDING = {
    "gen_ai.operation.name": "embeddings",
    "gen_ai.provider.name": "openai",
    "gen_ai.request.model": "text-embedding-3-small",
    "gen_ai.usage.input_tokens": 10,
}
TOOL = {"gen_ai.operation.name": "execute_tool"}
HARM = saying("Is this kind?", "No, it is danger ahead.")
# Nested calls that were all made: the spans, how many count, and what they cost.
DIFFERENT: dict[str, tuple[Sequence[Span], int, float]] = {
    "a chat around embeddings": (
        [span({**using(1_000_000, 0), **DEAR}), span(EMBEDDING, number=2, parent=1)],
        2,
        2.5000002,
    ),
    "a second call of an agent below the first": (
        [span({**using(120_000, 0), **DEAR}), span({**using(240_000, 0), **DEAR, **HARM}, number=2, parent=1)],
        2,
        0.9,
    ),
    "a stream that calls a tool that calls a model": (
        [
            span({**using(120_000, 0), **DEAR}),
            span({"ai.operationId": "ai.toolCall"}, number=2, parent=1),
            span({"ai.operationId": "ai.streamText", "ai.model.id": "gpt-4o"}, number=3, parent=2),
            span({**using(60_000, 0), **DEAR, "ai.operationId": "ai.streamText.doStream"}, number=4, parent=3),
        ],
        2,
        0.45,
    ),
    "a chat around a moderation": (
        [span({**using(1_000_000, 0), **DEAR}), span({**using(1_000_000, 0), **HARM}, number=2, parent=1)],
        2,
        2.65,
    ),
    "a chat, a tool, a chat": (
        [span({**using(500, 7), **HARM}), span(TOOL, number=2, parent=1), span(CHAT, number=3, parent=2)],
        2,
        COST + 500 * 0.15e-6 + 7 * 0.6e-6,
    ),
    "usage outside, none inside": ([span(CHAT), span(NO_USAGE, number=2, parent=1)], 1, COST),
}  # fmt: skip


@pytest.mark.parametrize("order", ["together", "outer first", "inner first"])
async def test_calls_in_each_other_count(api: ApiRig, order: str) -> None:
    for number, (spans, _, _) in enumerate(DIFFERENT.values(), start=1):
        moved = [one._replace(trace_id=number.to_bytes(16)) for one in spans]
        if order == "together":
            await export(api, protobuf_bytes(*moved))
        else:
            for one in moved if order == "outer first" else moved[::-1]:
                await store(api, protobuf_bytes(one))
    await api.worker.drain()
    found = await api.worker.rows(
        "SELECT otel_trace_id, count(*)::int AS calls, sum(cost_usd)::float AS cost FROM traces "
        "WHERE kind IN ('llm', 'embedding') GROUP BY 1 ORDER BY 1"
    )
    assert {
        case: (row["calls"], pytest.approx(row["cost"])) for case, row in zip(DIFFERENT, found, strict=True)
    } == {case: (calls, cost) for case, (_, calls, cost) in DIFFERENT.items()}
    total = sum(cost for _, _, cost in DIFFERENT.values())
    assert await figures(api) == (sum(calls for _, calls, _ in DIFFERENT.values()), pytest.approx(total))


# Spans of one call, each as a request of its own, and which of them counts.
TOLD: dict[str, tuple[Mapping[str, bytes], int]] = {
    "texts outside, usage inside": (
        {
            "framework": request("openinference", span(NO_USAGE, milliseconds=300)),
            "sdk": request("anthropic.sdk", later(span({**SILENT, **RESPONSE}, number=2, parent=1), 1, 299)),
        },
        1,
    ),
    "texts in one trace, usage in another": (
        {
            "framework": request("openinference", span({**NO_USAGE, **RESPONSE}, milliseconds=300)),
            "sdk": request("anthropic.sdk", later(span({**SILENT, **RESPONSE}, number=2, trace_id=ELSEWHERE), 1, 299)),
        },
        1,
    ),
    "two instrumentations in separate traces": (
        {
            "one": request("openinference", span(CHAT, milliseconds=300)),
            "other": request(
                "openllmetry", later(span({**CHAT, **RESPONSE, "user.id": "u-1"}, number=2, trace_id=ELSEWHERE), 1, 299)
            ),
        },
        2,
    ),
    "two instrumentations beside each other": (
        {
            "one": request("openinference", later(span({**CHAT, **RESPONSE, "user.id": "u-1"}, parent=9), 1, 299)),
            "other": request("openllmetry", span({**CHAT, **RESPONSE}, number=2, parent=9, milliseconds=300)),
            "agent": request("agent", span({"gen_ai.operation.name": "invoke_agent"}, number=9, milliseconds=400)),
        },
        1,
    ),
    "a wrapper, an instrumentation and a client": (
        {
            "wrapper": request("langchain", span({**NO_USAGE, "user.id": "u-1"}, milliseconds=300)),
            "instrumentation": request("openinference", later(span({**CHAT, **RESPONSE}, number=2, parent=1), 1, 299)),
            "client": request("sdk", later(span({**SILENT, **RESPONSE}, number=3, trace_id=ELSEWHERE), 2, 298)),
        },
        2,
    ),
}  # fmt: skip


def moved(body: bytes, number: int) -> bytes:
    """The same spans in other traces, of other responses, and so many minutes earlier."""
    found = ExportTraceServiceRequest.FromString(body)
    for one in found.resource_spans[0].scope_spans[0].spans:
        one.trace_id = bytes([number]) + one.trace_id[1:]
        one.start_time_unix_nano -= number * 60_000_000_000
        one.end_time_unix_nano -= number * 60_000_000_000
        for attribute in one.attributes:
            if attribute.key == "gen_ai.response.id":
                attribute.value.string_value += str(number)
    return found.SerializeToString()


ORDERS = [(case, order) for case, (requests, _) in TOLD.items() for order in itertools.permutations(requests)]


async def assert_each_counts_once(api: ApiRig) -> None:
    assert await figures(api) == (len(ORDERS), pytest.approx(len(ORDERS) * COST))
    rows = await api.worker.rows("SELECT * FROM traces")
    for number, (case, order) in enumerate(ORDERS, start=1):
        requests, counted = TOLD[case]
        spans = [row for row in rows if row["otel_trace_id"][0] == number]
        assert len(spans) == len(requests)
        (call,) = (row for row in spans if row["kind"] == "llm")
        assert int.from_bytes(call["otel_span_id"]) == counted, (case, order)
        assert (call["prompt_tokens"], call["completion_tokens"]) == (1000, 100)
        assert (call["overall_quality"], call["restates"]) == (ORDINARY, None)
        assert call["user_id"] == ("u-1" if any(b"u-1" in one for one in requests.values()) else None)
        others = [row for row in spans if row["kind"] == "chain"]
        assert {row["restates"] for row in others} == {call["trace_id"]}
        assert {(row["pricing_status"], row["cost_usd"]) for row in others} == {("not_counted", None)}


async def test_what_is_told_twice_counts_once_in_every_order(api: ApiRig) -> None:
    for number, (case, order) in enumerate(ORDERS, start=1):
        await store(api, *(moved(TOLD[case][0][name], number) for name in order))
    await assert_each_counts_once(api)


@pytest.mark.parametrize("jobs", ["one by one", "several at once"])
async def test_two_workers_at_once_count_it_once(api: ApiRig, jobs: str) -> None:
    bodies = [
        moved(TOLD[case][0][name], number)
        for number, (case, order) in enumerate(ORDERS, start=1)
        for name in order
    ]
    if jobs == "one by one":
        for body in bodies:
            await export(api, body)
    else:  # requests of the same moment share jobs
        await asyncio.gather(*(export(api, body) for body in bodies))
    await asyncio.gather(*(api.worker.drain(max_jobs=3) for _ in range(2)))
    await assert_each_counts_once(api)


async def test_who_erases_a_call_erases_what_tells_of_it_too(api: ApiRig) -> None:
    await store(api, *TOLD["a wrapper, an instrumentation and a client"][0].values())
    call = (await by_span(api))[2]
    assert (await api.client.delete(f"/traces/{call['trace_id']}")).status_code == 202
    await work(api)
    assert await by_span(api) == {}
    assert await figures(api) == (0, 0)


async def test_a_redelivered_job_changes_nothing(api: ApiRig) -> None:
    first, second = TOLD["texts in one trace, usage in another"][0].values()
    await store(api, first)
    await export(api, second)
    (job,) = await queued_jobs(api.worker.redis)
    payload = await payload_of(api, job)
    for _ in range(3):
        await api.worker.evaluation.evaluate({"job_id": str(job)}, payload)
        assert await figures(api) == (1, pytest.approx(COST))


STREAM = [
    later(span({name: value for name, value in NO_USAGE.items() if name != "gen_ai.output.messages"}), 0, 20),
    later(span({**CHAT, **RESPONSE}, number=2, trace_id=ELSEWHERE), 900, 900),
]


async def test_a_stream_that_is_told_as_request_and_end_is_one_call(api: ApiRig) -> None:
    first, last = (request("logfire.openai", one) for one in STREAM)
    for number, bodies in enumerate(
        [(first, last), (last, first), (request("logfire.openai", *STREAM),)], start=1
    ):
        await store(api, *(moved(body, number) for body in bodies))
        assert await figures(api) == (number, pytest.approx(number * COST))
    rows = await api.worker.rows("SELECT * FROM traces WHERE kind = 'llm'")
    assert {(row["otel_span_id"][-1], row["response_time_ms"]) for row in rows} == {(2, 900.0)}


async def test_streams_that_follow_each_other_at_once_each_last_from_request_to_end(api: ApiRig) -> None:
    asked, answered = STREAM
    times = [(asked, 0, 20), (answered, 40, 40), (asked, 41, 43), (answered, 60, 60)]
    spans = [
        later(one._replace(span_id=bytes([n] * 8), trace_id=bytes([n] * 16)), *when)
        for n, (one, *when) in enumerate(times, start=1)
    ]
    await store(api, request("logfire.anthropic", *spans))
    assert await figures(api) == (2, pytest.approx(2 * COST))
    rows = await api.worker.rows("SELECT * FROM traces WHERE kind = 'llm' ORDER BY occurred_at")
    assert [row["response_time_ms"] for row in rows] == [40.0, 19.0]


async def test_calls_at_once_of_one_instrumentation_all_count(api: ApiRig) -> None:
    spans = [
        later(span({**CHAT, **RESPONSE}, number=n, trace_id=n.to_bytes(16)), n, 250 + n) for n in range(1, 5)
    ]
    await store(api, request("openinference", *spans[:2]), request("openinference", *spans[2:]))
    assert await figures(api) == (4, pytest.approx(4 * COST))
    # A second instrumentation describes two of them.
    again = [later(one._replace(span_id=bytes([9] * 7 + [n])), n, 250 + n) for n, one in enumerate(spans[:2])]
    await store(api, request("openllmetry", *(one._replace(trace_id=b"x" * 16) for one in again)))
    assert await figures(api) == (4, pytest.approx(4 * COST))


async def test_texts_that_come_apart_from_the_outer_span_are_those_of_the_call(api: ApiRig) -> None:
    orders = list(itertools.permutations(["outer", "inner", "texts"]))
    for number, order in enumerate(orders, start=1):
        trace_id = number.to_bytes(16)
        outer = span({name: value for name, value in SILENT.items() if "usage" not in name}, milliseconds=300)
        inner = later(span(SILENT, number=2, parent=1), 1, 299)
        told = {
            "event": "gen_ai.client.inference.operation.details",
            "attributes": CHAT,
            "trace_id": trace_id,
            "span_id": outer.span_id,
        }
        sent = {
            "outer": (request("opentelemetry", outer._replace(trace_id=trace_id)), "/v1/traces"),
            "inner": (request("sdk", inner._replace(trace_id=trace_id)), "/v1/traces"),
            "texts": (log_bytes(told), "/v1/logs"),
        }
        for name in order:
            body, path = sent[name]
            await export(api, body, path)
            await api.worker.drain()
            await joining(api).turn()
    assert await figures(api) == (len(orders), pytest.approx(len(orders) * COST))
    calls = await api.worker.rows("SELECT * FROM traces WHERE kind = 'llm'")
    assert {(row["response"], row["overall_quality"], *row["marks"]) for row in calls} == {
        ("Not today.", ORDINARY)
    }


async def test_it_is_shown_what_was_merged_and_why(api: ApiRig) -> None:
    await store(api, *TOLD["a wrapper, an instrumentation and a client"][0].values())
    rows = await by_span(api)
    call = await api.get(f"/traces/{rows[2]['trace_id']}")
    restated_by = {one["trace_id"]: one["because"] for one in call["restated_by"]}
    assert restated_by == {
        str(rows[1]["trace_id"]): "no_usage_of_its_own",
        str(rows[3]["trace_id"]): "same_response_id",
    }
    wrapper = await api.get(f"/traces/{rows[1]['trace_id']}")
    assert (wrapper["restates"], wrapper["restates_because"]) == (
        str(rows[2]["trace_id"]),
        "no_usage_of_its_own",
    )
    (root,) = (await api.get(f"/traces/{rows[1]['trace_id']}/tree"))["roots"]
    assert (root["restates"], root["restates_because"]) == (wrapper["restates"], "no_usage_of_its_own")


CONDITIONS = {
    "_SIMILAR_CALLS": ("response_key = fresh", "prompt_tokens = fresh"),
    "_STREAM_PARTS": ("::integer = 0)", "::integer = 1)"),
    "_GROUP": ("restates = ANY",),
}


async def test_spans_of_one_call_are_found_by_indexes(api: ApiRig) -> None:
    await store(api, *TOLD["two instrumentations in separate traces"][0].values())
    ids = sorted(row["trace_id"] for row in await api.worker.rows("SELECT trace_id FROM traces"))
    bounds = {"since": ids[0], "until": ids[-1], "first": ids[0], "last": ids[-1]}
    async with api.worker.engine.connect() as connection:
        await connection.execute(text("SET LOCAL enable_seqscan = off"))
        for statement, conditions in CONDITIONS.items():
            explained = await connection.execute(
                text(f"EXPLAIN {getattr(duplicates, statement).text}"),
                {"project_id": "default", "ids": ids, "calls": ids, **bounds},
            )
            plan = "\n".join(explained.scalars())
            assert "Seq Scan" not in plan
            sought = [line for line in plan.splitlines() if "Index Cond" in line]
            assert all(any(condition in line for line in sought) for condition in conditions), plan
