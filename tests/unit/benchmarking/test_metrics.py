from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitoring.benchmarking.metrics import (
    Confusion,
    auroc,
    average_precision,
    count_decisions,
    mean_average_precision,
    ranks,
    recall_at_false_positive_rate,
    spearman,
)

SCORES = st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.5, 0.75, 1.0])
BOTH_CLASSES = st.lists(st.tuples(st.integers(0, 1), SCORES), min_size=2, max_size=40).filter(
    lambda pairs: len({label for label, _ in pairs}) == 2
)


@pytest.mark.parametrize(
    ("truth", "scores", "expected"),
    [
        ([0, 0, 1, 1], [0.1, 0.2, 0.3, 0.4], 1.0),
        ([1, 1, 0, 0], [0.1, 0.2, 0.3, 0.4], 0.0),
        ([0, 1, 0, 1], [0.5, 0.5, 0.5, 0.5], 0.5),
        ([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8], 0.75),
        ([0, 1, 1], [0.5, 0.5, 0.9], 0.75),
    ],
)
def test_auroc_counts_ordered_pairs_and_half_of_ties(
    truth: list[int], scores: list[float], expected: float
) -> None:
    assert auroc(truth, scores) == pytest.approx(expected)


def test_auroc_refuses_a_single_class() -> None:
    with pytest.raises(ValueError, match="both classes"):
        auroc([1, 1], [0.2, 0.3])


@given(BOTH_CLASSES)
def test_auroc_is_the_share_of_pairs_in_order(pairs: Any) -> None:
    positives = [score for label, score in pairs if label]
    negatives = [score for label, score in pairs if not label]
    wins = [(up > down) + 0.5 * (up == down) for up in positives for down in negatives]
    truth, scores = zip(*pairs, strict=True)
    assert auroc(truth, scores) == pytest.approx(np.mean(wins))
    assert auroc(truth, [-score for score in scores]) == pytest.approx(1 - np.mean(wins))


def test_average_precision_matches_the_textbook_case_and_ignores_the_order_of_ties() -> None:
    assert average_precision([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8]) == pytest.approx(0.8333333)
    assert average_precision([1, 0, 0, 1], [0.5] * 4) == average_precision([0, 1, 1, 0], [0.5] * 4) == 0.5


def test_average_precision_needs_a_positive() -> None:
    with pytest.raises(ValueError, match="positive"):
        average_precision([0, 0], [0.1, 0.2])


@given(BOTH_CLASSES, st.randoms(use_true_random=False))
def test_rankings_do_not_depend_on_the_order_of_rows_or_the_scale_of_scores(pairs: Any, chance: Any) -> None:
    truth, scores = zip(*pairs, strict=True)
    shuffled = list(pairs)
    chance.shuffle(shuffled)
    truth_again, scores_again = zip(*shuffled, strict=True)
    squashed = [score**3 / 2 for score in scores_again]
    for metric in (auroc, average_precision):
        assert metric(truth, scores) == pytest.approx(metric(truth_again, squashed))


def test_mean_average_precision_averages_over_groups_that_can_be_ranked() -> None:
    groups = ["a", "b", "a", "b", "a", "only bad", "only good"]
    truth = [1, 0, 0, 1, 1, 0, 1]
    scores = [0.9, 0.8, 0.5, 0.3, 0.1, 0.99, 0.99]
    # a: good, bad, good -> (1 + 2/3) / 2; b: bad, good -> 1/2
    assert mean_average_precision(truth, scores, groups) == pytest.approx(((1 + 2 / 3) / 2 + 1 / 2) / 2)


def test_mean_average_precision_needs_something_to_rank() -> None:
    with pytest.raises(ValueError, match="group"):
        mean_average_precision([1, 0], [0.1, 0.2], ["a", "b"])


@given(BOTH_CLASSES)
def test_mean_average_precision_of_one_group_is_its_average_precision(pairs: Any) -> None:
    truth, scores = zip(*pairs, strict=True)
    assert mean_average_precision(truth, scores, [""] * len(truth)) == average_precision(truth, scores)


def test_ranks_share_ties() -> None:
    assert ranks([10.0, 20.0, 20.0, 5.0]).tolist() == [2.0, 3.5, 3.5, 1.0]


@given(st.lists(SCORES, min_size=1, max_size=40))
def test_ranks_add_up_whatever_the_ties(numbers: Any) -> None:
    assert ranks(numbers).sum() == len(numbers) * (len(numbers) + 1) / 2


def test_spearman_sees_monotone_relations_whatever_their_shape() -> None:
    x = np.linspace(0, 3, 20)
    assert spearman(x, np.exp(x)) == pytest.approx(1.0)
    assert spearman(x, -(x**3)) == pytest.approx(-1.0)


def test_spearman_matches_a_case_by_hand() -> None:
    # Differences of ranks 1, 1, 1, 1, 0: 1 - 6 * 4 / (5 * 24)
    assert spearman([1, 2, 3, 4, 5], [2, 1, 4, 3, 5]) == pytest.approx(0.8)


def test_spearman_needs_values_that_differ() -> None:
    with pytest.raises(ValueError, match="differ"):
        spearman([1, 2, 3], [0.5, 0.5, 0.5])


def test_recall_is_taken_above_the_bound_that_few_negatives_pass() -> None:
    truth = [0] * 100 + [1] * 4
    scores = [i / 100 for i in range(100)] + [0.2, 0.985, 0.995, 1.5]
    assert recall_at_false_positive_rate(truth, scores, 0.01) == pytest.approx(0.75)


def test_decisions_are_counted_with_graded_labels_cut_at_one_half() -> None:
    assert count_decisions([1, 0.5, 0.4, 0, 0.9], [True, False, True, False, True]) == Confusion(2, 1, 1, 1)


def test_figures_at_a_threshold_match_those_by_hand() -> None:
    found = Confusion(tp=6, fp=2, fn=4, tn=38)
    assert found.precision == 0.75
    assert found.recall == 0.6
    assert found.f_score(1) == pytest.approx(2 / 3)
    assert found.f_score(2) == pytest.approx(5 * 0.75 * 0.6 / (4 * 0.75 + 0.6))
    assert found.false_positive_rate == 0.05
    assert found.balanced_accuracy == pytest.approx((0.6 + 0.95) / 2)


@pytest.mark.parametrize(
    ("found", "recall", "false_positive_rate"),
    [(Confusion(8, 0, 2, 0), 0.8, None), (Confusion(0, 1, 0, 9), None, 0.1)],
)
def test_one_class_gives_a_rate_of_its_own_and_no_precision(
    found: Confusion, recall: float | None, false_positive_rate: float | None
) -> None:
    assert (found.recall, found.false_positive_rate) == (recall, false_positive_rate)
    assert found.precision is found.f_score(1) is found.balanced_accuracy is None


def test_precision_is_unknown_where_nothing_is_flagged_and_f_is_zero() -> None:
    nothing = Confusion(0, 0, 3, 3)
    assert nothing.precision is None
    assert nothing.recall == nothing.f_score(2) == 0.0
