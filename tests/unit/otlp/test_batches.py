from __future__ import annotations

import json
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.errors import BodyTooLarge, MalformedBody
from app.otlp import protojson
from app.otlp.mapping import map_spans, response_key
from app.otlp.signals import Malformed
from app.schemas.queued import Envelope, decode_envelope, encode
from app.schemas.records import Rejection
from monitoring.models import Record
from tests.unit.otlp.spans import START_NS, TRACE, json_request, json_span, mapped, span

KINDS: list[tuple[dict[str, Any], str]] = [
    ({"gen_ai.operation.name": "chat"}, "llm"),
    ({"gen_ai.operation.name": "generate_content"}, "llm"),
    ({"gen_ai.operation.name": "embeddings"}, "embedding"),
    ({"gen_ai.operation.name": "execute_tool"}, "tool"),
    ({"gen_ai.operation.name": "invoke_agent", "gen_ai.usage.input_tokens": 5}, "agent"),
    ({"openinference.span.kind": "LLM"}, "llm"),
    ({"openinference.span.kind": "CHAIN", "gen_ai.operation.name": "chat"}, "chain"),
    ({"openinference.span.kind": "RETRIEVER"}, "retriever"),
    ({"llm.request.type": "chat"}, "llm"),
    ({"traceloop.span.kind": "workflow"}, "chain"),
    ({"ai.operationId": "ai.generateText", "gen_ai.request.model": "m"}, "chain"),
    ({"ai.operationId": "ai.streamText.doStream"}, "llm"),
    ({"ai.operationId": "ai.embedMany.doEmbed"}, "embedding"),
    ({"ai.operationId": "ai.toolCall"}, "tool"),
    ({"langfuse.observation.type": "generation"}, "llm"),
    ({"langfuse.observation.type": "span"}, "span"),
    ({"gen_ai.request.model": "m", "gen_ai.usage.output_tokens": 3}, "llm"),
    ({"gen_ai.request.model": "m"}, "span"),
    ({"http.request.method": "POST"}, "span"),
    ({}, "span"),
]


@pytest.mark.parametrize(("attributes", "kind"), KINDS)
def test_the_kind_of_a_span(attributes: dict[str, Any], kind: str) -> None:
    (found,) = mapped(span(attributes))
    assert found.context is not None
    assert found.context.kind == kind


def test_a_call_gets_what_was_retrieved_before_it_in_its_trace() -> None:
    documents = {"openinference.span.kind": "RETRIEVER", "retrieval.documents.0.document.content": "Paris."}
    call = span({"openinference.span.kind": "LLM", "input.value": "q"}, number=3, start_ns=START_NS + 10**9)
    before, after = (
        span(documents, number=2),
        span(documents, number=2, start_ns=START_NS + 10**9, end_ns=START_NS + 2 * 10**9),
    )
    other = span(documents, number=2, trace_id=bytes(15) + b"\1")
    own = span({**call.attributes, "retrieval.documents.0.document.content": "Rome."}, number=3)
    for batch, context in (
        ((before, call), ("Paris.",)),
        ((call, before), ("Paris.",)),
        ((after, call), ()),
        ((other, call), ()),
        ((before, own), ("Rome.",)),
    ):
        records = [one.line for one in mapped(*batch) if one.context and one.context.kind == "llm"]
        assert [record.context for record in records if isinstance(record, Record)] == [context]


@pytest.mark.parametrize(
    ("ids", "reason"),
    [
        ({"trace_id": bytes(16)}, "trace id"),
        ({"trace_id": b"short"}, "trace id"),
        ({"span_id": bytes(8)}, "span id"),
        ({"span_id": b""}, "span id"),
    ],
)
def test_a_span_without_valid_ids_is_rejected_alone(ids: dict[str, Any], reason: str) -> None:
    bad, good = mapped(span({}, **ids), span({}, number=2))
    assert isinstance(bad.line, Rejection)
    assert (bad.line.line, bad.key) == (1, None)
    assert reason in bad.line.message
    assert isinstance(good.line, Record)
    assert good.key == f"otel:{TRACE.hex()}:0000000000000002"


