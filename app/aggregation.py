"""From stored traces to rollup deltas: pure, and the same for every path that adds or takes back traces."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple

import numpy as np

from app.schemas.rollups import Delta
from app.schemas.traces import Trace
from monitoring.evaluator import Evaluator
from monitoring.histogram import bucket_of
from monitoring.models import Score
from monitoring.verdict import Policy

__all__ = ["HOUR", "MINUTE", "Judging", "aggregate"]

MINUTE, HOUR = 60, 3600
_EXAMPLES = 3
_LLM = "llm"


class Judging(NamedTuple):
    """What aggregation must know: thresholds by evaluator, as a project's policy has them, and which only describe."""

    below: Mapping[str, float]
    at_or_above: Mapping[str, float]
    descriptive: frozenset[str]

    @classmethod
    def of(cls, evaluators: Iterable[Evaluator], policy: Policy) -> Judging:
        """Collect it from the evaluators and from what a project decided otherwise."""
        found = [
            (one, threshold)
            for one in evaluators
            if (threshold := policy.thresholds.get(one.name, one.threshold)) is not None
        ]
        return cls(
            below={one.name: threshold for one, threshold in found if one.category == "quality"},
            at_or_above={one.name: threshold for one, threshold in found if one.category == "safety"},
            descriptive=frozenset(one.name for one in evaluators if one.category == "descriptive"),
        )


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


Name = Callable[[str, str], str]


def aggregate(
    traces: Sequence[Trace], judging: Judging, *, name: Name = lambda _dimension, value: value
) -> list[Delta]:
    """Return what the traces add to every bucket of every dimension; spans that are no LLM call add nothing.

    `name` maps (dimension, client-supplied value) to the value that is counted, which is how the number
    of distinct values stays capped.
    """
    calls = [trace for trace in traces if trace.kind == _LLM]
    observed = [list(_observe(trace, judging)) for trace in calls]
    members: dict[_Key, list[int]] = defaultdict(list)
    for index, trace in enumerate(calls):
        for key in _keys(trace, judging, name):
            members[key].append(index)
    return [
        _delta(key, [calls[i] for i in rows], [observed[i] for i in rows], judging)
        for key, rows in members.items()
    ]


def _floor(moment: datetime, grain: int) -> datetime:
    zeroed = moment.replace(second=0, microsecond=0)
    return zeroed.replace(minute=0) if grain == HOUR else zeroed


def _keys(trace: Trace, judging: Judging, name: Name) -> Iterator[_Key]:
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
    for evaluator in sorted(judging.descriptive):
        result = trace.scores.get(evaluator)
        if isinstance(result, Score):
            yield _Key(*owner, evaluator, result.label, "", "", HOUR, hour)


def _observe(trace: Trace, judging: Judging) -> Iterator[_Observation]:
    for evaluator, result in trace.scores.items():
        if not isinstance(result, Score):
            continue
        if result.value is not None:
            low, high = judging.below.get(evaluator), judging.at_or_above.get(evaluator)
            hit = (low is not None and result.value < low) or (high is not None and result.value >= high)
            yield _Observation(evaluator, result.value, hit, binned=True)
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
    key: _Key, traces: Sequence[Trace], observed: Sequence[Sequence[_Observation]], judging: Judging
) -> Delta:
    qualities = [trace.overall_quality for trace in traces if trace.overall_quality is not None]
    costs = [trace.cost_usd for trace in traces if trace.cost_usd is not None]
    measured = key.dimension in {"all", "model"} or key.dimension in judging.descriptive
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
