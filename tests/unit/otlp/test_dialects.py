from __future__ import annotations

import json
from typing import Any

import pytest

from tests.unit.otlp.spans import START_NS, record_of, span

CALL = {"id": "c1", "type": "function", "function": {"name": "weather", "arguments": '{"city":"Paris"}'}}
WEATHER = {"prompt": "Is it raining?", "response": "No.", "system_prompt": "Be brief."}
PARTS = [{"type": "text", "content": "Is it raining?"}]
NEW_INPUT = [
    {"role": "system", "parts": [{"type": "text", "content": "Be brief."}]},
    {"role": "user", "parts": PARTS},
]
NEW_OUTPUT = [{"role": "assistant", "parts": [{"type": "text", "content": "No."}], "finish_reason": "stop"}]

SAID: dict[str, tuple[dict[str, Any], list[tuple[str, dict[str, Any]]]]] = {
    "semconv, structured": ({"gen_ai.input.messages": NEW_INPUT, "gen_ai.output.messages": NEW_OUTPUT}, []),
    "semconv, JSON in a string": (
        {
            "gen_ai.system_instructions": '[{"type":"text","content":"Be brief."}]',
            "gen_ai.input.messages": json.dumps(NEW_INPUT[1:]),
            "gen_ai.output.messages": json.dumps(NEW_OUTPUT),
        },
        [],
    ),
    "semconv, details event": (
        {},
        [
            (
                "gen_ai.client.inference.operation.details",
                {"gen_ai.input.messages": NEW_INPUT, "gen_ai.output.messages": NEW_OUTPUT},
            )
        ],
    ),
    "semconv 1.28, message events": (
        {},
        [
            ("gen_ai.system.message", {"content": "Be brief."}),
            ("gen_ai.user.message", {"content": "Is it raining?"}),
            ("gen_ai.choice", {"index": 0, "message": '{"role":"assistant","content":"No."}'}),
        ],
    ),
    "semconv 1.27, content events": (
        {},
        [
            (
                "gen_ai.content.prompt",
                {
                    "gen_ai.prompt": '[{"role":"system","content":"Be brief."},'
                    '{"role":"user","content":"Is it raining?"}]'
                },
            ),
            ("gen_ai.content.completion", {"gen_ai.completion": '[{"role":"assistant","content":"No."}]'}),
        ],
    ),
    "OpenLLMetry": (
        {
            "gen_ai.prompt.0.role": "system",
            "gen_ai.prompt.0.content": "Be brief.",
            "gen_ai.prompt.1.role": "user",
            "gen_ai.prompt.1.content": "Is it raining?",
            "gen_ai.completion.0.role": "assistant",
            "gen_ai.completion.0.content": "No.",
        },
        [],
    ),
    "OpenInference": (
        {
            "llm.input_messages.0.message.role": "system",
            "llm.input_messages.0.message.content": "Be brief.",
            "llm.input_messages.1.message.role": "user",
            "llm.input_messages.1.message.contents.0.message_content.type": "text",
            "llm.input_messages.1.message.contents.0.message_content.text": "Is it raining?",
            "llm.output_messages.0.message.role": "assistant",
            "llm.output_messages.0.message.content": "No.",
            "input.value": "another view of the same",
            "output.value": "another view of the same",
        },
        [],
    ),
    "Vercel": (
        {
            "ai.operationId": "ai.generateText.doGenerate",
            "ai.prompt.messages": json.dumps(
                [
                    {"role": "system", "content": "Be brief."},
                    {"role": "user", "content": [{"type": "text", "text": "Is it raining?"}]},
                ]
            ),
            "ai.response.text": "No.",
        },
        [],
    ),
    "Langfuse": (
        {
            "langfuse.observation.type": "generation",
            "langfuse.observation.input": '{"messages":[{"role":"system","content":"Be brief."},'
            '{"role":"user","content":"Is it raining?"}]}',
            "langfuse.observation.output": '{"role":"assistant","content":"No."}',
        },
        [],
    ),
    "plain values of a request and its answer": (
        {
            "openinference.span.kind": "LLM",
            "input.value": '{"model":"m","messages":[{"role":"system","content":"Be brief."},'
            '{"role":"user","content":"Is it raining?"}]}',
            "output.value": '{"choices":[{"index":0,"message":{"role":"assistant","content":"No."}}]}',
        },
        [],
    ),
}


@pytest.mark.parametrize(("attributes", "events"), SAID.values(), ids=SAID)
def test_every_convention_says_the_same(attributes: dict[str, Any], events: Any) -> None:
    record = record_of(span({"gen_ai.operation.name": "chat", **attributes}, events=events))
    assert {name: getattr(record, name) for name in WEATHER} == WEATHER
    assert record.marks == ()


