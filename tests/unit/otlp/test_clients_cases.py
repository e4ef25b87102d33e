"""Spans of clients and frameworks that others met in use, and what they say."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from app.otlp.kinds import kind_of
from monitoring.spending.pricing import Usage, price
from tests.unit.otlp.spans import START_NS, record_of, span

TALK = {"system_prompt": "Be brief.", "prompt": "Where?", "response": "In Lyon."}
CHAT = {"gen_ai.operation.name": "chat"}
ASKED = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Where?"}]
ANSWERED = {"role": "assistant", "content": "In Lyon."}

SAID: dict[str, tuple[dict[str, Any], list[tuple[str, dict[str, Any]]]]] = {
    "pydantic-ai 1": (
        {
            **CHAT,
            "events": json.dumps(
                [
                    {"content": "Be brief.", "role": "system", "event.name": "gen_ai.system.message"},
                    {"content": "Where?", "role": "user", "event.name": "gen_ai.user.message"},
                    {"index": 0, "message": ANSWERED, "event.name": "gen_ai.choice"},
                ]
            ),
        },
        [],
    ),
    "pydantic-ai 1, agent": (
        {**CHAT, "all_messages_events": json.dumps([
            {"content": "Be brief.", "role": "system", "event.name": "gen_ai.system.message"},
            {"content": "Where?", "role": "user", "event.name": "gen_ai.user.message"}]), "final_result": "In Lyon."},
        [],
    ),
    "Logfire": (
        {**CHAT, "request_data": json.dumps({"messages": ASKED, "model": "gpt-4o"}),
         "response_data": json.dumps({"message": ANSWERED, "usage": {}})},
        [],
    ),
    "Google ADK": (
        {
            "gen_ai.operation.name": "call_llm",
            "gcp.vertex.agent.llm_request": json.dumps(
                {"config": {"system_instruction": "Be brief."}, "contents": [{"role": "user", "parts": [{"text": "Where?"}]}]}
            ),
            "gcp.vertex.agent.llm_response": json.dumps({"content": {"role": "model", "parts": [{"text": "In Lyon."}]}}),
        },
        [],
    ),
    "MLflow": (
        {
            "mlflow.spanType": '"CHAT_MODEL"',
            "mlflow.spanInputs": json.dumps({"model": "gpt-4o-mini", "messages": ASKED}),
            "mlflow.spanOutputs": json.dumps({"choices": [{"message": ANSWERED}]}),
        },
        [],
    ),
    "LangSmith": (
        {
            "langsmith.span.kind": "llm",
            "gen_ai.operation.name": "chat",
            "gen_ai.prompt": json.dumps({"messages": [[
                {"lc": 1, "type": "constructor", "id": ["langchain", "schema", "messages", "SystemMessage"],
                 "kwargs": {"content": "Be brief."}},
                {"lc": 1, "type": "constructor", "id": ["langchain", "schema", "messages", "HumanMessage"],
                 "kwargs": {"content": "Where?"}}]]}),
            "gen_ai.completion": json.dumps({"generations": [[{"text": "In Lyon."}]]}),
        },
        [],
    ),
    "Strands": (
        CHAT,
        [
            ("gen_ai.system.message", {"content": '[{"text": "Be brief."}]'}),
            ("gen_ai.user.message", {"content": '[{"text": "Where?"}]'}),
            ("gen_ai.choice", {"message": '[{"reasoningContent": {"reasoningText": {"text": "Hm."}}}, {"text": "In Lyon."}]'}),
        ],
    ),
    "array of JSON strings": (
        {**CHAT, "gen_ai.input.messages": [json.dumps(one) for one in ASKED],
         "gen_ai.output.messages": [json.dumps(ANSWERED)]},
        [],
    ),
    "Vercel's quotes": ({**CHAT, "gen_ai.system_instructions": "Be brief.", "ai.values": ['"Where?"'],
                         "output.value": '"In Lyon."'}, []),
}  # fmt: skip


@pytest.mark.parametrize(("attributes", "events"), SAID.values(), ids=SAID)
def test_every_client_says_the_same(attributes: dict[str, Any], events: Any) -> None:
    record = record_of(span(attributes, events=events))
    assert {name: getattr(record, name) for name in TALK} == TALK
    assert record.marks == ()


def test_a_tool_call_of_litellm_is_kept() -> None:
    attributes = {
        **CHAT,
        "gen_ai.completion.0.role": "assistant",
        "gen_ai.completion.0.function_call.name": "track",
        "gen_ai.completion.0.function_call.arguments": '{"id":7}',
    }
    (message,) = record_of(span(attributes)).messages
    assert message["tool_calls"][0]["function"] == {"name": "track", "arguments": '{"id":7}'}


def test_what_a_tool_answered_is_context_and_what_it_was_asked_is_not() -> None:
    messages = [
        {"role": "user", "content": "Where?"},
        {"role": "assistant", "tool_calls": [{"id": "c", "function": {"name": "track", "arguments": "{}"}}]},
        {"role": "tool", "tool_call_id": "c", "content": '{"place":"Lyon"}'},
    ]
    record = record_of(span({**CHAT, "gen_ai.input.messages": messages, "output.value": "In Lyon."}))
    assert record.context == ('{"place":"Lyon"}',)


MARKED = [
    ('[{"role": "user", "content": "Where is my parc', "Where is my parc", ("truncated",)),
    ('{"depot": "Lyon", "days": 2}', '{"depot": "Lyon", "days": 2}', ("unrecognised_shape",)),
    ("[Note] Where?", "[Note] Where?", ()),
]


@pytest.mark.parametrize(("text", "prompt", "marks"), MARKED)
def test_what_is_cut_or_unknown_is_marked(text: str, prompt: str, marks: tuple[str, ...]) -> None:
    record = record_of(span({**CHAT, "input.value": text, "output.value": "In Lyon."}))
    assert (record.prompt, record.marks) == (prompt, marks)


KINDS: list[tuple[dict[str, Any], str]] = [
    ({"mlflow.spanType": '"CHAT_MODEL"'}, "llm"),
    ({"mlflow.spanType": "LLM"}, "llm"),
    ({"mlflow.spanType": '"EMBEDDING"'}, "embedding"),
    ({"mlflow.spanType": '"RETRIEVER"'}, "retriever"),
    ({"mlflow.spanType": '"RERANKER"'}, "reranker"),
    ({"mlflow.spanType": '"TOOL"'}, "tool"),
    ({"mlflow.spanType": '"AGENT"'}, "agent"),
    ({"mlflow.spanType": '"UNKNOWN"'}, "span"),
    ({"langsmith.span.kind": "prompt", "gen_ai.operation.name": "chat"}, "chain"),
    ({"langsmith.span.kind": "retriever", "gen_ai.operation.name": "embeddings"}, "retriever"),
    ({"langsmith.span.kind": "llm", "gen_ai.operation.name": "chat"}, "llm"),
    ({"langsmith.span.kind": "parser", "gen_ai.operation.name": "parser"}, "chain"),
    ({"span.type": "llm_request", "gen_ai.request.model": "claude", "input_tokens": 3}, "llm"),
    ({"span.type": "tool", "gen_ai.request.model": "claude"}, "tool"),
    ({"gen_ai.request.model": "claude", "input_tokens": 3, "output_tokens": 2}, "llm"),
    ({"input_tokens": 3, "output_tokens": 2}, "span"),
    ({"gen_ai.operation.name": "call_llm"}, "llm"),
]


@pytest.mark.parametrize(("attributes", "kind"), KINDS)
def test_kinds_are_read_from_what_each_client_calls_them(attributes: dict[str, Any], kind: str) -> None:
    assert kind_of(span(attributes)) == kind


OPENINFERENCE, LANGSMITH = {"openinference.span.kind": "LLM"}, {"gen_ai.operation.name": "chat"}
NAMES: list[tuple[dict[str, Any], str, str]] = [
    (OPENINFERENCE, "OpenAI._prepare_chat_with_tools", "chain"),
    (OPENINFERENCE, "FunctionCallingLLM.prepare_chat_with_tools", "chain"),
    (OPENINFERENCE, "Anthropic.get_tool_calls_from_response", "chain"),
    (OPENINFERENCE, "DefaultPromptTemplate.format_messages", "chain"),
    (OPENINFERENCE, "OpenAI.chat_with_tools", "llm"),
    (OPENINFERENCE, "OpenAI.format_and_chat", "llm"),
    ({**OPENINFERENCE, "llm.token_count.completion": 5}, "Formatter.format", "llm"),
    (LANGSMITH, "ChatPromptTemplate", "chain"),
    (LANGSMITH, "FewShotPromptTemplate.invoke", "chain"),
    (LANGSMITH, "ChatOpenAI", "llm"),
    (LANGSMITH, "PromptTemplates", "llm"),
    ({**LANGSMITH, "gen_ai.usage.output_tokens": 5}, "ChatPromptTemplate", "llm"),
    ({"gen_ai.operation.name": "embeddings"}, "PromptTemplate", "chain"),
    ({"gen_ai.operation.name": "embeddings"}, "OpenAIEmbedding.get_query_embedding", "embedding"),
]


@pytest.mark.parametrize(("attributes", "name", "kind"), NAMES)
def test_what_prepares_a_call_is_none(attributes: dict[str, Any], name: str, kind: str) -> None:
    assert kind_of(span(attributes, name=name)) == kind


MODELS = [
    ({"gen_ai.request.model": "gpt-4o-mini", "gen_ai.response.model": "none"}, "gpt-4o-mini"),
    ({"gen_ai.request.model": "gpt-4o-mini", "gen_ai.response.model": "support-bot"}, "gpt-4o-mini"),
    ({"gen_ai.request.model": "gpt-4o", "gen_ai.response.model": "gpt-4o-2024-08-06"}, "gpt-4o-2024-08-06"),
    ({"gen_ai.request.model": "house", "gen_ai.response.model": "house-2"}, "house-2"),
    ({"gen_ai.response.model": "house-2"}, "house-2"),
    ({"mlflow.llm.model": '"gpt-4o-mini"'}, "gpt-4o-mini"),
    ({"gen_ai.request.model": "gpt-4o-mini", "gen_ai.response.model": "N/A"}, "gpt-4o-mini"),
    ({"gen_ai.request.model": "house", "gen_ai.response.model": "none"}, "house"),
    ({"gen_ai.request.model": "unknown", "gen_ai.response.model": "None"}, "unknown"),
    (
        {"gen_ai.request.model": "openai/gpt-4o-mini", "gen_ai.response.model": "prod-chat"},
        "openai/gpt-4o-mini",
    ),
    ({"gen_ai.request.model": "prod-chat", "gen_ai.response.model": "gpt-4o-mini"}, "gpt-4o-mini"),
    (
        {
            "gen_ai.request.model": "prod",
            "gen_ai.response.model": "prod",
            "litellm.provider.model": "openai/gpt-4o-mini",
        },
        "openai/gpt-4o-mini",
    ),
    ({"llm.model_name": "prod", "ai.model.id": "gpt-4o-mini"}, "gpt-4o-mini"),
    ({"llm.model_name": "house", "ai.model.id": "home"}, "house"),
    ({"gen_ai.request.model": "gpt-4o", "gen_ai.response.model": "gpt-4o-mini"}, "gpt-4o-mini"),
]


@pytest.mark.parametrize(("attributes", "model"), MODELS)
def test_an_alias_of_a_gateway_does_not_hide_a_known_model(attributes: dict[str, Any], model: str) -> None:
    assert record_of(span({**CHAT, "gen_ai.system": "openai", **attributes})).model_name == model


PROVIDERS = [
    ("groq.chat", "llama-3.3-70b-versatile", True),
    ("xai.chat", "grok-3", True),
    ("azure.chat", "gpt-4o-mini", True),
    ("azure.responses", "gpt-4o-mini", True),
    ("az.ai.inference", "gpt-4o-mini", True),
    ("deepseek.chat", "deepseek-chat", True),
    ("openai.responses", "gpt-4o-mini", True),
    ("gateway", "openai/gpt-4o-mini", True),
    ("Langchain", "gpt-4o-mini", True),
    ("strands-agents", "gpt-4o-mini", True),
    ("spring_ai", "gpt-4o-mini", True),
    ("microsoft.agent_framework", "gpt-4o-mini", True),
    ("gcp.gemini", "models/gemini-2.5-flash", True),
    ("gcp.vertex_ai", "publishers/google/models/gemini-2.5-flash", True),
    ("gcp.vertex_ai", "projects/p/locations/l/publishers/google/models/gemini-2.5-flash", True),
    (None, "models/gemini-2.5-flash", True),
    ("my-gw", "gpt-4o-mini", False),
    ("my.gw", "gpt-4o-mini", False),
    ("openai", "my-models/gpt-4o-mini-tuned", False),
]


@pytest.mark.parametrize(("provider", "model", "known"), PROVIDERS)
def test_providers_and_models_are_known_under_the_names_of_clients(
    provider: str | None, model: str, *, known: bool
) -> None:
    found = price(Usage(prompt=1_000_000), provider, model, datetime(2026, 11, 1, tzinfo=UTC))
    assert (found.status == "priced") is known
    if "gpt-4o-mini" in model and known:
        assert found.cost_usd == Decimal("0.15")
    if "gemini-2.5-flash" in model and known:
        assert found.cost_usd == Decimal("0.30")


FIRST_TOKENS = [
    ({"gen_ai.server.time_to_first_token": 0.64}, 640.0),
    ({"gen_ai.server.time_to_first_token": 640}, 640.0),
    ({"gen_ai.server.time_to_first_token": 640_000_000}, 640.0),
    ({"gen_ai.response.time_to_first_chunk": 0.64}, 640.0),
    ({"ai.response.msToFirstChunk": 640}, 640.0),
    ({"ai.response.msToFirstChunk": 640_000}, 640.0),
    ({"gen_ai.server.time_to_first_token": 1.0}, 1000.0),
    ({"gen_ai.server.time_to_first_token": 1.05}, 1050.0),
    ({"gen_ai.server.time_to_first_token": 1e30}, None),
]


@pytest.mark.parametrize(("attributes", "milliseconds"), FIRST_TOKENS)
def test_the_first_token_comes_within_the_call_in_whatever_unit(
    attributes: dict[str, Any], milliseconds: float | None
) -> None:
    found = record_of(span({**CHAT, **attributes}, milliseconds=1000)).time_to_first_token_ms
    assert found == (None if milliseconds is None else pytest.approx(milliseconds))


# A stream's span may end with its request, and two clocks may have measured them.
SHORT = [
    (640, 640.0),
    (0.64, 640.0),
    (640_000_000, 640.0),
    (0.3, 300.0),
    (0.0003, 0.3),
    (1200, 1.2),
    (640_000, 640.0),
]


@pytest.mark.parametrize(("value", "milliseconds"), SHORT)
def test_the_first_token_may_come_a_little_after_the_span(value: float, milliseconds: float) -> None:
    attributes = {**CHAT, "gen_ai.server.time_to_first_token": value}
    assert record_of(span(attributes, milliseconds=500)).time_to_first_token_ms == pytest.approx(milliseconds)


def test_instructions_are_read_where_strands_writes_them() -> None:
    details = {
        "gen_ai.system_instructions": json.dumps([{"type": "text", "content": "Be brief."}]),
        "gen_ai.input.messages": json.dumps(
            [{"role": "user", "parts": [{"type": "text", "content": "Where?"}]}]
        ),
    }
    record = record_of(span(CHAT, events=[("gen_ai.client.inference.operation.details", details)]))
    assert (record.system_prompt, record.prompt) == ("Be brief.", "Where?")


def test_the_moment_of_the_first_token_counts_from_the_start() -> None:
    begun = datetime.fromtimestamp(START_NS / 1e9 + 0.64, UTC).isoformat()
    record = record_of(span({**CHAT, "langfuse.observation.completion_start_time": begun}, milliseconds=1000))
    assert record.time_to_first_token_ms == pytest.approx(640.0)
