from __future__ import annotations

from app.reports.one_score import compare_groups
from app.storage.traces.one_score import ScoredGroup
from monitoring.statistics.intervals import Moments


def group(value: str | None, count: int, mean: float) -> ScoredGroup:
    return ScoredGroup(
        values=(value,), records=count + 1, assessed=count, unsafe=2, scored=Moments(count, mean, 0.01)
    )


def test_what_surely_fell_comes_first_and_the_incomparable_last() -> None:
    before = [
        group("steady", 900, 0.5),
        group("fallen", 900, 0.8),
        group("few", 40, 0.9),
        group("rare", 3, 0.9),
    ]
    now = [
        group("rare", 3, 0.1),
        group("steady", 900, 0.5),
        group("new", 900, 0.2),
        group("few", 40, 0.6),
        group("fallen", 900, 0.6),
        group(None, 0, 0.0),
    ]
    found = compare_groups(before, now)
    assert [one.values[0] for one in found] == ["few", "fallen", "steady", "rare", "new", None]
    changes = [one.change for one in found]
    assert [change.certain for change in changes if change] == [True, True, False]
    assert changes[3:] == [None, None, None]
    assert (found[-1].mean, found[-1].count, found[-1].records, found[-1].flagged) == (None, 0, 1, 2)


def test_groups_of_nothing_are_nothing() -> None:
    assert compare_groups([group("gone", 900, 0.5)], []) == ()
