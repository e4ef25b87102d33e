"""What other thresholds of a detector flag, and which alarms that people checked they lose."""

from __future__ import annotations

import msgspec
import numpy as np
from numpy.typing import NDArray

__all__ = ["STEPS", "ThresholdEffects", "find_effects"]

STEPS = 100
"""Thresholds are tried in steps of a hundredth, from 0.01 to 0.99."""


class ThresholdEffects(msgspec.Struct, frozen=True, kw_only=True):
    """What each threshold would do: the element `i` is about the threshold (`i` + 1) / 100.

    Of `records` values, `flagged` would be at or above the threshold. Of `true_alarms` and
    `false_alarms` that people found, `lost` and `spared` would be below it.
    """

    records: int
    true_alarms: int
    false_alarms: int
    flagged: tuple[int, ...]
    lost: tuple[int, ...]
    spared: tuple[int, ...]


def find_effects(
    values: NDArray[np.float64], true_alarms: NDArray[np.float64], false_alarms: NDArray[np.float64]
) -> ThresholdEffects:
    """Return the effects of every threshold on a detector's values, each 0..1."""
    return ThresholdEffects(
        records=len(values),
        true_alarms=len(true_alarms),
        false_alarms=len(false_alarms),
        flagged=tuple(len(values) - below for below in _below(values)),
        lost=_below(true_alarms),
        spared=_below(false_alarms),
    )


def _below(values: NDArray[np.float64]) -> tuple[int, ...]:
    thresholds = np.arange(1, STEPS) / STEPS
    return tuple(np.searchsorted(np.sort(values), thresholds, side="left").tolist())
