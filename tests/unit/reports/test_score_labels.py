from __future__ import annotations

import pytest

from app.reports.score_labels import compare_labels


@pytest.mark.parametrize(
    ("before", "now", "order"),
    [
        ({"fine": 900, "cut": 5}, {"fine": 700, "cut": 200}, ["cut", "fine"]),
        ({"fine": 900, "cut": 195}, {"fine": 700, "cut": 160}, ["fine", "cut"]),
        ({"fine": 10}, {"fine": 700, "cut": 200}, ["fine", "cut"]),
        ({}, {"b": 1, "a": 1}, ["a", "b"]),
        ({"fine": 900}, {}, []),
    ],
    ids=["a sure rise", "by chance", "too few before", "nothing before", "nothing now"],
)
def test_what_surely_rose_comes_first(before: dict[str, int], now: dict[str, int], order: list[str]) -> None:
    found = compare_labels(before, now)
    assert [one.label for one in found] == order
    assert sum(one.count for one in found) == sum(now.values())
    assert {one.of for one in found} <= {sum(now.values())}


def test_a_share_is_compared_where_both_times_have_enough_calls() -> None:
    cut, fine = compare_labels({"fine": 90, "cut": 10}, {"fine": 20, "cut": 80})
    assert cut.change is not None
    assert (cut.change.before, cut.change.after, cut.change.certain) == (0.1, 0.8, True)
    assert fine.change is not None
    assert fine.change.difference < 0
    assert [one.change for one in compare_labels({"fine": 29}, {"fine": 900})] == [None]
