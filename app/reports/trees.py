"""The spans of a trace as trees."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from app.schemas.listed import TreeNode

__all__ = ["grow"]


def grow(nodes: Sequence[TreeNode], *, deepest: int | None = None) -> list[dict[str, Any]]:
    """Return spans as trees: each with its `children`, and at the top those whose parent is not among them.

    A branch with more than `deepest` spans below one another goes on at the top, with the span that it hangs on
    as its `otel_parent_span_id`. So does every span of a circle, which no honest exporter sends. Time and
    memory grow with the number of spans, whatever shape the trees have.
    """
    shown = [msgspec.structs.asdict(node) | {"children": []} for node in nodes]
    for node in shown:
        for name in ("otel_span_id", "otel_parent_span_id"):
            node[name] = node[name].hex() if node[name] else None
    by_span = {node["otel_span_id"]: place for place, node in enumerate(shown) if node["otel_span_id"]}
    parents = [by_span.get(node["otel_parent_span_id"], -1) for node in shown]
    levels = _levels(parents)
    roots: list[dict[str, Any]] = []
    for node, parent, level in zip(shown, parents, levels, strict=True):
        beyond = deepest is not None and level % deepest == 0
        (roots if level == 0 or beyond else shown[parent]["children"]).append(node)
    return roots


def _levels(parents: Sequence[int]) -> list[int]:
    """Return how many spans lie above each one: 0 for one without a parent, and for those of a circle."""
    levels: list[int | None] = [None] * len(parents)
    for place in range(len(parents)):
        path: dict[int, None] = {}  # in order, and looked up at once
        above = place
        while above >= 0 and above not in path and levels[above] is None:
            path[above] = None
            above = parents[above]
        if above in path:
            climbed = list(path)
            for member in climbed[climbed.index(above) :]:
                levels[member] = 0
                del path[member]
        level = -1 if above < 0 else levels[above] or 0
        for member in reversed(path):
            level += 1
            levels[member] = level
    return [level or 0 for level in levels]
