from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitoring.statistics.histogram import (
    GAMMA,
    ZERO_BUCKET,
    bucket_of,
    merge,
    percentile,
    percentiles,
    percentiles_of_each,
    value_of,
)

values = st.lists(
    st.one_of(st.just(0.0), st.floats(0, 1), st.floats(1e-9, 1e9), st.sampled_from([0.5, 1.0])),
    min_size=1,
    max_size=60,
)


def percentile_cont(numbers: list[float], q: float) -> float:
    return float(np.quantile(np.array(numbers), q, method="linear"))


@pytest.mark.parametrize("value", [5e-324, 1e-12, 0.02, 0.5, 1.0, 3.7, 1e6, 1.7e308])
def test_a_representative_is_within_half_a_bucket_of_its_value(value: float) -> None:
    assert value_of(bucket_of([value]))[0] == pytest.approx(value, rel=GAMMA**0.5 - 1 + 1e-9, abs=0)


def test_zero_and_one_are_exact_and_zero_sorts_first() -> None:
    buckets = bucket_of([0.0, 1.0, 5e-324])
    assert buckets[0] == ZERO_BUCKET < buckets[2] < buckets[1]
    assert value_of(buckets[:2]).tolist() == [0.0, 1.0]
    assert buckets.dtype == np.int16


@pytest.mark.parametrize("bad", [-1e-9, float("nan"), float("inf"), -float("inf")])
def test_values_that_no_bucket_holds_are_refused(bad: float) -> None:
    with pytest.raises(ValueError, match="finite"):
        bucket_of([0.5, bad])


@given(values, st.floats(0, 1))
def test_percentiles_stay_within_one_bucket_of_percentile_cont(numbers: Any, q: Any) -> None:
    exact = percentile_cont(numbers, q)
    found = percentile(bucket_of(numbers), np.ones(len(numbers)), q)
    assert found == pytest.approx(exact, rel=0.025, abs=1e-12)


@given(values, values, st.floats(0, 1))
def test_histograms_add(first: Any, second: Any, q: Any) -> None:
    together = bucket_of(first + second)
    parts = [merge(bucket_of(part), np.ones(len(part))) for part in (first, second)]
    buckets = np.concatenate([b for b, _ in parts])
    counts = np.concatenate([c for _, c in parts])
    assert percentile(buckets, counts, q) == percentile(together, np.ones(together.size), q)


def test_a_correction_takes_a_value_back() -> None:
    buckets, counts = merge([3, 5, 3], [1, 2, -1])
    assert buckets.tolist() == [5]
    assert counts.tolist() == [2]
    with pytest.raises(ValueError, match="taken"):
        merge([3, 3], [1, -2])


def test_nothing_counted_has_no_percentiles() -> None:
    assert percentiles([], [], [0.1, 0.9]) == [None, None]
    assert percentile([4], [0], 0.5) is None


@pytest.mark.parametrize("q", [-0.01, 1.01, float("nan")])
def test_a_quantile_lies_between_zero_and_one(q: float) -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        percentile([1], [1], q)


def test_quantiles_of_skewed_counts_are_ordered_and_plain_floats() -> None:
    found = percentiles(bucket_of([0.1, 0.5, 0.9]), [98, 1, 1], [0.1, 0.5, 0.98, 0.99, 1.0])
    assert found == sorted(found)
    assert all(type(value) is float for value in found)
    assert found[1] == pytest.approx(0.1, rel=0.025)
    assert found[-1] == pytest.approx(0.9, rel=0.025)


@given(st.lists(values | st.just([]), max_size=8), st.lists(st.floats(0, 1), max_size=4))
def test_many_histograms_at_once_have_the_percentiles_of_each(parts: Any, quantiles: Any) -> None:
    held = [bucket_of(part) for part in parts]
    together = np.concatenate([np.zeros(0, np.int16), *held])
    lengths = [one.size for one in held]
    found = percentiles_of_each(together, np.ones(together.size), lengths, quantiles)
    exact = [[percentile_cont(part, q) if part else None for q in quantiles] for part in parts]
    assert len(found) == len(exact)
    for one, wanted in zip(found, exact, strict=True):
        assert one == [
            None if value is None else pytest.approx(value, rel=0.025, abs=1e-12) for value in wanted
        ]


def test_a_value_taken_from_one_histogram_is_not_taken_from_its_neighbour() -> None:
    found = percentiles_of_each([3, 3, 3, 4], [2, -2, 1, 1], [2, 2], [0.0, 1.0])
    assert found == [[None, None], [pytest.approx(GAMMA**3), pytest.approx(GAMMA**4)]]
    with pytest.raises(ValueError, match="taken"):
        percentiles_of_each([3, 3, 3], [1, -2, 5], [2, 1], [0.5])
