"""Agreement with people, against values that were computed by hand."""

from __future__ import annotations

import pytest

from monitoring.benchmarking.agreement import (
    Decisions,
    alpha,
    calibration_curve,
    compare_decisions,
    compare_raters,
    correlate,
    estimate_whole,
    kappa,
    majority,
)


def decisions(tp: int, fp: int, fn: int, tn: int) -> Decisions:
    truth = [True] * tp + [False] * fp + [True] * fn + [False] * tn
    return compare_decisions(truth, [True] * (tp + fp) + [False] * (fn + tn))


@pytest.mark.parametrize(
    ("table", "found"),
    [
        # By hand: (observed - chance) / (1 - chance), such as (0.7 - 0.5) / (1 - 0.5).
        ((20, 5, 10, 15), 0.4),
        ((45, 15, 25, 15), 0.13043478260869568),
        ((25, 35, 5, 35), 0.2592592592592593),
        ((10, 0, 0, 10), 1.0),
        ((0, 10, 10, 0), -1.0),
        ((5, 5, 5, 5), 0.0),
    ],
)
def test_kappa_is_that_of_cohen(table: tuple[int, int, int, int], found: float) -> None:
    interval = kappa(table)
    assert interval is not None
    assert interval.estimate == pytest.approx(found)
    assert -1 <= interval.low <= interval.estimate <= interval.high <= 1


def test_the_interval_of_kappa_is_that_of_cohen_1960() -> None:
    # Observed 0.7, by chance 0.5, 50 calls: 1.96 * sqrt(0.7 * 0.3 / 50) / 0.5.
    found = kappa((20, 5, 10, 15))
    assert found is not None
    assert (found.low, found.high) == pytest.approx((0.145959, 0.654041), abs=1e-5)


@pytest.mark.parametrize("table", [(0, 0, 0, 0), (9, 0, 0, 0), (0, 0, 0, 9)])
def test_kappa_is_unknown_where_both_sides_always_said_the_same(table: tuple[int, int, int, int]) -> None:
    assert kappa(table) is None


def test_precision_and_recall_stand_with_their_interval_of_wilson() -> None:
    found = decisions(8, 2, 4, 6)
    assert (found.number, found.tp, found.fp, found.fn, found.tn) == (20, 8, 2, 4, 6)
    precision = found.precision
    assert precision is not None
    assert (precision.estimate, precision.low, precision.high) == pytest.approx(
        (0.8, 0.490162, 0.943318), abs=1e-6
    )
    assert found.recall is not None
    assert found.recall.estimate == pytest.approx(8 / 12)
    assert found.prevalence is not None
    assert found.prevalence.estimate == 0.6


@pytest.mark.parametrize(
    ("table", "known"),
    [
        ((8, 2, 0, 0), ("prevalence", "precision")),  # only flagged calls
        ((0, 0, 2, 8), ("prevalence", "recall")),  # none that was flagged
        ((0, 0, 0, 9), ("prevalence",)),
        ((0, 0, 0, 0), ()),
        ((5, 1, 1, 5), ("prevalence", "precision", "recall", "kappa")),
    ],
)
def test_what_the_labels_cannot_give_is_unknown(
    table: tuple[int, int, int, int], known: tuple[str, ...]
) -> None:
    found = decisions(*table)
    figures = ("prevalence", "precision", "recall", "kappa")
    assert tuple(name for name in figures if getattr(found, name) is not None) == known


def test_a_curve_has_a_bin_for_each_tenth_that_holds_a_call() -> None:
    first, last = calibration_curve([False, True, True, True], [0.0, 0.05, 0.9, 1.0])
    assert (first.low, first.high, first.n, first.mean_value, first.true_share) == (0.0, 0.1, 2, 0.025, 0.5)
    assert (last.low, last.high, last.n, last.mean_value, last.true_share) == (0.9, 1.0, 2, 0.95, 1.0)
    assert 0 < last.true_low < last.true_high == 1.0
    assert calibration_curve([], []) == ()


