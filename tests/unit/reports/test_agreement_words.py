"""What is said of agreement: a claim only with enough calls, and beyond chance."""

from __future__ import annotations

import pytest

from app.reports.agreement_words import compare_words, rater_words, reasons_of
from monitoring.benchmarking.agreement import Decisions, compare_decisions
from monitoring.statistics.intervals import Interval


def decisions(tp: int, fp: int, fn: int, tn: int) -> Decisions:
    truth = [True] * tp + [False] * fp + [True] * fn + [False] * tn
    return compare_decisions(truth, [True] * (tp + fp) + [False] * (fn + tn))


@pytest.mark.parametrize(
    ("table", "told"),
    [
        ((10, 9, 0, 0), "There are 19 verdicts of people on findings: nothing can be claimed about pii"),
        ((1, 0, 0, 0), "There is 1 of the verdicts of people on findings: nothing can be claimed"),
        (
            (15, 5, 0, 0),
            "Of 20 calls that pii flagged, people call 15 true (75%, 53% to 89%). No label is of",
        ),
        (
            (20, 5, 5, 20),
            "That is more than chance, and the agreement is moderate: kappa 0.60 (0.38 to 0.82).",
        ),
        ((45, 0, 0, 45), "the agreement is almost perfect: kappa 1.00"),
        ((6, 5, 5, 6), "No agreement beyond chance can be claimed: kappa 0.09"),
        ((2, 20, 20, 2), "That is less than chance would give"),
        ((0, 0, 3, 30), "It cannot be told from 33 verdicts of people on findings whether pii agrees"),
    ],
)
def test_a_claim_needs_enough_calls_and_an_interval_beside_zero(
    table: tuple[int, int, int, int], told: str
) -> None:
    assert told in compare_words("pii", "findings", decisions(*table), None)


@pytest.mark.parametrize(
    ("ranked", "told"),
    [
        (
            Interval(0.5, 0.2, 0.7),
            "relevance is higher where the scores of people are higher: rank correlation 0.50",
        ),
        (Interval(0.1, -0.2, 0.4), "It cannot be claimed that relevance follows the scores of people"),
        (
            Interval(-0.5, -0.7, -0.2),
            "relevance is lower where the scores of people are higher, so it misleads",
        ),
    ],
)
def test_a_rank_correlation_is_put_in_words(ranked: Interval, told: str) -> None:
    assert told in compare_words("relevance", "scores", decisions(20, 5, 5, 20), ranked)


@pytest.mark.parametrize(
    ("table", "missing"),
    [
        ((8, 2, 0, 0), {"recall": "all of calls that it flagged", "kappa": "all of calls that it flagged"}),
        ((0, 0, 2, 8), {"precision": "flagged none", "kappa": "flagged none"}),
        ((0, 0, 0, 8), {"precision": "flagged none", "recall": "found nothing", "kappa": "flagged none"}),
        ((5, 1, 1, 5), {}),
    ],
)
def test_a_missing_figure_has_its_reason(table: tuple[int, int, int, int], missing: dict[str, str]) -> None:
    found = reasons_of(decisions(*table), "findings", None)
    assert found.keys() == missing.keys()
    assert all(part in found[name] for name, part in missing.items())


def test_few_pairs_of_raters_claim_nothing_and_many_do() -> None:
    assert "fewer than 20" in rater_words("bias", decisions(9, 1, 1, 8))
    assert "Two people say the same of 40 of 50 calls, about bias. That is more" in rater_words(
        "bias", decisions(20, 5, 5, 20)
    )
