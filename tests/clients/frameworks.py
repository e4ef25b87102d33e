"""Frameworks and clients of providers, and what arrives from each.

An instrumentation watches them, or they watch themselves. What a row `lacks` is not sent by the
client, or does not occur in its program.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.clients.client import EVERYTHING, OTLP, OTLP_JSON, Client

__all__ = ["FRAMEWORKS"]

_LANGFUSE = {"LANGFUSE_BASE_URL": "{api}", "LANGFUSE_PUBLIC_KEY": "any", "LANGFUSE_SECRET_KEY": "any"}
_LITELLM_LANGFUSE = {
    "LANGFUSE_OTEL_HOST": "{api}",
    "LANGFUSE_PUBLIC_KEY": "any",
    "LANGFUSE_SECRET_KEY": "any",
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",
}
_LITELLM_ARIZE = {
    "ARIZE_HTTP_ENDPOINT": "{api}/v1/traces",
    "ARIZE_SPACE_ID": "any",
    "ARIZE_API_KEY": "any",
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",
}
_LANGSMITH = {
    **OTLP_JSON,
    "LANGSMITH_TRACING": "true",
    "LANGSMITH_OTEL_ENABLED": "true",
    "LANGSMITH_OTEL_ONLY": "true",
}
_MLFLOW = {
    "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "{api}/v1/traces",
    "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
}
_SEMANTIC_KERNEL = {
    **OTLP,
    "SEMANTICKERNEL_EXPERIMENTAL_GENAI_ENABLE_OTEL_DIAGNOSTICS_SENSITIVE": "true",
}
_OI, _OLL = "openinference.instrumentation.", "opentelemetry.instrumentation."
_OI_OPENAI, _OLL_OPENAI = f"{_OI}openai:OpenAIInstrumentor", f"{_OLL}openai:OpenAIInstrumentor"
_OI_LANGCHAIN, _OLL_LANGCHAIN = (
    f"{_OI}langchain:LangChainInstrumentor",
    f"{_OLL}langchain:LangchainInstrumentor",
)
_OI_LLAMA = f"{_OI}llama_index:LlamaIndexInstrumentor"
_OI_ANTHROPIC, _OLL_ANTHROPIC = (
    f"{_OI}anthropic:AnthropicInstrumentor",
    f"{_OLL}anthropic:AnthropicInstrumentor",
)
_OI_AGENTS = f"{_OI}openai_agents:OpenAIAgentsInstrumentor"
_OI_AGNO = f"{_OI}agno:AgnoInstrumentor"
_OI_GEMINI = f"{_OI}google_genai:GoogleGenAIInstrumentor"
_OI_HAYSTACK = f"{_OI}haystack:HaystackInstrumentor"
_OI_SMOLAGENTS = f"{_OI}smolagents:SmolagentsInstrumentor"
_OI_DSPY = f"{_OI}dspy:DSPyInstrumentor"
_OI_AUTOGEN = f"{_OI}autogen_agentchat:AutogenAgentChatInstrumentor"
_OI_INSTRUCTOR = f"{_OI}instructor:InstructorInstrumentor"
_OI_MISTRAL = f"{_OI}mistralai:MistralAIInstrumentor"
_OI_BEDROCK = f"{_OI}bedrock:BedrockInstrumentor"
_OLL_COHERE = f"{_OLL}cohere:CohereInstrumentor"
_OLL_OLLAMA = f"{_OLL}ollama:OllamaInstrumentor"
_CLAUDE = "claude-haiku-4-5"
_THREE = "3 chats, one streamed, one with a tool"
_FOUR = "4 chats, two streamed, one with a tool"
_AGENT = "an agent's 2 chats around a tool"
_CHAIN = "3 chats, one after a retriever, one streamed, one with a tool"
_INDEX = "4 chats, one streamed, one with a tool, one over an index; 2 embeddings"


def _shared(
    package: str, program: str, environment: Mapping[str, str], lacks: str, *, title: str = "", **fields: Any
) -> Client:
    """Return a client of the environment that most clients share.

    `lacks` names columns, separated by commas.
    """
    missing = frozenset(filter(None, lacks.split(", ")))
    assert missing <= EVERYTHING, missing
    return Client(title or package, (package,), program, environment, EVERYTHING - missing, **fields)


def _watched(package: str, program: str, instrumentors: tuple[str, ...], lacks: str, **fields: Any) -> Client:
    return _shared(package, program, OTLP, lacks, instrumentors=instrumentors, **fields)


FRAMEWORKS = (
    Client(
        "langfuse 2, in batches",
        ("langfuse==2.60.10", "openai==1.109.1"),
        "langfuse_batches.py",
        {
            "LANGFUSE_HOST": "{api}",
            "LANGFUSE_PUBLIC_KEY": "any",
            "LANGFUSE_SECRET_KEY": "any",
        },
        EVERYTHING - {"tool calls", "context"},
        sends="2 chats, one streamed; scores",
    ),
    _shared(
        "langfuse",
        "langfuse_scores.py",
        _LANGFUSE,
        "session, user, tags, tool calls, context",
        sends="a chat, scores",
        title="langfuse, with scores",
    ),
    _shared(
        "langfuse",
        "langfuse_langchain.py",
        _LANGFUSE,
        "tool calls, context, scores",
        sends="2 chats, one streamed",
        title="langfuse, LangChain callback",
    ),
    Client(
        "@langfuse/otel",
        ("@langfuse/otel",),
        "langfuse_ask.mjs",
        _LANGFUSE,
        EVERYTHING - {"tool calls", "context", "scores"},
        sends="2 chats, one streamed",
    ),
    _shared(
        "logfire",
        "logfire_ask.py",
        OTLP,
        "session, user, tags, context, scores",
        sends=_THREE,
        title="logfire, openai",
    ),
    _shared(
        "logfire",
        "logfire_anthropic.py",
        OTLP,
        "session, user, tags, context, scores",
        sends=_FOUR,
        title="logfire, anthropic",
        model=_CLAUDE,
    ),
    _shared(
        "logfire",
        "logfire_pydantic.py",
        OTLP,
        "user, tags, scores",
        sends=_AGENT,
        title="logfire, pydantic-ai",
    ),
    _shared(
        "litellm",
        "litellm_langfuse.py",
        _LITELLM_LANGFUSE,
        "tool calls, context, scores",
        title="litellm, langfuse_otel",
    ),
    _shared(
        "litellm",
        "litellm_arize.py",
        _LITELLM_ARIZE,
        "session, tags, tool calls, context, scores",
        title="litellm, arize",
    ),
    _watched(
        "openinference-instrumentation-langchain",
        "langchain_ask.py",
        (_OI_LANGCHAIN,),
        "scores",
        sends=_CHAIN,
    ),
    _watched(
        "openinference-instrumentation-langchain",
        "langchain_ask.py",
        (_OI_LANGCHAIN, _OI_OPENAI),
        "context, scores",
        sends=_CHAIN,
        title="openinference-instrumentation-langchain, with openai beside it",
    ),
    _watched(
        "opentelemetry-instrumentation-langchain",
        "langchain_ask.py",
        (_OLL_LANGCHAIN,),
        "tags, context, scores",
        sends=_CHAIN,
        title="opentelemetry-instrumentation-langchain (OpenLLMetry)",
    ),
    _watched(
        "openinference-instrumentation-langchain",
        "langchain_ask.py",
        (_OI_LANGCHAIN, _OLL_LANGCHAIN),
        "scores",
        sends=_CHAIN,
        title="openinference-instrumentation-langchain, with OpenLLMetry's beside it",
    ),
    _shared(
        "langsmith",
        "langchain_ask.py",
        _LANGSMITH,
        "cached tokens, scores",
        sends=_CHAIN,
        title="langsmith, over OpenTelemetry",
    ),
    _watched(
        "openinference-instrumentation-llama-index",
        "llama_index_ask.py",
        (_OI_LLAMA,),
        "scores",
        sends=_INDEX,
    ),
    _watched(
        "openinference-instrumentation-anthropic",
        "anthropic_ask.py",
        (_OI_ANTHROPIC,),
        "context, scores",
        sends=_FOUR,
        model=_CLAUDE,
    ),
    _watched(
        "opentelemetry-instrumentation-anthropic",
        "anthropic_ask.py",
        (_OLL_ANTHROPIC,),
        "session, user, tags, context, scores",
        sends=_FOUR,
        model=_CLAUDE,
        title="opentelemetry-instrumentation-anthropic (OpenLLMetry)",
    ),
    _watched(
        "openinference-instrumentation-anthropic",
        "anthropic_ask.py",
        (_OI_ANTHROPIC, _OLL_ANTHROPIC),
        "tokens, context, scores",
        sends=_FOUR,
        model=_CLAUDE,
        title="openinference-instrumentation-anthropic, with OpenLLMetry's beside it",
    ),
    _watched(
        "openinference-instrumentation-openai",
        "ask.py",
        (_OI_OPENAI, _OLL_OPENAI),
        "context, scores",
        sends=_THREE,
        title="openinference-instrumentation-openai, with OpenLLMetry's beside it",
    ),
    _watched(
        "openinference-instrumentation-openai",
        "responses_ask.py",
        (_OI_OPENAI,),
        "context, scores",
        sends=_THREE,
        title="openinference-instrumentation-openai, Responses API",
    ),
    _watched(
        "opentelemetry-instrumentation-openai",
        "responses_ask.py",
        (_OLL_OPENAI,),
        "session, user, tags, context, scores",
        sends=_THREE,
        title="opentelemetry-instrumentation-openai (OpenLLMetry), Responses API",
    ),
    _watched(
        "openinference-instrumentation-openai-agents", "agents_ask.py", (_OI_AGENTS,), "scores", sends=_AGENT
    ),
    _shared("strands-agents", "strands_ask.py", OTLP, "scores", sends=_AGENT),
    _watched("openinference-instrumentation-agno", "agno_ask.py", (_OI_AGNO,), "scores", sends=_AGENT),
    _watched(
        "openinference-instrumentation-google-genai",
        "gemini_ask.py",
        (_OI_GEMINI,),
        "context, scores",
        sends=_THREE,
        model="gemini-2.5-flash",
    ),
    _watched(
        "openinference-instrumentation-haystack",
        "haystack_ask.py",
        (_OI_HAYSTACK,),
        "cached tokens, tool calls, scores",
        sends="a chat after a retriever",
    ),
    _watched(
        "openinference-instrumentation-smolagents",
        "smolagents_ask.py",
        (_OI_SMOLAGENTS,),
        "cached tokens, context, scores",
        sends="2 chats, one with a tool",
    ),
    _watched(
        "openinference-instrumentation-dspy",
        "dspy_ask.py",
        (_OI_DSPY,),
        "tokens, cached tokens, tool calls, context, scores",
    ),
    _shared(
        "mlflow-tracing",
        "mlflow_ask.py",
        _MLFLOW,
        "session, user, tags, tool calls, context, scores",
        sends="2 chats, one streamed",
    ),
    _shared(
        "semantic-kernel",
        "semantic_kernel_ask.py",
        _SEMANTIC_KERNEL,
        "response, cached tokens, session, user, tags, tool calls, context, scores",
    ),
    _watched(
        "openinference-instrumentation-autogen-agentchat",
        "autogen_ask.py",
        (_OI_AUTOGEN, _OI_OPENAI),
        "scores",
        sends=_AGENT,
        title="openinference-instrumentation-autogen-agentchat, with openai beside it",
    ),
    _watched(
        "openinference-instrumentation-instructor",
        "instructor_ask.py",
        (_OI_INSTRUCTOR, _OI_OPENAI),
        "response, tool calls, context, scores",
        sends="a chat with a shape",
        title="openinference-instrumentation-instructor, with openai beside it",
    ),
    _watched(
        "openinference-instrumentation-mistralai",
        "mistral_ask.py",
        (_OI_MISTRAL,),
        "cached tokens, tool calls, context, scores",
        model="mistral-small",
    ),
    _watched(
        "openinference-instrumentation-bedrock",
        "bedrock_ask.py",
        (_OI_BEDROCK,),
        "tool calls, context, scores",
        model="anthropic.claude-haiku-4-5",
    ),
    _watched(
        "opentelemetry-instrumentation-cohere",
        "cohere_ask.py",
        (_OLL_COHERE,),
        "cached tokens, session, user, tags, tool calls, context, scores",
        model="command-r-plus",
        title="opentelemetry-instrumentation-cohere (OpenLLMetry)",
    ),
    _watched(
        "opentelemetry-instrumentation-ollama",
        "ollama_ask.py",
        (_OLL_OLLAMA,),
        "cached tokens, session, user, tags, tool calls, context, price, scores",
        model="llama3.2",
        title="opentelemetry-instrumentation-ollama (OpenLLMetry)",
    ),
    Client(
        "@vercel/otel",
        ("@vercel/otel",),
        "vercel_otel_ask.mjs",
        OTLP_JSON,
        EVERYTHING - {"tool calls", "context", "scores"},
        sends="2 chats, one streamed",
    ),
)