CALLED: dict[str, tuple[dict[str, Any], list[tuple[str, dict[str, Any]]]]] = {
    "semconv": (
        {
            "gen_ai.output.messages": [
                {
                    "role": "assistant",
                    "parts": [
                        {"type": "tool_call", "id": "c1", "name": "weather", "arguments": {"city": "Paris"}}
                    ],
                }
            ]
        },
        [],
    ),
    "message events": (
        {},
        [("gen_ai.choice", {"message": json.dumps({"role": "assistant", "tool_calls": [CALL]})})],
    ),
    "OpenLLMetry": (
        {
            "gen_ai.completion.0.role": "assistant",
            "gen_ai.completion.0.tool_calls.0.id": "c1",
            "gen_ai.completion.0.tool_calls.0.name": "weather",
            "gen_ai.completion.0.tool_calls.0.arguments": '{"city":"Paris"}',
        },
        [],
    ),
    "OpenInference": (
        {
            "llm.output_messages.0.message.role": "assistant",
            "llm.output_messages.0.message.tool_calls.0.tool_call.id": "c1",
            "llm.output_messages.0.message.tool_calls.0.tool_call.function.name": "weather",
            "llm.output_messages.0.message.tool_calls.0.tool_call.function.arguments": '{"city":"Paris"}',
        },
        [],
    ),
    "Vercel": (
        {
            "ai.response.toolCalls": '[{"toolCallId":"c1","toolName":"weather","args":"{\\"city\\":\\"Paris\\"}"}]'
        },
        [],
    ),
}


@pytest.mark.parametrize(("attributes", "events"), CALLED.values(), ids=CALLED)
def test_a_tool_call_is_kept_as_message_and_is_no_text(attributes: dict[str, Any], events: Any) -> None:
    record = record_of(span({"gen_ai.operation.name": "chat", **attributes}, events=events))
    assert record.response == ""
    (message,) = record.messages
    assert message == {"role": "assistant", "content": "", "tool_calls": [CALL]}


COUNTS = {
    "prompt_tokens": 100,
    "completion_tokens": 20,
    "cache_read_tokens": 60,
    "cache_write_tokens": 5,
    "reasoning_tokens": 7,
}
USAGES: dict[str, dict[str, Any]] = {
    "semconv": {
        "gen_ai.usage.input_tokens": 100,
        "gen_ai.usage.output_tokens": 20,
        "gen_ai.usage.cache_read.input_tokens": 60,
        "gen_ai.usage.cache_creation.input_tokens": 5,
        "gen_ai.usage.reasoning.output_tokens": 7,
    },
    "semconv, renamed": {
        "gen_ai.usage.input_tokens": 100,
        "gen_ai.usage.output_tokens": 20,
        "gen_ai.usage.cache_read.input_tokens": 60,
        "gen_ai.usage.cache_write.input_tokens": 5,
        "gen_ai.usage.reasoning_tokens": 7,
    },
    "OpenInference": {
        "llm.token_count.prompt": 100,
        "llm.token_count.completion": 20,
        "llm.token_count.prompt_details.cache_read": 60,
        "llm.token_count.prompt_details.cache_write": 5,
        "llm.token_count.completion_details.reasoning": 7,
    },
    "OpenLLMetry": {
        "gen_ai.usage.prompt_tokens": "100",
        "gen_ai.usage.completion_tokens": 20.0,
        "gen_ai.usage.cache_read_input_tokens": 60,
        "gen_ai.usage.cache_creation_input_tokens": 5,
        "llm.usage.reasoning_tokens": 7,
    },
    "Vercel": {
        "ai.usage.promptTokens": 100,
        "ai.usage.completionTokens": 20,
        "ai.usage.cachedInputTokens": 60,
        "ai.usage.inputTokenDetails.cacheWriteTokens": 5,
        "ai.usage.reasoningTokens": 7,
    },
    "Langfuse, as the provider said": {
        "langfuse.observation.usage_details": json.dumps(
            {
                "prompt_tokens": 100,
                "completion_tokens": 20,
                "prompt_tokens_details": {"cached_tokens": 60},
                "completion_tokens_details": {"reasoning_tokens": 7},
                "cache_creation_input_tokens": 5,
            }
        )
    },
    "Langfuse, whose parts are not in its totals": {
        "langfuse.observation.usage_details": '{"input":35,"output":13,"input_cached_tokens":60,'
        '"cache_creation_input_tokens":5,"output_reasoning_tokens":7}'
    },
}


@pytest.mark.parametrize("attributes", USAGES.values(), ids=USAGES)
def test_every_convention_counts_the_same(attributes: dict[str, Any]) -> None:
    record = record_of(span({"gen_ai.operation.name": "chat", **attributes}))
    assert {name: getattr(record, name) for name in COUNTS} == COUNTS


@pytest.mark.parametrize("count", [-1, 2**54, True, "many", 1.5, float("nan"), None, [1]])
def test_what_is_no_count_is_unknown(count: Any) -> None:
    record = record_of(span({"gen_ai.operation.name": "chat", "gen_ai.usage.input_tokens": count}))
    assert record.prompt_tokens is None


