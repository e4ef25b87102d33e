"""The kinds of what is accepted: calls, steps around calls, and parts that belong to a call."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

__all__ = ["COUNTED_KINDS", "PART_KINDS", "RETRIEVERS", "STEP", "Kind"]


class Kind(StrEnum):
    """What an envelope holds and what a row of `traces` is; both keep it as plain text."""

    LLM = "llm"
    EMBEDDING = "embedding"
    GUARD = "guard"
    """Half of a call, which the guard was shown: it is scored, and no call by itself."""

    AGENT = "agent"
    CHAIN = "chain"
    EVALUATOR = "evaluator"
    GUARDRAIL = "guardrail"
    RERANKER = "reranker"
    RETRIEVER = "retriever"
    SPAN = "span"
    """A step that says nothing of what it is."""
    TOOL = "tool"

    CONTENT = "content"
    """The texts of a span that came apart from it."""
    CONTEXT = "context"
    """The wish that the documents of a call are looked for once more."""
    EVALUATION = "evaluation"
    """What somebody found in a response."""


COUNTED_KINDS: Final[frozenset[str]] = frozenset({Kind.LLM, Kind.EMBEDDING})
"""What costs money and is counted; every other span is a step around such calls."""
RETRIEVERS: Final[frozenset[str]] = frozenset({Kind.RETRIEVER, Kind.RERANKER})
"""Spans whose documents are the context of later calls."""
PART_KINDS: Final[frozenset[str]] = frozenset({Kind.CONTENT, Kind.EVALUATION, Kind.CONTEXT})
"""Envelopes that hold no span but what belongs to one."""
STEP: Final = Kind.CHAIN
"""What a call turns into when it only tells once more of another one."""
