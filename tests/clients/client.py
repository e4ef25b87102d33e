"""The description of a client, and the packages that many clients share."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

__all__ = ["COLUMNS", "EVERYTHING", "NODE_PACKAGES", "OTLP", "OTLP_JSON", "SHARED", "Client"]

SHARED = Path(__file__).with_name("shared.txt")

COLUMNS = (
    "prompt",
    "response",
    "model",
    "tokens",
    "cached tokens",
    "latency",
    "session",
    "user",
    "tags",
    "tool calls",
    "context",
    "price",
    "counted once",
    "scores",
)
NODE_PACKAGES = {
    "@ai-sdk/openai": "3.0.141",
    "@opentelemetry/api": "1.9.1",
    "@opentelemetry/exporter-trace-otlp-http": "0.223.1",
    "@opentelemetry/sdk-node": "0.223.0",
    "@langfuse/openai": "5.11.1",
    "@langfuse/otel": "5.11.1",
    "@langfuse/tracing": "5.11.1",
    "@opentelemetry/sdk-trace-node": "2.12.0",
    "@vercel/otel": "2.1.3",
    "ai": "6.0.326",
    "openai": "7.59.0",
}
EVERYTHING = frozenset(COLUMNS)
OTLP = {
    "OTEL_EXPORTER_OTLP_ENDPOINT": "{api}",
    "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
    "OTEL_EXPORTER_OTLP_COMPRESSION": "gzip",
}
OTLP_JSON = {"OTEL_EXPORTER_OTLP_ENDPOINT": "{api}"}


class Client(NamedTuple):
    """One client: its first package names it, and `program` is run unchanged.

    `arrives` names what must arrive from it. `environment` may hold `{api}`, the address of the
    monitor. `launcher` starts the program if the client brings a program for that. `instrumentors`
    are classes that watch it. Packages without a version are those of SHARED, and programs in
    JavaScript share NODE_PACKAGES. `sends` says what the program does. `model` is the name of the
    model that answers.
    """

    name: str
    packages: tuple[str, ...]
    program: str
    environment: Mapping[str, str]
    arrives: frozenset[str]
    launcher: str | None = None
    instrumentors: tuple[str, ...] = ()
    sends: str = "a chat"
    model: str = "gpt-4o-mini"

    @property
    def version(self) -> str:
        """The version of the package that names the client."""
        package = self.packages[0]
        if "==" in package:
            return package.rpartition("==")[2]
        return NODE_PACKAGES.get(package) or _shared_versions()[package]


def _shared_versions() -> dict[str, str]:
    return dict(re.findall(r"^([\w.-]+)==(\S+)", SHARED.read_text(encoding="utf-8"), re.MULTILINE))