def test_what_could_not_be_read_keeps_its_place() -> None:
    found = map_spans([span({}), Malformed("no time"), span({}, number=2)])
    assert [isinstance(one.line, Record) for one in found] == [True, False, True]
    assert found[1].line == Rejection(2, None, "no time")


def test_numbers_too_large_for_the_queue_travel_as_texts() -> None:
    huge = '[{"role":"user","parts":[{"type":"tool_call","name":"f","arguments":{"n":' + "9" * 40 + "}}]}]"
    bad, good = mapped(
        span({"gen_ai.operation.name": "chat", "gen_ai.input.messages": huge}), span({}, number=2)
    )
    for one in (bad, good):
        assert isinstance(one.line, Record)
        envelope = Envelope(trace_id=_ID, project_id="p", source="live", record=one.line)
        assert decode_envelope(encode(envelope)) == envelope


_ID = UUID(int=1)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["role", "content", "parts", "type", "text", "messages", "message", "tool_calls", "x"]
            ),
            inner,
            max_size=3,
        )
    ),
    max_leaves=12,
)
NAMES = st.sampled_from(
    [
        "gen_ai.input.messages",
        "gen_ai.output.messages",
        "gen_ai.system_instructions",
        "gen_ai.prompt.0.content",
        "gen_ai.prompt.0.tool_calls.0",
        "llm.input_messages.0.message.contents",
        "llm.input_messages.9999999.message",
        "input.value",
        "ai.prompt",
        "ai.response.toolCalls",
        "retrieval.documents.0",
        "gen_ai.retrieval.documents",
        "langfuse.observation.usage_details",
        "gen_ai.usage.input_tokens",
        "tag.tags",
        "session.id",
    ]
)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(NAMES, VALUES | VALUES.map(json.dumps), max_size=5))
def test_whatever_attributes_hold_becomes_a_record_that_travels(attributes: dict[str, Any]) -> None:
    (found,) = mapped(span({"gen_ai.operation.name": "chat", **attributes}))
    assert isinstance(found.line, Rejection | Record)
    if isinstance(found.line, Record):
        envelope = Envelope(trace_id=_ID, project_id="p", source="live", record=found.line)
        assert decode_envelope(encode(envelope)).trace_id == _ID


def test_a_body_that_is_nested_too_deeply_is_refused() -> None:
    text = json.dumps(json_request([{**json_span(span({})), "attributes": []}]))
    inner = '{"arrayValue":{"values":[' * 3_000 + "]}}" * 3_000
    body = text.replace('"attributes": []', '"attributes": [{"key":"a","value":' + inner + "}]")
    with pytest.raises(MalformedBody):
        protojson.read_spans(body.encode())


RETRIEVER = {"openinference.span.kind": "RETRIEVER"}
CHAT = {"gen_ai.operation.name": "chat", "input.value": "q"}


def test_a_call_gets_the_passages_that_were_there_first_and_no_others() -> None:
    retrievers = [
        span({**RETRIEVER, "retrieval.documents.0.document.content": f"d{n}"}, number=n, milliseconds=200 - n)
        for n in range(1, 100)
    ]
    late = span(CHAT, number=200, start_ns=START_NS + 150_000_000, end_ns=START_NS + 300_000_000)
    last = span(CHAT, number=201, start_ns=START_NS + 300_000_000, end_ns=START_NS + 400_000_000)
    found = mapped(*retrievers, late, last)
    contexts = [one.line.context for one in found[-2:] if isinstance(one.line, Record)]
    assert contexts[0] == tuple(f"d{n}" for n in range(99, 49, -1))
    assert contexts[1] == tuple(f"d{n}" for n in range(99, 35, -1))


