"""The kinds of accepted records: calls, steps around calls, and span parts of calls."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

__all__ = ["COUNTED_KINDS", "PART_KINDS", "RETRIEVERS", "STEP", "Kind"]


class Kind(StrEnum):
    """What an envelope holds and what a row of `traces` is. Both store it as plain text."""

    LLM = "llm"
    EMBEDDING = "embedding"
    GUARD = "guard"
    """One text of a call, which the guard judged. It is scored, but is not a call by itself."""

    AGENT = "agent"
    CHAIN = "chain"
    EVALUATOR = "evaluator"
    GUARDRAIL = "guardrail"
    RERANKER = "reranker"
    RETRIEVER = "retriever"
    SPAN = "span"
    """A step that does not say what it is."""
    TOOL = "tool"

    CONTENT = "content"
    """The texts of a span that arrived separately from it."""
    CONTEXT = "context"
    """A request to look for the documents of a call again."""
    EVALUATION = "evaluation"
    """A given score of a response."""


COUNTED_KINDS: Final[frozenset[str]] = frozenset({Kind.LLM, Kind.EMBEDDING})
"""The kinds that cost money and are counted. Every other span is a step around such calls."""
RETRIEVERS: Final[frozenset[str]] = frozenset({Kind.RETRIEVER, Kind.RERANKER})
"""The kinds of spans whose documents are the context of later calls."""
PART_KINDS: Final[frozenset[str]] = frozenset({Kind.CONTENT, Kind.EVALUATION, Kind.CONTEXT})
"""The kinds of envelopes that hold a span part and not a span."""
STEP: Final = Kind.CHAIN
"""The kind that a call gets if it only restates another one."""
