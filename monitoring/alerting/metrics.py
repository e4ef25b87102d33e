"""The metrics that a rule may watch, and how each may be aggregated."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal, NamedTuple

from monitoring.behaviour import CHANGED

__all__ = ["METRICS", "PERCENTILES", "Aggregation", "Metric", "find_metric"]

Aggregation = Literal["sum", "average", "rate", "last", "p10", "p50", "p90", "p95", "p99", "distribution"]
PERCENTILES: Final[Mapping[str, float]] = {"p10": 0.1, "p50": 0.5, "p90": 0.9, "p95": 0.95, "p99": 0.99}
_SPREAD = frozenset(PERCENTILES) | {"average", "distribution"}
_COUNTED = frozenset({"sum", "rate"})
_LAST = frozenset({"last"})


class Metric(NamedTuple):
    """A metric: its aggregations, and where its figures are.

    `measure` is the name of the measure in rollups, None where the figures are plain counts.
    `most` is the largest value of one record, None where there is no bound. `gauge` says that it is
    a state at one moment, of the pipeline or of budgets, and not a figure of records.
    `spread_by_model` says that its percentiles are known per model too, and `plain` that its
    averages and sums are known by every dimension.
    """

    aggregations: frozenset[str]
    measure: str | None = None
    most: float | None = None
    gauge: bool = False
    spread_by_model: bool = False
    plain: bool = False


METRICS: Final[Mapping[str, Metric]] = {
    "requests": Metric(frozenset({"sum"})),
    "quality": Metric(_SPREAD, "overall_quality", 1.0, spread_by_model=True, plain=True),
    "safety": Metric(_SPREAD, "safety_score", 1.0, spread_by_model=True),
    "violations": Metric(_COUNTED, most=1.0),
    "errors": Metric(_COUNTED, most=1.0),
    "cost": Metric(_SPREAD | {"sum"}, "cost_usd", spread_by_model=True, plain=True),
    "latency": Metric(_SPREAD, "response_time_ms", spread_by_model=True),
    "time_to_first_token": Metric(_SPREAD, "time_to_first_token_ms", spread_by_model=True),
    "prompt_tokens": Metric(frozenset({"sum", "average"})),
    "completion_tokens": Metric(_SPREAD | {"sum"}, "completion_tokens", spread_by_model=True, plain=True),
    "backlog": Metric(_LAST, gauge=True),
    "backlog_age": Metric(_LAST, gauge=True),
    "unaccounted": Metric(_LAST, gauge=True),
    "dead_letters": Metric(_LAST, gauge=True),
    "budget": Metric(_LAST, gauge=True),
}


def find_metric(name: str) -> Metric | None:
    """Return a metric by name, such as `cost`, `flag:toxicity` or `score:relevance`; else None.

    The metric of a flag counts its records, that of a score is the value of an evaluator or of one
    of its parts, and that of a label counts the labels of an evaluator. Whether such a flag or
    evaluator exists, this module does not know.
    """
    kind, _, of = name.partition(":")
    if not of:
        return METRICS.get(name)
    if kind == "flag":
        return Metric(_COUNTED, name, 1.0)
    if kind == "score":
        return Metric(_SPREAD | {"rate"}, of)
    if kind == "label" and of in CHANGED:
        return Metric(frozenset({"distribution"}), of, spread_by_model=True)
    return None
