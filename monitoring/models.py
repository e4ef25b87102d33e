"""The records that are monitored and what is known about them: scores, and the promised types.

Types that every call passes through (Record, Score, Failure, Evidence) are msgspec structs, which
decode a queued batch in microseconds. The promised result types are pydantic models with the names
and methods that users know.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any, Final, Literal

import msgspec
from pydantic import BaseModel, ConfigDict, Field, PlainSerializer

__all__ = [
    "UNKNOWN_MODEL",
    "CostMetrics",
    "Evidence",
    "Failure",
    "LLMTrace",
    "Money",
    "QualityMetrics",
    "Record",
    "Result",
    "SafetyAssessment",
    "SafetyFlag",
    "Score",
    "TextField",
    "TokenSource",
]

TextField = Literal["prompt", "response", "context", "reference", "system_prompt"]

UNKNOWN_MODEL: Final = "unknown"
"""The model of a call that names none."""

Money = Annotated[Decimal, PlainSerializer(float, return_type=float, when_used="json")]
"""US dollars, exact in Python and a number in JSON."""


class Record(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One LLM call as an application reported it.

    Texts are valid Unicode: code that makes a record from outside data first replaces lone
    surrogates. Durations are in milliseconds. Token counts are those of the provider; `usage` is
    the object in which it sent them. `reported_cost_usd` is the cost that the client reports.
    `timestamp` is the moment of the call in aware UTC. `context` holds retrieved passages in order.
    `budget_reservation` names what was reserved of budgets for the call.
    `skip` names evaluators that the caller switched off. `marks` says what was noticed or repaired
    when the record was read (such as `nul_removed`).
    """

    prompt: str
    response: str
    model_name: str = UNKNOWN_MODEL
    provider: str | None = None
    id: str | None = None
    timestamp: datetime | None = None
    user_id: str | None = None
    session_id: str | None = None
    template_id: str | None = None
    parent_id: str | None = None
    system_prompt: str | None = None
    context: tuple[str, ...] = ()
    reference: str | None = None
    messages: tuple[dict[str, Any], ...] = ()
    response_time_ms: float | None = None
    time_to_first_token_ms: float | None = None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    cache_read_tokens: int | None = None
    cache_write_tokens: int | None = None
    reasoning_tokens: int | None = None
    cache_write_1h_tokens: int | None = None
    input_audio_tokens: int | None = None
    output_audio_tokens: int | None = None
    cache_audio_read_tokens: int | None = None
    input_image_tokens: int | None = None
    output_image_tokens: int | None = None
    cache_image_read_tokens: int | None = None
    web_search_requests: int | None = None
    file_search_requests: int | None = None
    reported_cost_usd: Decimal | None = None
    service_tier: str | None = None
    usage: dict[str, Any] = {}
    error: str | None = None
    tags: tuple[str, ...] = ()
    metadata: dict[str, Any] = {}
    skip: tuple[str, ...] = ()
    marks: tuple[str, ...] = ()
    budget_reservation: tuple[str, ...] = ()


class TokenSource(StrEnum):
    """Where a count of tokens comes from; rows hold it as plain text."""

    REPORTED = "reported"
    EXACT = "exact"
    ESTIMATED = "estimated"


class Evidence(msgspec.Struct, frozen=True):
    """Where in a record the reason for a score lies, and what the reason is.

    The place is a field with character offsets, the end exclusive.
    """

    field: TextField
    start: int
    end: int
    reason: str


class Score(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What one evaluator found in one record.

    `value` is 0..1: for a safety evaluator 1 means that the harm is present, for a quality
    evaluator 1 is good. None means that nothing can be known, and `label` then says why
    (`no_context`, `empty`, `language_unsupported`, …). `confidence` is 0..1. `parts` holds named
    values of the same range and direction, which are stored and charted as `<evaluator>.<part>`.
    """

    value: float | None
    label: str
    version: str
    confidence: float = 1.0
    evidence: tuple[Evidence, ...] = ()
    parts: dict[str, float] = {}


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """An evaluator raised an error for a record: its name, its version, the error and a message."""

    evaluator: str
    version: str
    error: str
    message: str


Result = Score | Failure


class SafetyFlag(StrEnum):
    """Harms for which a response counts as unsafe; custom evaluators may have other flags."""

    HALLUCINATION = "hallucination"
    TOXICITY = "toxicity"
    BIAS = "bias"
    PII_LEAK = "pii_leak"
    PROMPT_INJECTION = "prompt_injection"

    @classmethod
    def _missing_(cls, value: object) -> SafetyFlag | None:
        if not isinstance(value, str) or not value.isidentifier():
            return None
        member = str.__new__(cls, value)
        member._name_ = value.upper()
        member._value_ = value
        return member


class _Frozen(BaseModel):
    # Users were promised a field called model_name, so pydantic's protected prefix is switched off.
    model_config = ConfigDict(frozen=True, protected_namespaces=())


class QualityMetrics(_Frozen):
    """Quality scores of one response, 0..1, 1 is good; None where nothing can be known.

    `response_length` is in characters. `overall_quality` is how likely people prefer the response
    to an ordinary one, which is 0.5.
    """

    semantic_similarity: float | None = None
    factual_accuracy: float | None = None
    response_relevance: float | None = None
    topical_relevance: float | None = None
    contextual_relevance: float | None = None
    intent_relevance: float | None = None
    topic_category: str | None = None
    coherence_score: float | None = None
    response_length: int = 0
    overall_quality: float | None = None


class SafetyAssessment(_Frozen):
    """Whether a response is safe, which means that it has no flag.

    `safety_score` is 1 minus the highest calibrated value of a detector.
    """

    is_safe: bool
    safety_score: float | None
    flags: tuple[SafetyFlag, ...] = ()
    details: Mapping[str, Any] = Field(default_factory=dict)


class CostMetrics(_Frozen):
    """Tokens and price of one call; `cost_usd` is None when no price is known for the model."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    cost_usd: Money | None
    model_name: str
    timestamp: datetime


class LLMTrace(_Frozen):
    """One monitored call with everything known about it."""

    trace_id: str
    timestamp: datetime
    prompt: str
    model_name: str
    response: str
    user_id: str | None = None
    session_id: str | None = None
    response_time_ms: float | None = None
    quality_metrics: QualityMetrics
    safety_assessment: SafetyAssessment
    cost_metrics: CostMetrics
    user_rating: int | None = Field(default=None, ge=1, le=5)
    user_feedback: str | None = None
