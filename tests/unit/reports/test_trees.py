from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from app.api.responses import json_response
from app.reports.trees import grow
from app.schemas.listed import TreeNode

BEGUN = datetime(2026, 11, 26, tzinfo=UTC)


def span(number: int, parent: int | None) -> TreeNode:
    return TreeNode(
        trace_id=UUID(int=number),
        kind="llm",
        otel_span_id=number.to_bytes(8),
        otel_parent_span_id=None if parent is None else parent.to_bytes(8),
        timestamp=BEGUN,
        response_time_ms=None,
        model_name="m",
        name=None,
        error=None,
        cost_usd=None,
        quality_score=None,
        is_safe=None,
        marks=[],
    )


def shape(trees: Sequence[Mapping[str, Any]]) -> dict[int, Any]:
    return {int(node["otel_span_id"], 16): shape(node["children"]) for node in trees}


def chain(length: int) -> list[TreeNode]:
    return [span(number, number - 1 or None) for number in range(1, length + 1)]


def depths(trees: Sequence[Mapping[str, Any]]) -> Iterator[int]:
    waiting = [(node, 1) for node in trees]
    while waiting:
        node, depth = waiting.pop()
        yield depth
        waiting += [(child, depth + 1) for child in node["children"]]


@pytest.mark.parametrize(
    ("spans", "expected"),
    [
        ([], {}),
        ([(1, None)], {1: {}}),
        ([(1, None), (2, 1), (3, 1), (4, 2)], {1: {2: {4: {}}, 3: {}}}),
        ([(4, 2), (3, 1), (2, 1), (1, None)], {1: {3: {}, 2: {4: {}}}}),
        ([(1, 9), (2, 1)], {1: {2: {}}}),
        ([(1, 1), (2, 1)], {1: {2: {}}}),
        ([(1, 2), (2, 1)], {1: {}, 2: {}}),
        ([(1, 3), (2, 1), (3, 2), (4, 3), (5, 4)], {1: {}, 2: {}, 3: {4: {5: {}}}}),
        ([(5, 4), (4, 3), (3, 2), (2, 1), (1, 3)], {3: {4: {5: {}}}, 2: {}, 1: {}}),
        ([(1, None), (1, None), (2, 1)], {1: {2: {}}}),
    ],
)
def test_spans_stand_below_their_parents_and_those_of_a_circle_at_the_top(
    spans: list[tuple[int, int | None]], expected: dict[int, Any]
) -> None:
    assert shape(grow([span(*one) for one in spans])) == expected


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize(("length", "roots"), [(99, 1), (100, 1), (101, 2), (5000, 50)])
def test_a_deep_branch_goes_on_at_the_top_and_loses_no_span(length: int, roots: int, *, turned: bool) -> None:
    spans = chain(length)
    trees = grow(spans[::-1] if turned else spans, deepest=100)
    assert len(trees) == roots
    found = list(depths(trees))
    assert len(found) == length
    assert max(found) <= 100
    assert {node["otel_parent_span_id"] for node in trees} == {
        (100 * number).to_bytes(8).hex() if number else None for number in range(roots)
    }
    assert len(json.loads(bytes(json_response(trees).body))) == roots


@pytest.mark.parametrize(
    "parents", [lambda n: n - 1 or None, lambda n: 1 if n > 1 else None, lambda n: n // 2 or None]
)
def test_time_grows_with_the_number_of_spans_and_not_faster(parents: Any) -> None:
    def seconds(count: int) -> float:
        spans = [span(number, parents(number)) for number in range(count, 0, -1)]
        begun = time.process_time()
        grow(spans, deepest=100)
        return time.process_time() - begun

    small = min(seconds(2_000) for _ in range(3))
    assert min(seconds(16_000) for _ in range(3)) < 24 * small
