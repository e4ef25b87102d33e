"""From stored traces to rollup deltas: pure, and the same for every path that adds or takes back traces."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple

import msgspec
import numpy as np

from app.schemas.rollups import Delta
from app.schemas.traces import Trace
from monitoring.evaluator import Evaluator
from monitoring.histogram import bucket_of
from monitoring.models import Result, Score
from monitoring.verdict import Policy

__all__ = ["HOUR", "MINUTE", "OTHER", "Judging", "aggregate", "describing", "negate", "other_mark"]

MINUTE, HOUR = 60, 3600
OTHER = "(other)"
_EXAMPLES = 3
_LLM = "llm"
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


class _Observation(NamedTuple):
    measure: str
    value: float
    hit: bool
    binned: bool


def other_mark(dimension: str, value: str) -> str:
    """Return the mark of a trace whose name is counted under `(other)`, because too many were seen that day.

    The trace says so itself, so that what it added can be taken back exactly, whenever that is.
    """
    return f"other:tag:{value}" if dimension == "tag" else f"other:{dimension}"


def aggregate(traces: Sequence[Trace], descriptive: Collection[str]) -> list[Delta]:
    """Return what the traces add to every bucket of every dimension; spans that are no LLM call add nothing.

    It follows from the traces alone: thresholds and caps of the moment they were scored are written in them,
    so that what was added can be taken back exactly after both have changed.
    """
    calls = [trace for trace in traces if trace.kind == _LLM]
    observed = [list(_observe(trace)) for trace in calls]
    members: dict[_Key, list[int]] = defaultdict(list)
    for index, trace in enumerate(calls):
        for key in _keys(trace, descriptive):
            members[key].append(index)
    return [
        _delta(key, [calls[i] for i in rows], [observed[i] for i in rows], descriptive)
        for key, rows in members.items()
    ]


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


def _observe(trace: Trace) -> Iterator[_Observation]:
    for evaluator, result in trace.scores.items():
        if not isinstance(result, Score):
            continue
        if result.value is not None:
            yield _Observation(evaluator, result.value, evaluator in trace.hits, binned=True)
        for part, value in result.parts.items():
            yield _Observation(f"{evaluator}.{part}", value, hit=False, binned=True)
    for measure in ("overall_quality", "safety_score", "response_time_ms", "time_to_first_token_ms"):
        value = getattr(trace, measure)
        if value is not None:
            yield _Observation(measure, value, hit=False, binned=True)
    if trace.cost_usd is not None:
        yield _Observation("cost_usd", float(trace.cost_usd), hit=False, binned=True)
    for flag in trace.flags:
        yield _Observation(f"flag:{flag}", 1.0, hit=True, binned=False)


def _delta(
    key: _Key,
    traces: Sequence[Trace],
    observed: Sequence[Sequence[_Observation]],
    descriptive: Collection[str],
) -> Delta:
    qualities = [trace.overall_quality for trace in traces if trace.overall_quality is not None]
    costs = [trace.cost_usd for trace in traces if trace.cost_usd is not None]
    measured = key.dimension in {"all", "model"} or key.dimension in descriptive
    newest = sorted((trace.trace_id for trace in traces), reverse=True)[:_EXAMPLES]
    return Delta(
        **key._asdict(),
        records=len(traces),
        assessed=sum(trace.safety_score is not None for trace in traces),
        unsafe=sum(trace.is_safe is False for trace in traces),
        quality_count=len(qualities),
        quality_sum=sum(qualities),
        priced=len(costs),
        cost_usd=sum(costs, Decimal(0)),
        prompt_tokens=sum(trace.prompt_tokens or 0 for trace in traces),
        completion_tokens=sum(trace.completion_tokens or 0 for trace in traces),
        examples=tuple(newest) if key.dimension == "flag" else (),
        **(_measures(observed) if measured else {}),
    )


def _measures(observed: Sequence[Sequence[_Observation]]) -> dict[str, Any]:
    """Add observations up into the parallel arrays of a Delta."""
    flat = [observation for row in observed for observation in row]
    names = tuple(sorted({observation.measure for observation in flat}))
    if not names:
        return {}
    position = {name: i for i, name in enumerate(names)}
    where = np.fromiter((position[o.measure] for o in flat), dtype=np.int64, count=len(flat))
    values = np.fromiter((o.value for o in flat), dtype=np.float64, count=len(flat))
    hits = np.fromiter((o.hit for o in flat), dtype=np.float64, count=len(flat))
    binned = np.fromiter((o.binned for o in flat), dtype=np.bool_, count=len(flat))
    size = len(names)
    pairs = np.stack([where[binned] + 1, bucket_of(values[binned]).astype(np.int64)])
    cells, counts = np.unique(pairs, axis=1, return_counts=True)
    return {
        "measures": names,
        "counts": tuple(np.bincount(where, minlength=size).tolist()),
        "sums": tuple(np.bincount(where, weights=values, minlength=size).tolist()),
        "hits": tuple(np.bincount(where, weights=hits, minlength=size).astype(np.int64).tolist()),
        "bin_measures": tuple(cells[0].tolist()),
        "bins": tuple(cells[1].tolist()),
        "bin_counts": tuple(counts.tolist()),
    }
