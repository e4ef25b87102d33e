"""The measures that a chart may show: how each is computed from calls, and in which unit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal, NamedTuple

__all__ = ["LONGEST_MEASURE", "MEASURES", "ChartMeasure", "Unit", "find_measure"]

LONGEST_MEASURE: Final = 160
Unit = Literal["calls", "tokens", "usd", "ms", "score", "share"]


class ChartMeasure(NamedTuple):
    """One measure: its title and unit, and how the values of calls become one value of a bucket.

    `how` adds values up, takes their mean (which is a share where values are 0 or 1), or takes the
    quantile `quantile`. `of` names the values: a measure of rollups, a flag, or plain counts.
    """

    name: str
    title: str
    unit: Unit
    how: Literal["sum", "mean", "quantile"]
    of: str
    quantile: float = 0.0


def _quantile(name: str, title: str, of: str, quantile: float) -> ChartMeasure:
    return ChartMeasure(name, title, "ms", "quantile", of, quantile)


_ALL: Final = (
    ChartMeasure("requests", "Requests", "calls", "sum", "requests"),
    ChartMeasure("errors", "Calls with an error", "share", "mean", "error"),
    ChartMeasure("quality", "Quality", "score", "mean", "overall_quality"),
    ChartMeasure("safety", "Safety", "score", "mean", "safety_score"),
    ChartMeasure("violations", "Flagged calls", "share", "mean", "violations"),
    ChartMeasure("cost", "Cost", "usd", "sum", "cost_usd"),
    ChartMeasure("cost_per_call", "Cost per call", "usd", "mean", "cost_usd"),
    ChartMeasure("tokens", "Tokens", "tokens", "sum", "tokens"),
    _quantile("latency_p50", "Duration, median", "response_time_ms", 0.5),
    _quantile("latency_p95", "Duration, 95th percentile", "response_time_ms", 0.95),
    _quantile("latency_p99", "Duration, 99th percentile", "response_time_ms", 0.99),
    _quantile("first_token_p95", "First token, 95th percentile", "time_to_first_token_ms", 0.95),
)
MEASURES: Final[Mapping[str, ChartMeasure]] = {one.name: one for one in _ALL}
"""The measures that every project has, beside `score:NAME` and `flag:NAME`."""


def find_measure(name: str) -> ChartMeasure | None:
    """Return a measure by its name, such as `cost` or `score:relevance`; else None.

    A score is the mean of what an evaluator or a part of it gave, and a flag the share of the calls
    with a safety verdict. Whether such an evaluator or flag exists, this module does not know.
    """
    kind, _, of = name.partition(":")
    if not of or len(name) > LONGEST_MEASURE:
        return MEASURES.get(name)
    if kind == "score":
        return ChartMeasure(name, of.replace("_", " "), "score", "mean", of)
    if kind == "flag":
        return ChartMeasure(
            name, f"Calls with {of.replace('_', ' ').replace('pii', 'PII')}", "share", "mean", name
        )
    return None
