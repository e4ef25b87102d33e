"""Finding calls behind an alert, by id: whoever sends a message reads their texts later."""

# ruff: noqa: S608 - fragments are constants of this module; values of callers are bound

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.schemas.ids import first_id
from app.schemas.kinds import COUNTED_KINDS
from monitoring.alerting.rules import Rule, Selection
from monitoring.alerting.wording import Change

__all__ = ["MOST_EXAMPLES", "read_examples"]

MOST_EXAMPLES: Final = 3
# Of the calls of a window, so many of the last ones are looked at.
_LOOKED_AT = 2_000
_AHEAD = timedelta(days=1)

_SELECTED = {
    "model": "model_name = ANY(:values)",
    "template": "template_id = ANY(:values)",
    "tag": "tags && :values",
}
_BAD = {
    "violations": "is_safe = false",
    "errors": "error IS NOT NULL",
    "flag": ":name = ANY(flags)",
    "score": ":name = ANY(hits)",
}
_EXTREME: Mapping[str, str] = {
    "quality": "overall_quality",
    "safety": "safety_score",
    "latency": "response_time_ms",
    "time_to_first_token": "time_to_first_token_ms",
    "cost": "cost_usd",
    "completion_tokens": "completion_tokens",
}
_SCORED = "(scores -> :evaluator #>> CAST(:path AS text[]))::double precision"


async def read_examples(
    connection: AsyncConnection,
    project_id: str,
    rule: Rule,
    selection: Selection | None,
    span: tuple[datetime, datetime],
    change: Change | None = None,
) -> Sequence[UUID]:
    """Return up to three calls of a window that show best what a rule found; none for counts.

    They are the last flagged or failed calls, or those with the most extreme values. Of a change
    they are the first ones.
    """
    shown = _shown(rule, change)
    if shown is None:
        return ()
    condition, order, bound = shown
    selected = f"AND {_SELECTED[selection.dimension]}" if selection else ""
    rows = await connection.execute(
        text(
            "SELECT trace_id FROM (SELECT * FROM traces WHERE project_id = :project_id AND source = 'live'"
            " AND kind = ANY(:kinds) AND trace_id >= :first AND occurred_at >= :start AND occurred_at < :end"
            f" {selected} ORDER BY occurred_at DESC LIMIT :looked_at) AS looked_at"
            f" WHERE {condition} ORDER BY {order} LIMIT :most"
        ),
        {
            "project_id": project_id,
            "kinds": sorted(COUNTED_KINDS),
            "first": first_id(span[0] - _AHEAD),
            "start": span[0],
            "end": span[1],
            "looked_at": _LOOKED_AT,
            "most": MOST_EXAMPLES,
        }
        | ({"values": list(selection.values)} if selection else {})
        | bound,
    )
    return [UUID(bytes=row.trace_id.bytes) for row in rows]


def _shown(rule: Rule, change: Change | None) -> tuple[str, str, dict[str, Any]] | None:
    """Return which calls show best what was found, in which order, and the values of both."""
    kind, _, name = rule.metric.partition(":")
    if change is not None:
        condition, bound = _changed(kind, name, change)
        return condition, "occurred_at", bound
    if kind in _BAD:
        return _BAD[kind], "occurred_at DESC", {"name": name} if ":name" in _BAD[kind] else {}
    if kind in _EXTREME:
        order = "DESC" if rule.direction == "above" else "ASC"
        return f"{_EXTREME[kind]} IS NOT NULL", f"{_EXTREME[kind]} {order}", {}
    return None


def _changed(kind: str, name: str, change: Change) -> tuple[str, dict[str, Any]]:
    """Return the condition on calls that show a change, and its parameters."""
    evaluator, _, part = name.partition(".")
    if change.label is not None:
        found = "(scores -> :evaluator ->> 'label')"
        return f"{found} {'<>' if change.without else '='} :label", {
            "evaluator": evaluator,
            "label": change.label,
        }
    bound: dict[str, Any] = {"edge": change.edge}
    if kind in _EXTREME:
        value = _EXTREME[kind]
    else:
        value = _SCORED
        bound |= {"evaluator": evaluator, "path": ["parts", part] if part else ["value"]}
    return f"{value} {'>' if change.without else '<='} :edge", bound
