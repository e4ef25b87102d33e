"""The spans of a trace as a tree: the steps around a call and the calls beside it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from dash import dcc, html

from app.reports.trees import grow
from app.schemas.kinds import COUNTED_KINDS
from app.schemas.listed import TreeNode
from dashboard.data.view import with_fields
from dashboard.drawing.components import aria
from dashboard.drawing.formatting import milliseconds, money, score
from dashboard.drawing.restatements import told_once_more

__all__ = ["MOST_READ", "span_tree"]

MOST_READ = 5_000
"""Spans of one trace that are looked at."""

_MOST_SHOWN = 300
_DEEPEST = 12  # further in, lines are no longer moved to the right


def span_tree(nodes: Sequence[TreeNode], shown: UUID, path: str, search: str | None) -> list[Any]:
    """Return a heading and the tree, with a link to every other span; nothing for a span that is alone.

    Spans beyond the first three hundred are counted and left out, and `nodes` holds at most MOST_READ of a trace.
    """
    if len(nodes) < 2:  # noqa: PLR2004 a tree has branches
        return []
    lines: list[Any] = []
    waiting = [(root, 0) for root in reversed(grow(nodes))]
    while waiting and len(lines) < _MOST_SHOWN:
        node, depth = waiting.pop()
        lines.append(_line(node, depth, shown, path, search))
        waiting += [(child, depth + 1) for child in reversed(node["children"])]
    left = len(nodes) - len(lines)
    more = html.P(f"{left:,} more spans, which GET /traces/{{id}}/tree returns.", className="remark")
    return [
        html.H3(f"Spans of this trace ({'the first ' if len(nodes) == MOST_READ else ''}{len(nodes):,})"),
        html.Ul(lines, className="tree"),
        more if left else None,
    ]


def _line(node: dict[str, Any], depth: int, shown: UUID, path: str, search: str | None) -> Any:
    here = node["trace_id"] == shown
    name = node["name"] or node["model_name"]
    title = (
        html.Strong(name, **aria(current="true"))
        if here
        else dcc.Link(name, href=f"{path}{with_fields(search, trace=str(node['trace_id']))}")
    )
    told = [node["kind"], milliseconds(node["response_time_ms"])]
    if node["kind"] in COUNTED_KINDS:
        told += [money(node["cost_usd"]), f"quality {score(node['quality_score'])}"]
    if node["restates"]:
        told.append(f"counted elsewhere: {told_once_more(node['restates_because'])}")
    marks = [html.Span("flagged", className="flag")] if node["is_safe"] is False else []
    marks += [html.Span("error", className="flag", title=node["error"])] if node["error"] else []
    return html.Li(
        [html.Span(title, className="name"), html.Span(" · ".join(told), className="remark"), *marks],
        style={"paddingLeft": f"{18 * min(depth, _DEEPEST)}px"},
        **aria(level=str(depth + 1)),
    )
