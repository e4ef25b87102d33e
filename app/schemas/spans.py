"""Spans by their place in a tree, as whoever looks at many of them needs."""

from __future__ import annotations

from uuid import UUID

import msgspec

__all__ = ["RETRIEVERS", "STEP", "PlacedSpan"]

# The kind that a call turns into when another one is found inside it.
STEP = "chain"
# The kinds of spans whose documents are the context of later calls.
RETRIEVERS = frozenset({"retriever", "reranker"})


class PlacedSpan(msgspec.Struct, frozen=True, kw_only=True):
    """A stored span by its place in its OpenTelemetry trace, and its kind."""

    trace_id: UUID
    otel_trace_id: bytes
    otel_span_id: bytes
    otel_parent_span_id: bytes | None
    kind: str
