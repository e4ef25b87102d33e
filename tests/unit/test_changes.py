from __future__ import annotations

import numpy as np
import pytest

from monitoring.statistics.changes import FEWEST, change_of_means, change_of_shares
from monitoring.statistics.intervals import Moments


@pytest.mark.parametrize(
    ("before", "after", "certain"),
    [
        (Moments(500, 0.70, 0.04), Moments(500, 0.60, 0.04), True),
        (Moments(500, 0.70, 0.04), Moments(500, 0.69, 0.04), False),
        (Moments(FEWEST, 0.70, 0.04), Moments(FEWEST, 0.30, 0.04), True),
    ],
    ids=["clear", "chance", "just enough"],
)
def test_a_mean_changes_beyond_chance_or_not(before: Moments, after: Moments, *, certain: bool) -> None:
    change = change_of_means(before, after)
    assert change is not None
    assert change.certain is certain
    assert change.low <= change.difference <= change.high
    assert (change.low > 0 or change.high < 0) is certain


@pytest.mark.parametrize(("before", "after"), [(FEWEST - 1, 500), (500, FEWEST - 1), (0, 0)])
def test_too_few_values_make_no_change(before: int, after: int) -> None:
    assert change_of_means(Moments(before, 0.9, 0.0), Moments(after, 0.1, 0.0)) is None
    assert change_of_shares((0, before), (after, after)) is None


def test_a_share_that_appears_is_a_change() -> None:
    change = change_of_shares((0, 1000), (200, 1000))
    assert change is not None
    assert (change.before, change.after, change.certain) == (0.0, 0.2, True)


def test_the_bar_is_higher_where_much_is_compared() -> None:
    before, after = Moments(200, 0.70, 0.04), Moments(200, 0.65, 0.04)
    alone, among = change_of_means(before, after), change_of_means(before, after, claims=100)
    assert alone is not None
    assert among is not None
    assert (alone.certain, among.certain) == (True, False)
    assert (alone.low, alone.high) == (among.low, among.high)


def test_sets_of_claims_about_nothing_are_seldom_wrong() -> None:
    random, groups, wrong = np.random.default_rng(3), 20, 0
    for _ in range(400):
        drawn = random.beta(7, 3, (2, groups, 60))
        means, variances = drawn.mean(axis=2), drawn.var(axis=2, ddof=1)
        changes = [
            change_of_means(
                Moments(60, float(means[0, g]), float(variances[0, g])),
                Moments(60, float(means[1, g]), float(variances[1, g])),
                claims=groups,
            )
            for g in range(groups)
        ]
        wrong += any(change is not None and change.certain for change in changes)
    assert wrong <= 36  # 5 % of 400 are 20; the rest is the chance of this simulation
