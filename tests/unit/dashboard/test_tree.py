from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from plotly.io.json import to_json_plotly

from app.schemas.listed import TreeNode
from app.schemas.spans import Reason
from dashboard.drawing.restatements import told_once_more
from dashboard.drawing.tree import span_tree


def node(number: int, parent: int | None, **changes: Any) -> TreeNode:
    values = {
        "trace_id": UUID(int=number),
        "kind": "llm",
        "otel_span_id": bytes([number % 256, number // 256]),
        "otel_parent_span_id": None if parent is None else bytes([parent % 256, parent // 256]),
        "timestamp": datetime(2026, 11, 26, 12, tzinfo=UTC),
        "response_time_ms": 5.0,
        "model_name": "gpt-4",
        "name": f"span {number}",
        "error": None,
        "cost_usd": None,
        "quality_score": None,
        "is_safe": None,
        "marks": [],
    }
    return TreeNode(**{**values, **changes})


def lines(nodes: list[TreeNode], shown: int) -> list[Any]:
    _, tree, _ = span_tree(nodes, UUID(int=shown), "/traces", "?model=a&trace=b")
    return list(tree.children)


def test_a_span_that_is_alone_has_no_tree() -> None:
    assert span_tree([node(1, None)], UUID(int=1), "/", None) == []
    assert span_tree([], UUID(int=1), "/", None) == []


def test_children_follow_their_parent_and_every_other_span_is_a_link() -> None:
    found = lines([node(1, None), node(2, 1), node(3, 1), node(4, 2), node(5, 9)], shown=3)
    names = [line.children[0].children.children for line in found]
    assert names == ["span 1", "span 2", "span 4", "span 3", "span 5"]
    assert [line.style["paddingLeft"] for line in found] == ["0px", "18px", "36px", "18px", "0px"]
    assert found[0].children[0].children.href == f"/traces?model=a&trace={UUID(int=1)}"
    assert "href" not in to_json_plotly(found[3])


def test_what_went_wrong_is_on_the_line_and_a_name_is_text() -> None:
    (_, line) = lines([node(1, None), node(2, 1, name="<b>", is_safe=False, error="timeout")], shown=1)
    shown = to_json_plotly(line)
    assert "flagged" in shown
    assert "timeout" in shown
    assert line.children[0].children.children == "<b>"


def test_a_span_that_counts_nothing_says_why() -> None:
    outer = node(1, None, kind="chain", restates=UUID(int=2), restates_because="same_usage")
    (wrapper, call) = lines([outer, node(2, 1)], shown=2)
    told = "counted elsewhere: their model and usage are the same"
    assert told in to_json_plotly(wrapper)
    assert "counted elsewhere" not in to_json_plotly(call)


@pytest.mark.parametrize("because", [*Reason, None, "a later version's"])
def test_every_reason_has_words(because: str | None) -> None:
    assert (told_once_more(because) == "they are one call") is (because in {None, "a later version's"})


def test_a_long_trace_is_cut_and_says_so() -> None:
    nodes = [node(1, None), *(node(number, 1) for number in range(2, 1000))]
    heading, tree, more = span_tree(nodes, UUID(int=1), "/", None)
    assert heading.children == "Spans of this trace (999)"
    assert len(tree.children) == 300
    assert more.children.startswith("699 more spans")
