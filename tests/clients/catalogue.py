"""The clients that are tried, their versions, and their settings.

The settings are environment variables alone.
"""

from __future__ import annotations

from tests.clients.client import OTLP, OTLP_JSON, Client
from tests.clients.frameworks import FRAMEWORKS

__all__ = ["CLIENTS"]

_EXPORTER = "opentelemetry-exporter-otlp-proto-http==1.45.2"
_DISTRO = "opentelemetry-distro==0.66b2"
_DISTRO_RUNS = "opentelemetry-instrument"
_TEXTS = frozenset({"prompt", "response", "model", "tokens", "latency", "price", "counted once"})
_V2 = (
    "opentelemetry-instrumentation-openai-v2==2.4b0",
    "opentelemetry-util-genai==0.4b0",
    "openai==2.54.0",
    _DISTRO,
    _EXPORTER,
)
_OPENAI = "openai==3.57.0"
# Without these limits pip searches for minutes for versions that fit together.
_TOGETHER = (
    "openai==2.54.0",
    "opentelemetry-api==1.45.1",
    "opentelemetry-sdk==1.45.1",
    "opentelemetry-instrumentation==0.66b1",
)

CLIENTS = (
    Client(
        "opentelemetry-instrumentation-openai-v2, texts as log events",
        _V2,
        "ask.py",
        {**OTLP, "OTEL_LOGS_EXPORTER": "otlp", "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT": "true"},
        _TEXTS | {"tool calls"},
        launcher=_DISTRO_RUNS,
        sends="3 chats, one streamed, one with a tool",
    ),
    Client(
        "opentelemetry-instrumentation-openai-v2, texts in spans",
        _V2,
        "ask.py",
        {
            **OTLP,
            "OTEL_SEMCONV_STABILITY_OPT_IN": "gen_ai_latest_experimental",
            "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT": "span_only",
        },
        _TEXTS | {"tool calls"},
        launcher=_DISTRO_RUNS,
        sends="3 chats, one streamed, one with a tool",
    ),
    Client(
        "opentelemetry-instrumentation-openai-v2, content left off",
        _V2,
        "ask.py",
        {**OTLP, "OTEL_LOGS_EXPORTER": "otlp"},
        _TEXTS - {"prompt", "response"},
        launcher=_DISTRO_RUNS,
        sends="3 chats, one streamed, one with a tool",
    ),
    Client(
        "openinference-instrumentation-openai",
        ("openinference-instrumentation-openai==0.1.66", _OPENAI, _DISTRO, _EXPORTER),
        "openinference_ask.py",
        OTLP,
        _TEXTS | {"cached tokens", "session", "user", "context"},
        launcher=_DISTRO_RUNS,
        sends="a chat after a retriever",
    ),
    Client(
        "@opentelemetry/exporter-trace-otlp-http",
        ("@opentelemetry/exporter-trace-otlp-http",),
        "exporter_ask.mjs",
        OTLP_JSON,
        _TEXTS | {"cached tokens", "session"},
        sends="a span by hand",
    ),
    Client(
        "opentelemetry-instrumentation-openai (OpenLLMetry)",
        ("opentelemetry-instrumentation-openai==0.62.4", "openai==2.54.0", _DISTRO, _EXPORTER),
        "ask.py",
        OTLP,
        _TEXTS | {"cached tokens", "tool calls"},
        launcher=_DISTRO_RUNS,
        sends="3 chats, one streamed, one with a tool",
    ),
    Client(
        "langfuse",
        ("langfuse==5.0.4", _OPENAI),
        "langfuse_ask.py",
        {"LANGFUSE_BASE_URL": "{api}", "LANGFUSE_PUBLIC_KEY": "any", "LANGFUSE_SECRET_KEY": "any"},
        _TEXTS | {"cached tokens", "session", "user"},
    ),
    Client(
        "pydantic-ai",
        ("pydantic-ai-slim[openai]==2.68.0", "opentelemetry-sdk==1.45.2", _EXPORTER),
        "pydantic_ask.py",
        OTLP,
        _TEXTS | {"cached tokens", "session", "tool calls", "context"},  # what its tool answered
        sends="an agent's 2 chats around a tool",
    ),
    Client(
        "litellm",
        ("litellm==1.110.2", "opentelemetry-sdk==1.45.2", _EXPORTER),
        "litellm_ask.py",
        {
            "OTEL_EXPORTER": "otlp_http",
            "OTEL_ENDPOINT": "{api}/v1/traces",
            "LITELLM_LOCAL_MODEL_COST_MAP": "True",
        },
        _TEXTS | {"cached tokens"},
    ),
    Client(
        "openlit",
        ("openlit==1.45.0", *_TOGETHER),
        "ask.py",
        OTLP,
        _TEXTS | {"cached tokens", "tool calls"},
        launcher="openlit-instrument",
        sends="3 chats, one streamed, one with a tool",
    ),
    Client(
        "traceloop-sdk (OpenLLMetry)",
        ("traceloop-sdk==0.62.4", *_TOGETHER),
        "traceloop_ask.py",
        {"TRACELOOP_BASE_URL": "{api}", "TRACELOOP_TELEMETRY": "false"},
        _TEXTS | {"cached tokens", "session", "user"},
    ),
    Client(
        "ai (Vercel AI SDK)",
        ("ai",),
        "vercel_ask.mjs",
        OTLP_JSON,
        _TEXTS | {"cached tokens", "session", "user"},
    ),
    Client(
        "monitoring.client of this repository, with openai",
        (_OPENAI,),
        "monitor_ask.py",
        {"API_BASE_URL": "{api}"},
        _TEXTS | {"cached tokens", "session", "user"},
        sends="a chat, a traced function",
    ),
    *FRAMEWORKS,
)
