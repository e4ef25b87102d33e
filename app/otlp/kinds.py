"""What a span says it is: an LLM call that is scored and priced, or a step around one."""

from __future__ import annotations

from collections.abc import Mapping

from app.otlp.attributes import Attributes, first_text, parsed
from app.otlp.signals import Span
from app.schemas.kinds import Kind

__all__ = ["kind_of"]

_OPERATIONS: Mapping[str, Kind] = {
    "chat": Kind.LLM,
    "call_llm": Kind.LLM,
    "text_completion": Kind.LLM,
    "generate_content": Kind.LLM,
    "completion": Kind.LLM,
    "responses": Kind.LLM,
    "embeddings": Kind.EMBEDDING,
    "embedding": Kind.EMBEDDING,
    "execute_tool": Kind.TOOL,
    "create_agent": Kind.AGENT,
    "invoke_agent": Kind.AGENT,
    "invoke_workflow": Kind.CHAIN,
    "plan": Kind.CHAIN,
    "retrieval": Kind.RETRIEVER,
    "rerank": Kind.RERANKER,
    "run_guardrail": Kind.GUARDRAIL,
}
# Span kinds of OpenInference, of Langfuse, of OpenLLMetry, of LangSmith, of MLflow and of Claude Code.
_NAMED: Mapping[str, Kind] = {
    "llm": Kind.LLM,
    "chat_model": Kind.LLM,
    "llm_request": Kind.LLM,
    "generation": Kind.LLM,
    "embedding": Kind.EMBEDDING,
    "chain": Kind.CHAIN,
    "workflow": Kind.CHAIN,
    "task": Kind.CHAIN,
    "prompt": Kind.CHAIN,
    "parser": Kind.CHAIN,
    "memory": Kind.CHAIN,
    "tool": Kind.TOOL,
    "agent": Kind.AGENT,
    "retriever": Kind.RETRIEVER,
    "reranker": Kind.RERANKER,
    "guardrail": Kind.GUARDRAIL,
    "evaluator": Kind.EVALUATOR,
}
# LangSmith calls prompt templates chats and retrievers embeddings under the name of OpenTelemetry, so its own counts.
_SAYING_KIND = (
    ("openinference.span.kind", _NAMED),
    ("langsmith.span.kind", _NAMED),
    ("mlflow.spanType", _NAMED),
    ("gen_ai.operation.name", _OPERATIONS),
    ("langfuse.observation.type", _NAMED),
    ("llm.request.type", _OPERATIONS),
    ("traceloop.span.kind", _NAMED),
    ("span.type", _NAMED),
)
# LlamaIndex tells the making of a request and the reading of an answer as calls, others the filling of a template.
_TEMPLATE = "PromptTemplate"
_PREPARATIONS = frozenset(
    {
        "prepare_chat_with_tools",
        "get_tool_calls_from_response",
        "format",
        "format_messages",
        "format_prompt",
    }
)
_MODELS = ("gen_ai.response.model", "gen_ai.request.model", "llm.model_name")
_USAGE = frozenset(
    {"gen_ai.usage.output_tokens", "gen_ai.usage.completion_tokens", "llm.token_count.completion"}
)
_SIGNS = (
    "input_tokens",
    "output_tokens",
    "gen_ai.usage.output_tokens",
    "gen_ai.usage.completion_tokens",
    "gen_ai.completion.0.content",
    "gen_ai.output.messages",
    "llm.token_count.completion",
)


def kind_of(span: Span) -> Kind:
    """Return the kind of a span; whether a call only repeats another one is found out by the workers."""
    attributes = span.attributes
    operation = first_text(attributes, ("ai.operationId",))
    if operation and operation.startswith("ai."):
        return _vercel(operation)
    for attribute, known in _SAYING_KIND:
        value = attributes.get(attribute)
        name = parsed(value) if isinstance(value, str) else None  # MLflow's values are JSON, quotes and all
        if isinstance(name, str) and name.lower() in known:
            kind = known[name.lower()]
            return Kind.CHAIN if kind in {Kind.LLM, Kind.EMBEDDING} and _prepares(span) else kind
    return Kind.LLM if _resembles_call(attributes) else Kind.SPAN


def _prepares(span: Span) -> bool:
    """Tell whether a span is about what goes into a call or comes out of it, and says so by its name alone."""
    if not span.attributes.keys().isdisjoint(_USAGE):
        return False
    names = span.name.split(".")
    return names[-1].strip("_") in _PREPARATIONS or any(name.endswith(_TEMPLATE) for name in names)


def _vercel(operation: str) -> Kind:
    """Only the inner spans of the AI SDK are calls of a model; `ai.generateText` and the like hold them."""
    inner = operation.rpartition(".")[2]
    if inner in {"doGenerate", "doStream"}:
        return Kind.LLM
    if inner == "doEmbed":
        return Kind.EMBEDDING
    return Kind.TOOL if inner == "toolCall" else Kind.CHAIN


def _resembles_call(attributes: Attributes) -> bool:
    return first_text(attributes, _MODELS) is not None and any(name in attributes for name in _SIGNS)