def test_few_missed_calls_are_many_where_few_calls_are_flagged() -> None:
    # 10 flagged calls with 8 true ones; of 990 others, one of ten labelled ones was missed.
    found = estimate_whole(decisions(8, 2, 1, 9), flagged=10, unflagged=990)
    assert found is not None
    assert found.prevalence.estimate == pytest.approx((10 * 0.8 + 990 * 0.1) / 1000)
    assert found.recall is not None
    assert found.recall.estimate == pytest.approx(8 / (8 + 99))
    assert found.recall.low < found.recall.estimate < found.recall.high


@pytest.mark.parametrize(
    ("table", "flagged", "unflagged"), [((8, 2, 0, 0), 10, 90), ((0, 0, 1, 9), 10, 90), ((8, 2, 1, 9), 0, 0)]
)
def test_labels_of_one_kind_say_nothing_of_all_calls(
    table: tuple[int, int, int, int], flagged: int, unflagged: int
) -> None:
    assert estimate_whole(decisions(*table), flagged, unflagged) is None


def test_a_rank_correlation_is_that_of_spearman() -> None:
    # The example of scipy.stats.spearmanr in its documentation.
    found = correlate([1, 2, 3, 4, 5], [5, 6, 7, 8, 7])
    assert found is not None
    assert found.estimate == pytest.approx(0.8207826816681233)
    assert found.low < found.estimate < found.high < 1
    perfect = correlate([1, 2, 3, 4], [2, 4, 6, 8])
    assert perfect is not None
    assert perfect.estimate == pytest.approx(1.0)


@pytest.mark.parametrize(("one", "other"), [([], []), ([1, 2, 3], [1, 2, 3]), ([1, 1, 1, 1], [1, 2, 3, 4])])
def test_a_rank_correlation_needs_values_that_differ(one: list[float], other: list[float]) -> None:
    assert correlate(one, other) is None


def test_raters_are_compared_where_two_looked_at_the_same() -> None:
    both = [{"ann": True, "bob": True}] * 20 + [{"ann": True, "bob": False}] * 5
    both += [{"bob": True, "ann": False}] * 10 + [{"ann": False, "bob": False}] * 15 + [{"ann": True}, {}]
    found = compare_raters(both)
    assert found.number == 50
    assert found.kappa is not None
    assert found.kappa.estimate == pytest.approx(0.4)
    three = compare_raters([{"ann": True, "bob": True, "cy": False}])
    assert (three.tp, three.fp, three.number) == (1, 2, 3)


@pytest.mark.parametrize(
    ("findings", "found"),
    [
        ([], None),
        ([{"a": True}], None),
        ([{"a": True, "b": True}] * 3, None),  # nothing varies
        ([{"a": True, "b": True}, {"a": False, "b": False}] * 9, 1.0),
        # Two raters and ten items (Krippendorff 2011, section B): alpha is 0.095.
        ([dict(zip("ab", pair, strict=True)) for pair in zip(
            map(bool, (0, 1, 0, 0, 0, 0, 0, 0, 1, 0)), map(bool, (1, 1, 1, 0, 0, 1, 0, 0, 0, 0)), strict=True
        )], 0.095),
        ([{"a": True, "b": True}, {"a": False, "b": False}, {"c": True}], 1.0),  # one alone says nothing
    ],
)  # fmt: skip
def test_alpha_is_that_of_krippendorff(findings: list[dict[str, bool]], found: float | None) -> None:
    measured = alpha(findings)
    assert (measured is None) == (found is None)
    if measured is not None:
        assert measured.estimate == pytest.approx(found, abs=5e-4)
        assert measured.low <= measured.estimate <= measured.high
        assert alpha(findings) == measured


@pytest.mark.parametrize(
    ("verdicts", "most"),
    [([], None), ([True], True), ([True, False], None), ([False, True, False], False), ([True] * 2, True)],
)
def test_most_verdicts_decide_and_a_tie_nothing(*, verdicts: list[bool], most: bool | None) -> None:
    assert majority(verdicts) is most
