"""Thresholds from quantiles."""

from __future__ import annotations

import numpy as np
import pytest

from monitoring.statistics.calibration import fewest_records, propose, propose_from_labels

SPREAD = np.arange(1000) / 1000
MOSTLY_CLEAN = np.array([0.0] * 990 + [0.3] * 6 + [0.8] * 4)


@pytest.mark.parametrize(
    ("values", "low", "rate", "proposed", "beyond", "beyond_then"),
    [
        (SPREAD, False, 0.01, 0.9895, 500, 10),
        (SPREAD, True, 0.01, 0.0095, 500, 10),
        (SPREAD, False, 0.1, 0.8995, 500, 100),
        (MOSTLY_CLEAN, False, 0.01, 0.15, 4, 10),
        (MOSTLY_CLEAN, False, 0.011, 0.15, 4, 10),
        (np.array([0.0] * 980 + [0.3] * 16 + [0.8] * 4), False, 0.01, 0.55, 4, 4),
        (1 - MOSTLY_CLEAN, True, 0.01, 0.85, 4, 10),
    ],
)
def test_at_most_the_rate_lies_beyond_the_proposal(
    values: np.ndarray, *, low: bool, rate: float, proposed: float, beyond: int, beyond_then: int
) -> None:
    found = propose(values, 0.5, rate, low=low)
    assert found.proposed == pytest.approx(proposed, abs=6e-4)
    assert (found.records, found.beyond, found.beyond_then) == (1000, beyond, beyond_then)
    assert found.proposed is not None
    assert np.sum(values < found.proposed if low else values >= found.proposed) == beyond_then


@pytest.mark.parametrize(
    ("values", "complaint"),
    [
        (np.zeros(0), "0 of 1000 records"),
        (SPREAD[:999], "999 of 1000 records"),
        (np.array([0.0] * 900 + [1.0] * 100), "100 records have the worst value"),
        (np.zeros(5000), "5000 records have the worst value"),
    ],
)
def test_where_nothing_can_be_said_nothing_is_proposed(values: np.ndarray, complaint: str) -> None:
    found = propose(values, 0.5, 0.01, low=False)
    assert found.proposed is None
    assert found.beyond_then is None
    assert complaint in (found.reason or "")


def test_neighbours_that_lie_close_are_told_apart() -> None:
    values = np.array([0.5] * 1999 + [0.500001])
    found = propose(values, 0.5, 0.01, low=False)
    assert found.proposed is not None
    assert np.sum(values >= found.proposed) == 1


@pytest.mark.parametrize(("rate", "fewest"), [(0.01, 1000), (0.03, 334), (0.5, 20)])
def test_a_rarer_rate_needs_more(rate: float, fewest: int) -> None:
    assert fewest_records(rate) == fewest


TRUE, FALSE = np.full(12, 0.9), np.full(12, 0.6)


def test_labels_move_a_threshold_between_true_and_false_alarms() -> None:
    found = propose_from_labels(TRUE, FALSE, 0.5, low=False)
    assert (found.true_alarms, found.false_alarms, found.right) == (12, 12, 12)
    assert (found.proposed, found.right_then, found.reason) == (0.75, 24, None)
    low = propose_from_labels(1 - TRUE, 1 - FALSE, 0.5, low=True)
    assert (low.proposed, low.right, low.right_then) == (0.25, 12, 24)


@pytest.mark.parametrize(
    ("true", "false", "current", "reason"),
    [
        (TRUE[:9], FALSE, 0.5, "too few labels"),
        (TRUE, FALSE[:9], 0.5, "too few labels"),
        (TRUE, FALSE, 0.7, "no other threshold"),
        (FALSE, TRUE, 0.95, "no other threshold"),
        (TRUE, TRUE, 0.5, "no other threshold"),
    ],
)
def test_labels_that_say_too_little_move_nothing(
    true: np.ndarray, false: np.ndarray, current: float, reason: str
) -> None:
    found = propose_from_labels(true, false, current, low=False)
    assert found.proposed is None
    assert reason in (found.reason or "")
