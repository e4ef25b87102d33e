from __future__ import annotations

import numpy as np
import pytest

from monitoring.statistics.thresholds import STEPS, find_effects

VALUES = np.array([0.0, 0.3, 0.5, 0.6, 0.6, 0.95, 1.0])


@pytest.mark.parametrize(
    ("threshold", "flagged", "lost", "spared"),
    [
        (0.01, 6, 0, 0),
        (0.50, 5, 0, 0),
        (0.51, 4, 0, 1),
        (0.60, 4, 0, 1),
        (0.61, 2, 1, 2),
        (0.99, 1, 2, 2),
    ],
)
def test_a_value_at_the_threshold_is_flagged_and_one_below_is_not(
    threshold: float, flagged: int, lost: int, spared: int
) -> None:
    effects = find_effects(VALUES, np.array([0.95, 0.6]), np.array([0.6, 0.5]))
    at = round(threshold * STEPS) - 1
    assert (effects.flagged[at], effects.lost[at], effects.spared[at]) == (flagged, lost, spared)
    assert (effects.records, effects.true_alarms, effects.false_alarms) == (7, 2, 2)


def test_without_values_nothing_is_flagged() -> None:
    nothing = np.zeros(0)
    effects = find_effects(nothing, nothing, nothing)
    assert effects.records == 0
    assert set(effects.flagged) == {0}
    assert len(effects.lost) == STEPS - 1