@pytest.mark.parametrize(
    ("prompt", "cached", "exclusive"), [(100, 100, False), (100, 101, True), (None, 5, False)]
)
def test_more_cached_than_counted_is_marked(prompt: int | None, cached: int, exclusive: object) -> None:
    usage = {"gen_ai.usage.input_tokens": prompt, "gen_ai.usage.cache_read.input_tokens": cached}
    record = record_of(span({"gen_ai.operation.name": "chat", "input.value": "hi", **usage}))
    assert ("usage_exclusive" in record.marks) is exclusive


FIELDS: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"gen_ai.request.model": "m", "gen_ai.response.model": "m-1"}, {"model_name": "m-1"}),
    ({"llm.model_name": "m"}, {"model_name": "m"}),
    (
        {"ai.model.id": "m", "ai.model.provider": "openai.chat"},
        {"model_name": "m", "provider": "openai.chat"},
    ),
    ({"llm.model.name": "m"}, {"model_name": "unknown"}),
    ({"gen_ai.provider.name": "anthropic", "gen_ai.system": "other"}, {"provider": "anthropic"}),
    ({"gen_ai.system": "openai"}, {"provider": "openai"}),
    ({"gen_ai.conversation.id": "s", "session.id": "other"}, {"session_id": "s"}),
    ({"langfuse.session.id": "s", "langfuse.user.id": "u"}, {"session_id": "s", "user_id": "u"}),
    ({"traceloop.association.properties.user_id": 7}, {"user_id": "7"}),
    ({"enduser.id": "u"}, {"user_id": "u"}),
    ({"user.name": "u"}, {"user_id": None}),
    ({"gen_ai.prompt.name": "greeting"}, {"template_id": "greeting"}),
    ({"gen_ai.response.time_to_first_chunk": 0.25}, {"time_to_first_token_ms": 250.0}),
    ({"ai.response.msToFirstChunk": 80.5}, {"time_to_first_token_ms": 80.5}),
    ({"tag.tags": ["a", "b", "a"]}, {"tags": ("a", "b")}),
    ({"langfuse.trace.tags": "a"}, {"tags": ()}),
    ({"error.type": "RateLimitError"}, {"error": "RateLimitError"}),
    ({"gen_ai.retrieval.documents": '[{"id":"1","content":"Paris."}]'}, {"context": ("Paris.",)}),
    ({"retrieval.documents.0.document.content": "Paris."}, {"context": ("Paris.",)}),
    ({"retrieval.documents.0.document.id": "Paris."}, {"context": ()}),
]


@pytest.mark.parametrize(("attributes", "expected"), FIELDS)
def test_fields_are_read_from_their_names(attributes: dict[str, Any], expected: dict[str, Any]) -> None:
    record = record_of(span({"gen_ai.operation.name": "chat", **attributes}))
    assert {name: getattr(record, name) for name in expected} == expected


def test_time_error_and_first_token_come_from_the_span_and_its_events() -> None:
    events = [
        ("First Token Stream Event", {}),
        ("exception", {"exception.type": "TimeoutError", "exception.message": "too late"}),
    ]
    record = record_of(span({"openinference.span.kind": "LLM"}, events=events, failed=True))
    assert (record.response_time_ms, record.time_to_first_token_ms) == (250.0, 100.0)
    assert record.error == "TimeoutError: too late"
    assert record.timestamp is not None
    assert record.timestamp.timestamp() == START_NS / 1e9


def test_a_call_without_text_is_marked_and_a_step_is_not() -> None:
    assert record_of(span({"gen_ai.operation.name": "chat"})).marks == ("no_content",)
    assert record_of(span({"gen_ai.operation.name": "invoke_agent"})).marks == ()
    assert record_of(span({"gen_ai.operation.name": "chat", "input.value": "hi"})).marks == ()


def test_what_was_said_is_no_metadata_too_and_the_rest_is() -> None:
    record = record_of(
        span(
            {
                "gen_ai.operation.name": "chat",
                "gen_ai.prompt.0.content": "hi",
                "gen_ai.request.temperature": 0.5,
            },
            resource={"service.name": "shop"},
            scope="lib",
        )
    )
    assert record.metadata == {
        "gen_ai.operation.name": "chat",
        "gen_ai.request.temperature": 0.5,
        "span.name": "call",
        "otel.scope": "lib",
        "service.name": "shop",
    }
    large = record_of(span({"gen_ai.operation.name": "chat", "x": "x" * 70_000}))
    assert large.metadata == {"metadata_dropped": 2, "span.name": "call"}


@pytest.mark.parametrize(
    "answer",
    ['[{"type":"order","id":7}]', '{"type":"text"}', "[1, 2]", '{"role": 1}', '"quoted"', "[not json"],
)
def test_an_answer_that_is_json_itself_stays_as_it_is(answer: str) -> None:
    messages = [{"role": "assistant", "parts": [{"type": "text", "content": answer}]}]
    record = record_of(span({"gen_ai.operation.name": "chat", "gen_ai.output.messages": messages}))
    assert record.response == answer
