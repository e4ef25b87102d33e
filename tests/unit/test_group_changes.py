from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from monitoring.statistics.group_changes import GroupFigures, find_group_changes
from monitoring.statistics.intervals import Moments


def figures(value: str | None, records: int, **changes: Any) -> GroupFigures:
    values: dict[str, Any] = {
        "quality": Moments(records, 0.7, 0.04),
        "cost": Moments(records, 0.01, 0.0001),
        "latency": Moments(records, 900.0, 250_000.0),
    }
    return GroupFigures(field="model", value=value, records=records, **values | changes)


@pytest.mark.parametrize(
    ("after", "figure"),
    [
        ({"quality": Moments(1000, 0.6, 0.04)}, "quality"),
        ({"cost": Moments(1000, 0.02, 0.0001)}, "cost"),
        ({"latency": Moments(1000, 1400.0, 250_000.0)}, "latency"),
    ],
)
def test_a_clear_and_large_change_is_told(after: dict[str, Any], figure: str) -> None:
    (found,) = find_group_changes([figures("a", 1000)], [figures("a", 1000, **after)], (2000, 2000))
    assert (found.figure, found.field, found.value) == (figure, "model", "a")
    assert found.size > 1
    assert found.change.certain


@pytest.mark.parametrize(
    "after",
    [
        {"quality": Moments(1000, 0.68, 0.0001)},  # sure, but small
        {"quality": Moments(1000, 0.66, 0.9)},  # large, but not sure
        {"quality": Moments(29, 0.1, 0.04)},  # too few
        {"cost": Moments(0, 0.0, 0.0)},  # no price is known now
        {},
    ],
    ids=["small", "unsure", "few", "unknown", "same"],
)
def test_a_small_or_uncertain_change_is_not_told(after: dict[str, Any]) -> None:
    assert find_group_changes([figures("a", 1000)], [figures("a", 1000, **after)], (2000, 2000)) == []


def test_the_largest_comes_first_and_what_is_new_or_gone_is_a_share() -> None:
    before = [figures("gone", 600), figures("kept", 400), figures(None, 10_000)]
    after = [figures("new", 300), figures("kept", 700), figures(None, 10)]
    found = find_group_changes(before, after, (1000, 1000))
    assert [(one.value, one.figure, round(one.change.difference, 6)) for one in found] == [
        ("gone", "share", -0.6),
        ("new", "share", 0.3),
        ("kept", "share", 0.3),
    ]


def test_nothing_is_told_where_a_period_is_empty() -> None:
    assert find_group_changes([], [figures("a", 1000)], (0, 1000)) == []
    assert find_group_changes([figures("a", 1000)], [], (1000, 0)) == []


def moments(values: NDArray[np.float64]) -> Moments:
    return Moments(values.size, float(values.mean()), float(values.var(ddof=1)))


def noise(random: np.random.Generator, calls: int) -> list[GroupFigures]:
    """Return the same eight models as in any other period, but for chance."""
    model = random.choice(8, calls, p=[0.3, 0.2, 0.15, 0.12, 0.1, 0.06, 0.05, 0.02])
    quality, cost = random.beta(7, 3, calls), random.lognormal(-7, 1, calls) * (1 + model)
    latency = random.lognormal(7, 0.8, calls)
    return [
        GroupFigures(
            field="model",
            value=str(one),
            records=int((model == one).sum()),
            quality=moments(quality[model == one]),
            cost=moments(cost[model == one]),
            latency=moments(latency[model == one]),
        )
        for one in range(8)
    ]


def test_nothing_is_told_of_pure_noise() -> None:
    random = np.random.default_rng(2)
    # Over 400 pairs of periods with models, templates and tags, 2.75 % told of a change.
    wrong = sum(
        bool(find_group_changes(noise(random, 1500), noise(random, 1500), (1500, 1500))) for _ in range(150)
    )
    assert wrong <= 12
