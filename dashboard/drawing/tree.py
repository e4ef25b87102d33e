"""The spans of an OpenTelemetry trace as a tree: steps, and the calls inside or beside them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from dash import dcc, html

from app.reports.trees import grow
from app.schemas.kinds import COUNTED_KINDS
from app.schemas.listed import TreeNode
from dashboard.drawing.components import aria
from dashboard.drawing.formatting import milliseconds, money, score
from dashboard.drawing.links import trace_address
from dashboard.drawing.restatements import restatement_reason

__all__ = ["MOST_READ", "span_tree"]

MOST_READ = 5_000
"""So many spans of one OpenTelemetry trace are read."""

_MOST_SHOWN = 300
_DEEPEST = 12  # deeper lines are not indented any further


def span_tree(nodes: Sequence[TreeNode], shown: UUID, path: str, search: str | None) -> list[Any]:
    """Return a heading and the tree, with a link to every other span.

    A span that is alone has no tree. Spans beyond the first three hundred are only counted, and
    `nodes` holds at most MOST_READ spans of a trace.
    """
    if len(nodes) < 2:  # noqa: PLR2004 a single span is no tree
        return []
    lines: list[Any] = []
    waiting = [(root, 0) for root in reversed(grow(nodes))]
    while waiting and len(lines) < _MOST_SHOWN:
        node, depth = waiting.pop()
        lines.append(_line(node, depth, shown, path, search))
        waiting += [(child, depth + 1) for child in reversed(node["children"])]
    left = len(nodes) - len(lines)
    more = html.P(f"{left:,} more spans: GET /traces/{{id}}/tree returns them.", className="remark")
    return [
        html.H3(f"Spans of this trace ({'the first ' if len(nodes) == MOST_READ else ''}{len(nodes):,})"),
        html.Ul(lines, className="tree"),
        more if left else None,
    ]


def _line(node: dict[str, Any], depth: int, shown: UUID, path: str, search: str | None) -> Any:
    here = node["trace_id"] == shown
    name = node["name"] or (node["model_name"] if node["kind"] in COUNTED_KINDS else node["kind"])
    title = (
        html.Strong(name, **aria(current="true"))
        if here
        else dcc.Link(name, href=trace_address(path, search, node["trace_id"]))
    )
    told = [node["kind"], milliseconds(node["response_time_ms"])]
    if node["kind"] in COUNTED_KINDS:
        told += [money(node["cost_usd"]), f"quality {score(node['quality_score'])}"]
    if node["restates"]:
        told.append(f"counted elsewhere: {restatement_reason(node['restates_because'])}")
    marks = [html.Span("flagged", className="flag")] if node["is_safe"] is False else []
    marks += [html.Span("error", className="flag", title=node["error"])] if node["error"] else []
    return html.Li(
        [html.Span(title, className="name"), html.Span(" · ".join(told), className="remark"), *marks],
        style={"paddingLeft": f"{18 * min(depth, _DEEPEST)}px"},
        **aria(level=str(depth + 1)),
    )
