from __future__ import annotations

from statistics import NormalDist, mean

import numpy as np
import numpy.typing as npt
import pytest

from monitoring.experiments.resampling import chances_of, holm, intervals_of

Values = npt.NDArray[np.float64]


def chance_of(differences: Values) -> float:
    (found,) = chances_of([differences])
    return found


def interval_of(differences: Values, seed: int = 0) -> tuple[float, float] | None:
    (found,) = intervals_of([differences], seed=seed)
    return found


@pytest.mark.parametrize(
    ("differences", "expected"),
    [
        ([], 1.0),
        ([0.0, 0.0], 1.0),
        ([0.1] * 5, 2 / 2**5),
        ([0.1] * 6, 2 / 2**6),
        ([0.0] * 100 + [1.0] * 6, 2 / 2**6),  # items that did not change say nothing
        ([1.0, -1.0], 1.0),
        ([1.0] * 9 + [-1.0], 2 * 11 / 2**10),  # the exact sign test: one or none of ten
        ([1.0, 2.0, 3.0], 2 / 2**3),  # of eight choices of signs, two give a sum as great
        ([3.0, -1.0, 2.0], 4 / 2**3),
    ],
)
def test_the_chance_of_a_difference_is_exact_for_few_changes(
    differences: list[float], expected: float
) -> None:
    assert chance_of(np.array(differences)) == pytest.approx(expected)


@pytest.mark.parametrize("count", [14, 15, 1_000, 1_001])
def test_every_way_to_work_out_the_chance_says_nearly_the_same(count: int) -> None:
    values = np.random.default_rng(count).normal(1.5 / np.sqrt(count), 1.0, count)
    negated = chance_of(-values)
    assert chance_of(values) == negated
    spread = abs(values.sum()) / np.sqrt((values**2).sum())
    expected = 2 * (1 - _normal(spread))
    assert chance_of(values) == pytest.approx(expected, abs=0.02)


def _normal(z: float) -> float:
    return NormalDist().cdf(z)


@pytest.mark.parametrize(("differences", "known"), [([], False), ([0.3], False), ([0.3, 0.4], True)])
def test_an_interval_needs_two_items(differences: list[float], *, known: bool) -> None:
    assert (interval_of(np.array(differences)) is not None) == known


def test_an_interval_is_the_same_at_every_call_and_holds_the_mean() -> None:
    values = np.random.default_rng(3).normal(0.2, 1.0, 50)
    bounds = interval_of(values)
    assert bounds is not None
    assert bounds == interval_of(values)
    assert bounds[0] < values.mean() < bounds[1]
    assert bounds != interval_of(values, seed=1)


# Of 200 intervals, 190 should hold the truth; with fewer than 180 they would be too narrow.
@pytest.mark.parametrize("count", [6, 10, 20])
def test_intervals_of_few_items_hold_the_truth_as_often_as_they_say(count: int) -> None:
    generator = np.random.default_rng(count)
    held = 0
    for _ in range(200):
        bounds = interval_of(generator.normal(0.5, 1.0, count))
        assert bounds is not None
        held += bounds[0] <= 0.5 <= bounds[1]
    assert held >= 180


@pytest.mark.parametrize(("count", "ties"), [(10, 0), (20, 0), (20, 10), (60, 50)])
def test_chance_claims_no_more_than_it_says(count: int, ties: int) -> None:
    generator = np.random.default_rng(count + ties)
    found = []
    for _ in range(200):
        values = np.concatenate([generator.exponential(1.0, count - ties), np.zeros(ties)])
        found.append(chance_of(values * generator.choice([-1.0, 1.0], count)) <= 0.05)
    assert mean(found) <= 0.1


def test_several_figures_are_allowed_for() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.9, 0.6]) == [1.0, 1.0]
    assert holm([]) == []


@pytest.mark.parametrize("counts", [(30, 30, 30), (1, 50, 20, 0), (2, 14, 15, 16, 1_200, 25_000)])
def test_figures_that_share_what_is_drawn_are_as_they_are_alone(counts: tuple[int, ...]) -> None:
    generator = np.random.default_rng(len(counts))
    figures = [generator.normal(0.1, 1.0, count) for count in counts]
    for figure, bounds, p in zip(figures, intervals_of(figures), chances_of(figures), strict=True):
        alone = interval_of(figure)
        assert (bounds is None) == (alone is None)
        assert bounds is None or bounds == pytest.approx(alone)
        assert p == pytest.approx(chance_of(figure), abs=0.02)
