"""From spans in protobuf to stored, scored calls: spans a second of the whole stack, by size of batch."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from itertools import islice

import msgspec
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from benchmarks.performance.figure import Figure
from benchmarks.performance.flow import settled, wait_until_settled
from benchmarks.performance.http_load import closed_loop, request
from benchmarks.performance.processes import cpu_used
from benchmarks.performance.stack import Stack, running

__all__ = ["measure_otlp", "span_request"]

BATCHES = (100, 500)
GOAL = 2_000
CONNECTIONS = 4
WARM_SPANS = 1_000
PATIENCE_SECONDS = 600.0


def measure_otlp(lines: Sequence[bytes], *, workers: int = 2) -> list[Figure]:
    """Post every line as a span of the GenAI convention, and count until the last of them is stored.

    `lines` are records as POST /monitor/inferences takes them. The yardstick is the rate at which the spans
    alone were accepted.
    """
    return [_measure(lines, batch, workers) for batch in BATCHES]


def _measure(lines: Sequence[bytes], batch: int, workers: int) -> Figure:
    warm, rest = _requests(lines[:WARM_SPANS], batch), _requests(lines, batch)
    with running(workers=workers) as stack:
        _send(stack, warm)
        wait_until_settled(stack.database_url, WARM_SPANS)
        with cpu_used(stack.pids) as cpu:
            begun = time.perf_counter()
            seconds_to_accept = _send(stack, rest)
            wait_until_settled(stack.database_url, WARM_SPANS + len(lines))
            seconds = time.perf_counter() - begun
        stored = settled(stack.database_url) - WARM_SPANS
    rate = stored / seconds
    return Figure(
        name=f"OTLP end to end, {stored} LLM spans in batches of {batch}, {workers} workers",
        value=rate,
        unit="spans/s",
        yardstick=len(lines) / seconds_to_accept,
        yardstick_name="accepted alone",
        goal=f"at least {GOAL} spans/s",
        met=rate >= GOAL,
        details={f"{name}_us": 1e6 * used / len(lines) for name, used in cpu.items()},
    )


def _send(stack: Stack, requests: Sequence[bytes]) -> float:
    connections = min(CONNECTIONS, len(requests))
    load = closed_loop(stack.port, iter(requests), connections=connections, seconds=PATIENCE_SECONDS)
    if load.answered != len(requests):
        raise RuntimeError(f"not everything was taken: {dict(load.statuses)}")
    return load.seconds


def _requests(lines: Sequence[bytes], batch: int) -> list[bytes]:
    rest: Iterator[bytes] = iter(lines)
    found = []
    while part := list(islice(rest, batch)):
        found.append(request("/v1/traces", span_request(part), content_type="application/x-protobuf"))
    return found


def span_request(lines: Sequence[bytes]) -> bytes:
    """Return an ExportTraceServiceRequest with one LLM span for every record."""
    export = ExportTraceServiceRequest()
    group = export.resource_spans.add()
    service = group.resource.attributes.add(key="service.name")
    service.value.string_value = "benchmark"
    scoped = group.scope_spans.add()
    scoped.scope.name = "benchmark"  # as every instrumentation says; what says nothing may be two of them
    spans = scoped.spans
    now_ns = time.time_ns()
    for line in lines:
        record = msgspec.json.decode(line)
        span = spans.add(
            trace_id=os.urandom(16),
            span_id=os.urandom(8),
            name=f"chat {record['model_name']}",
            start_time_unix_nano=now_ns - 2_000_000_000,
            end_time_unix_nano=now_ns,
        )
        _describe(span, record)
    return bytes(export.SerializeToString())


def _describe(span: Span, record: dict[str, str]) -> None:
    texts = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": record["model_name"],
        "gen_ai.response.model": record["model_name"],
        "gen_ai.response.id": f"chatcmpl-{span.span_id.hex()}",
        "gen_ai.conversation.id": record["session_id"],
        "user.id": record["user_id"],
        "gen_ai.input.messages": _message("user", record["prompt"]),
        "gen_ai.output.messages": _message("assistant", record["response"]),
    }
    if "context" in record:
        texts["gen_ai.retrieval.documents"] = msgspec.json.encode([{"content": record["context"]}]).decode()
    for name, text in texts.items():
        span.attributes.add(key=name).value.string_value = text
    counts = {"input_tokens": len(record["prompt"]) // 4, "output_tokens": len(record["response"]) // 4}
    for name, count in counts.items():
        span.attributes.add(key=f"gen_ai.usage.{name}").value.int_value = count


def _message(role: str, text: str) -> str:
    return msgspec.json.encode([{"role": role, "parts": [{"type": "text", "content": text}]}]).decode()
