"""The programmatic API: score a response in this process, without servers, queue or database."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import uuid4

import msgspec

from monitoring.clock import now_utc
from monitoring.evaluation import evaluate, find_evaluators
from monitoring.evaluator import Evaluator
from monitoring.models import (
    CostMetrics,
    LLMTrace,
    QualityMetrics,
    Record,
    Result,
    SafetyAssessment,
    Score,
)
from monitoring.spending.pricing import Overrides, price_call
from monitoring.spending.usage import usage_of
from monitoring.text.tokens import TokenCount, count_tokens
from monitoring.verdict import Policy, Verdict, assess

__all__ = ["HallucinationDetector", "QualityAssessor", "QualityMonitor", "SafetyEvaluator"]

_HALLUCINATION = "hallucination"


class _Shared(NamedTuple):
    """The evaluators of this process, and those that each narrower class runs."""

    every: tuple[Evaluator, ...]
    hallucination: tuple[Evaluator, ...]
    safety: tuple[Evaluator, ...]
    quality: tuple[Evaluator, ...]


_build_lock = threading.Lock()
_built: list[_Shared] = []


class _Checks(NamedTuple):
    """The switches of the promised keywords; their fields are the names of evaluators."""

    hallucination: bool
    toxicity: bool
    bias: bool
    pii: bool

    def skipped(self) -> tuple[str, ...]:
        return tuple(name for name, wanted in zip(self._fields, self, strict=True) if not wanted)


class QualityMonitor:
    """Scores responses with every evaluator there is.

    Evaluators are built at the first use, once per process, unless some are given. Threads may
    share an instance. `policy` holds the thresholds and weights of a project, `overrides` holds
    prices by model name, and `clock` returns aware UTC.
    """

    def __init__(
        self,
        evaluators: Sequence[Evaluator] | None = None,
        policy: Policy | None = None,
        overrides: Overrides | None = None,
        clock: Callable[[], datetime] = now_utc,
    ) -> None:
        self._evaluators = tuple(evaluators) if evaluators is not None else None
        self._policy = policy or Policy()
        self._overrides = overrides
        self._clock = clock

    def evaluate_response(  # noqa: PLR0913 the promised keywords, which are those of the HTTP body
        self,
        prompt: str,
        response: str,
        model_name: str = "unknown",
        *,
        user_id: str | None = None,
        session_id: str | None = None,
        context: str | Iterable[str] | None = None,
        reference: str | None = None,
        system_prompt: str | None = None,
        provider: str | None = None,
        response_time_ms: float | None = None,
        prompt_tokens: int | None = None,
        completion_tokens: int | None = None,
        check_hallucination: bool = True,
        check_toxicity: bool = True,
        check_bias: bool = True,
        check_pii: bool = True,
    ) -> LLMTrace:
        """Score one response and return everything known about it.

        `context` is the text, or the passages, that the answer should rest on. `reference` is a
        right answer. Without them, the scores that need them are None. Token counts are those of
        the provider if they are given, and otherwise they are counted. A check that is switched off
        leaves out its score and sets no flag.
        """
        return self.evaluate_records(
            [
                Record(
                    prompt=_valid(prompt),
                    response=_valid(response),
                    model_name=_valid(model_name),
                    provider=provider,
                    user_id=user_id,
                    session_id=session_id,
                    system_prompt=None if system_prompt is None else _valid(system_prompt),
                    context=_passages(context),
                    reference=None if reference is None else _valid(reference),
                    response_time_ms=response_time_ms,
                    prompt_tokens=prompt_tokens,
                    completion_tokens=completion_tokens,
                    skip=_Checks(check_hallucination, check_toxicity, check_bias, check_pii).skipped(),
                )
            ]
        )[0]

    def evaluate_records(self, records: Sequence[Record]) -> list[LLMTrace]:
        """Score many records at once, which is faster than one by one; one trace each, in order."""
        evaluators = _shared().every if self._evaluators is None else self._evaluators
        return [
            self._trace(record, results, assess(record, results, evaluators, self._policy), count, evaluators)
            for record, results, count in zip(
                records, evaluate(records, evaluators), count_tokens(records), strict=True
            )
        ]

    def _trace(
        self,
        record: Record,
        results: Mapping[str, Result],
        verdict: Verdict,
        count: TokenCount,
        evaluators: Sequence[Evaluator],
    ) -> LLMTrace:
        at = record.timestamp or self._clock()
        return LLMTrace(
            trace_id=str(uuid4()),
            timestamp=at,
            prompt=record.prompt,
            model_name=record.model_name,
            response=record.response,
            user_id=record.user_id,
            session_id=record.session_id,
            response_time_ms=record.response_time_ms,
            quality_metrics=verdict.quality_metrics(),
            safety_assessment=verdict.safety_assessment(_details(results, evaluators)),
            cost_metrics=self._cost(record, count, at),
        )

    def _cost(self, record: Record, count: TokenCount, at: datetime) -> CostMetrics:
        usage = usage_of(record, count.prompt, count.completion)
        return CostMetrics(
            prompt_tokens=count.prompt,
            completion_tokens=count.completion,
            total_tokens=count.total,
            cost_usd=price_call(record, usage, at, self._overrides).cost_usd,
            model_name=record.model_name,
            timestamp=at,
        )


class HallucinationDetector:
    """Looks for hallucination alone."""

    def detect_hallucination(
        self, response: str, *, prompt: str = "", context: str | Iterable[str] | None = None
    ) -> tuple[bool, float, dict[str, Any]]:
        """Return whether the response is flagged, how strongly (0..1), and the details.

        Without a `context` nothing is known about most responses. The details then say so in
        `label`, their `value` is None, and the strength is 0.0 because nothing was found.
        """
        evaluators = _shared().hallucination
        record = Record(prompt=_valid(prompt), response=_valid(response), context=_passages(context))
        (results,) = evaluate([record], evaluators)
        flagged = not assess(record, results, evaluators, _PLAIN).is_safe
        score = results[_HALLUCINATION]
        strength = score.value if isinstance(score, Score) and score.value is not None else 0.0
        return flagged, strength, _describe(score)


class SafetyEvaluator:
    """Runs the safety evaluators alone."""

    def evaluate_safety(
        self,
        response: str,
        *,
        prompt: str = "",
        context: str | Iterable[str] | None = None,
        check_hallucination: bool = True,
        check_toxicity: bool = True,
        check_bias: bool = True,
        check_pii: bool = True,
    ) -> SafetyAssessment:
        """Return flags, score and details of a response, and of the prompt and context if given."""
        record = Record(
            prompt=_valid(prompt),
            response=_valid(response),
            context=_passages(context),
            skip=_Checks(check_hallucination, check_toxicity, check_bias, check_pii).skipped(),
        )
        evaluators = _shared().safety
        (results,) = evaluate([record], evaluators)
        return assess(record, results, evaluators, _PLAIN).safety_assessment(_details(results, evaluators))


class QualityAssessor:
    """Runs the quality and descriptive evaluators alone."""

    def assess_quality(
        self,
        prompt: str,
        response: str,
        model_name: str = "unknown",
        *,
        context: str | Iterable[str] | None = None,
        reference: str | None = None,
    ) -> QualityMetrics:
        """Return the quality scores of a response.

        Scores that need a context or a reference may be None.
        """
        record = Record(
            prompt=_valid(prompt),
            response=_valid(response),
            model_name=model_name,
            context=_passages(context),
            reference=None if reference is None else _valid(reference),
        )
        evaluators = _shared().quality
        (results,) = evaluate([record], evaluators)
        return assess(record, results, evaluators, _PLAIN).quality_metrics()


_PLAIN = Policy()


def _shared() -> _Shared:
    """Build the evaluators at the first use, once for all threads of the process."""
    if not _built:
        with _build_lock:
            if not _built:
                found = find_evaluators()
                _built.append(
                    _Shared(
                        every=found,
                        hallucination=tuple(one for one in found if one.name == _HALLUCINATION),
                        safety=tuple(one for one in found if one.category == "safety"),
                        quality=tuple(one for one in found if one.category != "safety"),
                    )
                )
    return _built[0]


def _details(results: Mapping[str, Result], evaluators: Sequence[Evaluator]) -> dict[str, Any]:
    """Return what each safety evaluator found, as plain data by its name."""
    names = [one.name for one in evaluators if one.category == "safety"]
    return {name: _describe(results[name]) for name in names if name in results}


def _describe(result: Result) -> dict[str, Any]:
    """Return every field of a score or failure, including those that have their default."""
    described = msgspec.structs.asdict(result)
    if isinstance(result, Score):
        described["evidence"] = [msgspec.structs.asdict(one) for one in result.evidence]
    return described


def _passages(context: str | Iterable[str] | None) -> tuple[str, ...]:
    if context is None:
        return ()
    return (_valid(context),) if isinstance(context, str) else tuple(_valid(text) for text in context)


def _valid(text: str) -> str:
    """Replace lone surrogates, which no encoding can carry, by U+FFFD."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text
