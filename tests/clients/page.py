"""The reference page of clients, written from what their tests saw."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path

from tests.clients.catalogue import CLIENTS
from tests.clients.client import COLUMNS

__all__ = ["PAGE", "write_page"]

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "clients.md"
_HEAD = """# Clients and what arrives from them

`make clients` runs real clients against this API and against a server that answers as OpenAI,
Anthropic, Gemini, Bedrock and others do. The same tests write this page, and they fail when it is
no longer true.

- `no` means that the client did not send the value, or that the program that was run has none: only
  some of the programs use sessions, tools and retrieved context.
- `counted once` means that as many calls were stored as chats were asked of the providers, with no
  more tokens, even where two instrumentations watch the same client.
- Every provider reports 1,200 tokens of a prompt, of which 1,024 were cached, and 45 tokens of an
  answer.

How to configure the clients: [send OpenTelemetry](../how-to/send-opentelemetry.md),
[send from a framework](../how-to/send-from-frameworks.md).

"""


def write_page(arrived: Mapping[str, Collection[str]]) -> str:
    """Return the page; `arrived` maps names of clients to the columns that came."""
    lines = [
        "| client | version | what it sends | " + " | ".join(COLUMNS) + " |",
        "|---|---|---|" + "---|" * len(COLUMNS),
    ]
    for client in CLIENTS:
        cells = ["yes" if column in arrived[client.name] else "no" for column in COLUMNS]
        lines.append(f"| {client.name} | {client.version} | {client.sends} | " + " | ".join(cells) + " |")
    return _HEAD + "\n".join(lines) + "\n"
