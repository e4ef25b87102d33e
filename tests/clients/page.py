"""The reference page of clients, written from what their tests saw."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path

from tests.clients.catalogue import CLIENTS, COLUMNS

__all__ = ["PAGE", "write_page"]

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "clients.md"
_HEAD = """# Clients and what arrives from them

Real clients, run by `make clients` against an OpenAI-compatible server and this API with nothing but
environment variables set; the same tests write this page and fail when it no longer holds. `no` means that the
client did not send it, or that the program which was run has none: sessions, tools and retrieved context are used
by some. What to set: [send OpenTelemetry](../how-to/send-opentelemetry.md).

"""


def write_page(arrived: Mapping[str, Collection[str]]) -> str:
    """Return the page; `arrived` maps names of clients to the columns that came."""
    lines = [
        "| client | version | " + " | ".join(COLUMNS) + " |",
        "|---|---|" + "---|" * len(COLUMNS),
    ]
    for client in CLIENTS:
        cells = ["yes" if column in arrived[client.name] else "no" for column in COLUMNS]
        lines.append(f"| {client.name} | {client.version} | " + " | ".join(cells) + " |")
    return _HEAD + "\n".join(lines) + "\n"
