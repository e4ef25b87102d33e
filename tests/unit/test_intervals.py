from __future__ import annotations

import pytest

from monitoring.statistics.intervals import (
    Moments,
    difference_of_means,
    difference_of_shares,
    ratio,
    share,
)


@pytest.mark.parametrize(
    ("hits", "count", "low", "high"),
    [
        # Newcombe (1998), Statistics in Medicine 17:857-872, table I, method 3.
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_shares(hits: int, count: int, low: float, high: float) -> None:
    found = share(hits, count)
    assert found is not None
    assert (found.low, found.high) == (pytest.approx(low, abs=1e-4), pytest.approx(high, abs=1e-4))


def test_no_cases_have_no_share_and_more_hits_than_cases_are_refused() -> None:
    assert share(0, 0) is None
    assert difference_of_shares(0, 0, 1, 2) is None
    with pytest.raises(ValueError, match="more hits"):
        share(2, 1)


@pytest.mark.parametrize(
    ("one", "other", "low", "high"),
    [
        # Newcombe (1998), Statistics in Medicine 17:873-890, table II, method 10.
        ((56, 70), (48, 80), 0.0524, 0.3339),
        ((9, 10), (3, 10), 0.1705, 0.8090),
        ((0, 10), (0, 10), -0.2775, 0.2775),
    ],
)
def test_differences_of_shares(one: tuple[int, int], other: tuple[int, int], low: float, high: float) -> None:
    found = difference_of_shares(*one, *other)
    assert found is not None
    assert (found.low, found.high) == (pytest.approx(low, abs=1e-4), pytest.approx(high, abs=1e-4))


def test_differences_of_means() -> None:
    found = difference_of_means(Moments(100, 0.7, 0.04), Moments(50, 0.6, 0.02))
    assert found is not None
    # sqrt(0.04 / 100 + 0.02 / 50) = 0.028284, times 1.959964 = 0.055437
    assert found.estimate == pytest.approx(0.1)
    assert (found.low, found.high) == (pytest.approx(0.044563, abs=1e-6), pytest.approx(0.155437, abs=1e-6))
    assert difference_of_means(Moments(1, 0.7, 0), Moments(50, 0.6, 0.02)) is None


@pytest.mark.parametrize(("good", "bounded"), [(0, False), (1, False), (2, False), (30, True), (100, True)])
def test_the_cost_of_a_good_answer_is_bounded_by_enough_good_ones(good: int, bounded: object) -> None:
    # 100 calls of two cents each, so the costs do not vary and only the share of good ones does.
    found = ratio(100, (2.0, 0.04), (good, good), 0.02 * good)
    assert (found is not None) is bounded
    if found is not None:
        assert found.estimate == pytest.approx(2 / good)
        assert found.low <= found.estimate <= found.high
    if good == 30:
        # The share is 0.3 +- 1.96 * sqrt(0.21 / 99) = 0.2097 to 0.3903, and 0.02 is divided by it.
        assert found is not None
        assert (found.low, found.high) == (pytest.approx(0.05125, abs=1e-4), pytest.approx(0.09535, abs=1e-4))
