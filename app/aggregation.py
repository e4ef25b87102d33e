"""From stored traces to rollup deltas: pure, and the same for every path that adds or takes back traces."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple
from uuid import UUID

import msgspec

from app.schemas.rollups import Delta
from app.schemas.traces import COUNTED_KINDS, Trace
from monitoring.evaluator import Evaluator
from monitoring.models import Result, Score
from monitoring.tabulation import Observations, Table
from monitoring.verdict import Policy

__all__ = ["HOUR", "MINUTE", "OTHER", "Judging", "aggregate", "describing", "negate", "other_mark"]

MINUTE, HOUR = 60, 3600
OTHER = "(other)"
_EXAMPLES = 3
_MEASURED = frozenset({"all", "model"})
_SCALARS = (
    "records",
    "assessed",
    "unsafe",
    "quality_count",
    "quality_sum",
    "priced",
    "cost_usd",
    "prompt_tokens",
    "completion_tokens",
)
_VECTORS = ("counts", "sums", "hits", "bin_counts")


class Judging(NamedTuple):
    """Thresholds by evaluator, as a project's policy has them."""

    below: Mapping[str, float]
    at_or_above: Mapping[str, float]

    @classmethod
    def of(cls, evaluators: Iterable[Evaluator], policy: Policy) -> Judging:
        """Collect them from the evaluators and from what a project decided otherwise."""
        found = [
            (one, threshold)
            for one in evaluators
            if (threshold := policy.thresholds.get(one.name, one.threshold)) is not None
        ]
        return cls(
            below={one.name: threshold for one, threshold in found if one.category == "quality"},
            at_or_above={one.name: threshold for one, threshold in found if one.category == "safety"},
        )

    def hits(self, results: Mapping[str, Result]) -> tuple[str, ...]:
        """Return the evaluators whose value is beyond their threshold: low quality, or a danger."""
        return tuple(
            name
            for name, result in results.items()
            if isinstance(result, Score)
            and result.value is not None
            and (
                result.value < self.below.get(name, 0.0)
                or result.value >= self.at_or_above.get(name, math.inf)
            )
        )


def describing(evaluators: Iterable[Evaluator]) -> frozenset[str]:
    """Return the evaluators whose labels are counted by themselves."""
    return frozenset(one.name for one in evaluators if one.category == "descriptive")


class _Key(NamedTuple):
    project_id: str
    source: str
    dimension: str
    value: str
    model: str
    template: str
    grain: int
    bucket: datetime


def other_mark(dimension: str, value: str) -> str:
    """Return the mark of a trace whose name is counted under `(other)`, because too many were seen that day.

    The trace says so itself, so that what it added can be taken back exactly, whenever that is.
    """
    return f"other:tag:{value}" if dimension == "tag" else f"other:{dimension}"


def aggregate(traces: Sequence[Trace], descriptive: Collection[str]) -> list[Delta]:
    """Return what the traces add to every bucket of every dimension; steps around calls add nothing.

    It follows from the traces alone: thresholds and caps of the moment they were scored are written in them,
    so that what was added can be taken back exactly after both have changed.
    """
    calls = [trace for trace in traces if trace.kind in COUNTED_KINDS]
    observations = Observations()
    members: dict[_Key, list[int]] = defaultdict(list)
    for index, trace in enumerate(calls):
        _observe(trace, observations)
        for key in _keys(trace, descriptive):
            members[key].append(index)
    measured = [key for key in members if key.dimension in _MEASURED or key.dimension in descriptive]
    tables = dict(zip(measured, observations.tabulate([members[key] for key in measured]), strict=True))
    return [_delta(key, [calls[i] for i in rows], tables.get(key)) for key, rows in members.items()]


def negate(delta: Delta) -> Delta:
    """Return the delta that takes another one back."""
    return msgspec.structs.replace(
        delta,
        **{name: -getattr(delta, name) for name in _SCALARS},
        **{name: tuple(-value for value in getattr(delta, name)) for name in _VECTORS},
        examples=(),
    )


def _floor(moment: datetime, grain: int) -> datetime:
    zeroed = moment.replace(second=0, microsecond=0)
    return zeroed.replace(minute=0) if grain == HOUR else zeroed


def _keys(trace: Trace, descriptive: Collection[str]) -> Iterator[_Key]:
    def name(dimension: str, value: str) -> str:
        return OTHER if trace.marks and other_mark(dimension, value) in trace.marks else value

    minute, hour = _floor(trace.occurred_at, MINUTE), _floor(trace.occurred_at, HOUR)
    owner = (trace.project_id, trace.source)
    model = name("model", trace.model_name)
    template = name("template", trace.template_id) if trace.template_id else ""
    yield _Key(*owner, "all", "", "", "", MINUTE, minute)
    yield _Key(*owner, "model", model, "", "", MINUTE, minute)
    yield _Key(*owner, "template", template, model, "", HOUR, hour)
    if trace.user_id:
        yield _Key(*owner, "user", name("user", trace.user_id), "", "", HOUR, hour)
    if trace.session_id:
        yield _Key(*owner, "session", name("session", trace.session_id), "", "", HOUR, hour)
    for tag in dict.fromkeys(name("tag", tag) for tag in trace.tags):
        yield _Key(*owner, "tag", tag, "", "", HOUR, hour)
    for flag in trace.flags:
        yield _Key(*owner, "flag", flag, model, template, HOUR, hour)
    for evaluator in sorted(descriptive):
        result = trace.scores.get(evaluator)
        if isinstance(result, Score):
            yield _Key(*owner, evaluator, result.label, "", "", HOUR, hour)


def _observe(trace: Trace, observations: Observations) -> None:
    for evaluator, result in trace.scores.items():
        if not isinstance(result, Score):
            continue
        if result.value is not None:
            observations.add(evaluator, result.value, hit=evaluator in trace.hits)
        for part, value in result.parts.items():
            observations.add(f"{evaluator}.{part}", value)
    for measure in ("overall_quality", "safety_score", "response_time_ms", "time_to_first_token_ms"):
        value = getattr(trace, measure)
        if value is not None:
            observations.add(measure, value)
    if trace.cost_usd is not None:
        observations.add("cost_usd", float(trace.cost_usd))
    for flag in trace.flags:
        observations.add(f"flag:{flag}", 1.0, hit=True, binned=False)
    observations.end_record()


def _delta(key: _Key, traces: Sequence[Trace], table: Table | None) -> Delta:
    assessed = unsafe = quality_count = priced = prompt_tokens = completion_tokens = 0
    quality_sum, cost = 0.0, Decimal(0)
    for trace in traces:
        assessed += trace.safety_score is not None
        unsafe += trace.is_safe is False
        if trace.overall_quality is not None:
            quality_count += 1
            quality_sum += trace.overall_quality
        if trace.cost_usd is not None:
            priced += 1
            cost += trace.cost_usd
        prompt_tokens += trace.prompt_tokens or 0
        completion_tokens += trace.completion_tokens or 0
    examples: tuple[UUID, ...] = ()
    if key.dimension == "flag":
        examples = tuple(sorted((trace.trace_id for trace in traces), reverse=True)[:_EXAMPLES])
    return Delta(
        **key._asdict(),
        records=len(traces),
        assessed=assessed,
        unsafe=unsafe,
        quality_count=quality_count,
        quality_sum=quality_sum,
        priced=priced,
        cost_usd=cost,
        prompt_tokens=prompt_tokens,
        completion_tokens=completion_tokens,
        examples=examples,
        **(table._asdict() if table else {}),
    )