def test_documents_that_very_many_calls_would_get_are_refused() -> None:
    found = span({**RETRIEVER, "retrieval.documents.0.document.content": "d" * 1_500_000}, milliseconds=1)
    after: dict[str, Any] = {"start_ns": START_NS + 10**9, "end_ns": START_NS + 2 * 10**9}
    assert len(mapped(found, *(span(CHAT, number=n, **after) for n in range(2, 90)))) == 89
    with pytest.raises(BodyTooLarge, match=r"documents.*several requests"):
        mapped(found, *(span(CHAT, number=n, **after) for n in range(2, 100)))


def test_messages_written_into_texts_are_counted_for_the_whole_request(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("app.otlp.mapping._MOST_MESSAGES", 5_000)
    said = "[" + ",".join(['{"content":"a"}'] * 900) + "]"
    assert len(mapped(*(span({**CHAT, "gen_ai.input.messages": said}, number=n) for n in range(1, 3)))) == 2
    with pytest.raises(BodyTooLarge, match="5000 messages"):
        mapped(*(span({**CHAT, "gen_ai.input.messages": said}, number=n) for n in range(1, 7)))


def test_json_of_too_many_values_stays_a_text() -> None:
    said = "[" + ",".join(["1"] * 250_000) + "]"
    (found,) = mapped(span({**CHAT, "output.value": said}))
    assert isinstance(found.line, Record)
    assert found.line.response == said


def test_what_all_spans_share_is_kept_short() -> None:
    (found,) = mapped(span(CHAT, scope="s" * 9_000, resource={"service.name": "n" * 9_000}))
    assert isinstance(found.line, Record)
    assert len(found.line.metadata["service.name"]) == len(found.line.metadata["otel.scope"]) == 512


@pytest.mark.parametrize("attributes", [RETRIEVER, CHAT])
def test_names_of_any_depth_cost_their_span_alone(attributes: dict[str, Any]) -> None:
    deep = span({**attributes, "retrieval.documents." + "a." * 5_000: "x"})
    found = mapped(deep, span(CHAT, number=2))
    assert isinstance(found[0].line, Rejection)
    assert isinstance(found[1].line, Record)


def test_ids_that_are_no_text_travel_as_text() -> None:
    said = json.dumps([{"role": "assistant", "tool_calls": [{"id": 2**70, "function": {"name": [1]}}]}])
    (found,) = mapped(span({**CHAT, "gen_ai.output.messages": said}))
    assert isinstance(found.line, Record)
    (message,) = found.line.messages[1:]
    assert message["tool_calls"][0]["function"]["name"] == "[1]"


def test_a_resource_that_cannot_be_read_costs_its_own_spans_alone() -> None:
    request = json_request([json_span(span(CHAT))])
    (group,) = request["resourceSpans"]
    broken = {**group, "resource": {"attributes": [{"key": "a", "value": {"intValue": "9" * 30}}]}}
    request["resourceSpans"] = [broken, group]
    first, second = protojson.read_spans(json.dumps(request).encode())
    assert isinstance(first, Malformed)
    assert not isinstance(second, Malformed)


ANSWER = '{"id": "msg_1", "model": "claude", "content": []}'


@pytest.mark.parametrize(
    ("attributes", "named"),
    [
        ({"gen_ai.response.id": "msg_1"}, True),
        ({"ai.response.id": "msg_1"}, True),
        ({"output.value": ANSWER}, True),
        ({"output.value": ANSWER, "gen_ai.response.id": "other"}, False),
        ({"output.value": '{"id": "msg_1", "name": "a record that a model wrote"}'}, False),
        ({"output.value": '{"id": 1, "model": "claude"}'}, False),
        ({"output.value": '{"id": "msg_1", "model": "claude"'}, False),
        ({"output.value": '{"id": "\ud800", "model": "claude"}'}, False),
        ({"output.value": '{"a":' * 50_000}, False),
        ({"output.value": "msg_1"}, False),
    ],
)
def test_a_response_is_named_beside_it_or_in_it(attributes: dict[str, Any], named: bool) -> None:  # noqa: FBT001 a table
    known = response_key({"gen_ai.response.id": "msg_1"})
    assert known is not None
    assert (response_key(attributes) == known) is named
