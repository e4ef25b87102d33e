"""Which clients are tried, in which versions, and what each is told: nothing but environment variables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

__all__ = ["CLIENTS", "COLUMNS", "NODE_PACKAGES", "Client"]

COLUMNS = (
    "prompt",
    "response",
    "model",
    "tokens",
    "cached tokens",
    "latency",
    "session",
    "tool calls",
    "context",
)
NODE_PACKAGES = {
    "@ai-sdk/openai": "3.0.141",
    "@opentelemetry/api": "1.9.1",
    "@opentelemetry/exporter-trace-otlp-http": "0.223.1",
    "@opentelemetry/sdk-node": "0.223.0",
    "@opentelemetry/sdk-trace-node": "2.12.0",
    "ai": "6.0.326",
}
_EXPORTER = "opentelemetry-exporter-otlp-proto-http==1.45.2"
_DISTRO = "opentelemetry-distro==0.66b2"
_DISTRO_RUNS = "opentelemetry-instrument"


class Client(NamedTuple):
    """One client: its first package names it, `program` is run as it is, `arrives` is what must come of it.

    `environment` may hold `{api}`, the address of the monitor; `launcher` starts the program where the client
    brings something that does. Programs in JavaScript share NODE_PACKAGES.
    """

    name: str
    packages: tuple[str, ...]
    program: str
    environment: Mapping[str, str]
    arrives: frozenset[str]
    launcher: str | None = None

    @property
    def version(self) -> str:
        """The version of the package that names it."""
        package = self.packages[0]
        return package.rpartition("==")[2] if "==" in package else NODE_PACKAGES[package]


_OTLP = {
    "OTEL_EXPORTER_OTLP_ENDPOINT": "{api}",
    "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
    "OTEL_EXPORTER_OTLP_COMPRESSION": "gzip",
}
_OTLP_JSON = {"OTEL_EXPORTER_OTLP_ENDPOINT": "{api}"}
_TEXTS = frozenset({"prompt", "response", "model", "tokens", "latency"})
_V2 = (
    "opentelemetry-instrumentation-openai-v2==2.4b0",
    "opentelemetry-util-genai==0.4b0",
    "openai==2.54.0",
    _DISTRO,
    _EXPORTER,
)
_OPENAI = "openai==3.57.0"
# Without these pip looks for minutes for versions that go together.
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
        {**_OTLP, "OTEL_LOGS_EXPORTER": "otlp", "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT": "true"},
        _TEXTS | {"tool calls"},
        launcher=_DISTRO_RUNS,
    ),
    Client(
        "opentelemetry-instrumentation-openai-v2, texts in spans",
        _V2,
        "ask.py",
        {
            **_OTLP,
            "OTEL_SEMCONV_STABILITY_OPT_IN": "gen_ai_latest_experimental",
            "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT": "span_only",
        },
        _TEXTS | {"tool calls"},
        launcher=_DISTRO_RUNS,
    ),
    Client(
        "opentelemetry-instrumentation-openai-v2, content left off",
        _V2,
        "ask.py",
        {**_OTLP, "OTEL_LOGS_EXPORTER": "otlp"},
        frozenset({"model", "tokens", "latency"}),
        launcher=_DISTRO_RUNS,
    ),
    Client(
        "openinference-instrumentation-openai",
        ("openinference-instrumentation-openai==0.1.66", _OPENAI, _DISTRO, _EXPORTER),
        "openinference_ask.py",
        _OTLP,
        _TEXTS | {"cached tokens", "session", "context"},
        launcher=_DISTRO_RUNS,
    ),
    Client(
        "@opentelemetry/exporter-trace-otlp-http",
        ("@opentelemetry/exporter-trace-otlp-http",),
        "exporter_ask.mjs",
        _OTLP_JSON,
        _TEXTS | {"cached tokens", "session"},
    ),
    Client(
        "opentelemetry-instrumentation-openai (OpenLLMetry)",
        ("opentelemetry-instrumentation-openai==0.62.4", "openai==2.54.0", _DISTRO, _EXPORTER),
        "ask.py",
        _OTLP,
        _TEXTS | {"cached tokens", "tool calls"},
        launcher=_DISTRO_RUNS,
    ),
    Client(
        "langfuse",
        ("langfuse==5.0.4", _OPENAI),
        "langfuse_ask.py",
        {"LANGFUSE_BASE_URL": "{api}", "LANGFUSE_PUBLIC_KEY": "any", "LANGFUSE_SECRET_KEY": "any"},
        _TEXTS | {"cached tokens", "session"},
    ),
    Client(
        "pydantic-ai",
        ("pydantic-ai-slim[openai]==2.68.0", "opentelemetry-sdk==1.45.2", _EXPORTER),
        "pydantic_ask.py",
        _OTLP,
        _TEXTS | {"cached tokens", "session", "tool calls", "context"},  # what its tool answered
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
        _OTLP,
        _TEXTS | {"cached tokens", "tool calls"},
        launcher="openlit-instrument",
    ),
    Client(
        "traceloop-sdk (OpenLLMetry)",
        ("traceloop-sdk==0.62.4", *_TOGETHER),
        "traceloop_ask.py",
        {"TRACELOOP_BASE_URL": "{api}", "TRACELOOP_TELEMETRY": "false"},
        _TEXTS | {"cached tokens", "session"},
    ),
    Client(
        "ai (Vercel AI SDK)",
        ("ai",),
        "vercel_ask.mjs",
        _OTLP_JSON,
        _TEXTS | {"cached tokens", "session"},
    ),
    Client(
        "monitoring.client of this repository, with openai",
        (_OPENAI,),
        "monitor_ask.py",
        {"API_BASE_URL": "{api}"},
        _TEXTS | {"cached tokens", "session"},
    ),
)
