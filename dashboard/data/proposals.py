"""Alert rules that a chart or a list proposes, as an address of the page of alerts names them."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

from app.errors import InvalidParameter
from app.figures.charted import find_measure
from app.filters import Filter, parse_filter
from app.filters.conditions import ORDERED, And, Comparison, Condition, Not, Operator
from dashboard.data.view import read_fields

__all__ = ["LISTED", "read_proposal"]

LISTED: Final = "listed"
"""What a list of traces proposes in place of a measure."""
_LONGEST: Final = 160
_GROUPS: Final = ("model", "template", "tag")
# The metric of a rule, how it is aggregated, and which way of it is bad.
_METRICS: Final[Mapping[str, tuple[str, str, str]]] = {
    "requests": ("requests", "sum", "above"),
    "errors": ("errors", "rate", "above"),
    "quality": ("quality", "average", "below"),
    "safety": ("safety", "average", "below"),
    "violations": ("violations", "rate", "above"),
    "cost": ("cost", "sum", "above"),
    "cost_per_call": ("cost", "average", "above"),
    "tokens": ("completion_tokens", "sum", "above"),
    "latency_p50": ("latency", "p50", "above"),
    "latency_p95": ("latency", "p95", "above"),
    "latency_p99": ("latency", "p99", "above"),
    "first_token_p95": ("time_to_first_token", "p95", "above"),
}
# What a limit of a filter is about, by the field and whether more than it is meant.
_LIMITED: Final[Mapping[tuple[str, bool], str]] = {
    ("quality", False): "quality",
    ("safety", False): "safety",
    ("latency", True): "latency_p95",
    ("cost", True): "cost_per_call",
}


def read_proposal(search: str | None) -> dict[str, Any] | None:
    """Return the values of the editor for what an address proposes, None if it proposes nothing.

    `new` names a measure of charts, `filter` the calls and `split` a field. A list of traces
    proposes `listed`: the condition of its filter that is a metric becomes one. A person checks the
    values and adds what is missing.
    """
    fields = read_fields(search)
    name, text = fields.get("new", "")[:_LONGEST], fields.get("filter", "")
    limit: float | None = None
    if name == LISTED:
        name, limit, text = _metric_of(text)
    measure = find_measure(name)
    if measure is None:
        return None
    kind = measure.name.partition(":")[0]
    usual = (measure.name, "rate", "above") if kind == "flag" else (measure.name, "average", "below")
    metric, aggregation, direction = _METRICS.get(measure.name, usual)
    split = fields.get("split", "")
    group = split if split in _GROUPS else None
    values: dict[str, Any] = {"metric": metric, "aggregation": aggregation, "direction": direction}
    values |= {"filter": text, "group_by": group, "name": f"{measure.title}{f' by {group}' if group else ''}"}
    return values if limit is None else values | {"warning": limit}


def _metric_of(text: str) -> tuple[str, float | None, str]:
    """Return the measure that a filter asks for, its limit, and the filter of what is left."""
    try:
        condition = parse_filter(text).condition
    except InvalidParameter:
        return "requests", None, text
    parts = condition.parts if isinstance(condition, And) else (condition,) if condition else ()
    for place, part in enumerate(parts):
        found = _measure_of(part)
        if found is None:
            continue
        left = parts[:place] + parts[place + 1 :]
        rest = Filter(And(left)) if len(left) > 1 else Filter(left[0]) if left else Filter()
        return (*found, rest.to_text())
    return "requests", None, text


def _measure_of(part: Condition) -> tuple[str, float | None] | None:
    match part:
        case Not(Comparison(field="is_safe", values=(True,))) | Comparison(field="is_safe", values=(False,)):
            return "violations", None
        case Comparison(field="status", operator=Operator.IN, values=("error",)):
            return "errors", None
        case Comparison(field="flag", operator=Operator.IN, values=(str(flag),)):
            return f"flag:{flag}", None
        case Comparison(field=field, operator=operator, values=(Decimal() as limit,)) if operator in ORDERED:
            measure = _LIMITED.get((field, operator in {Operator.MORE, Operator.AT_LEAST}))
            return (measure, float(limit)) if measure else None
    return None
