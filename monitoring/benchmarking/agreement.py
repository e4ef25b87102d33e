"""How well evaluators agree with people, and people with one another, on the same calls.

All intervals are those of 95 %. `FEWEST` is the number of calls below which nothing is claimed.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Hashable, Iterable, Mapping
from itertools import combinations
from typing import Final

import msgspec
import numpy as np
from numpy.typing import ArrayLike, NDArray

from monitoring.benchmarking.metrics import Confusion, count_decisions, spearman
from monitoring.statistics.intervals import Interval, share

__all__ = [
    "FEWEST",
    "Bin",
    "Decisions",
    "Estimate",
    "alpha",
    "calibration_curve",
    "compare_decisions",
    "compare_raters",
    "correlate",
    "estimate_whole",
    "kappa",
    "majority",
]

FEWEST: Final = 20
_BINS = 10
_Z = 1.959963984540054
_FEWEST_RANKED = 4
_DRAWS, _SEED = 1_000, 20261201


class Decisions(msgspec.Struct, frozen=True, kw_only=True):
    """Decisions of an evaluator beside what people say of the same calls.

    `tp` and `fp` count calls that the evaluator flagged and of which people say that it is right or
    wrong; `fn` and `tn` count the others. Each figure is None where these calls cannot give it.
    """

    tp: int
    fp: int
    fn: int
    tn: int
    prevalence: Interval | None
    precision: Interval | None
    recall: Interval | None
    kappa: Interval | None

    @property
    def number(self) -> int:
        """The number of calls."""
        return self.tp + self.fp + self.fn + self.tn


class Bin(msgspec.Struct, frozen=True, kw_only=True):
    """The calls with a value from `low` to below `high`; the last bin holds the value 1 too.

    `true_share` is the share of them of which people say that it is there, between its bounds.
    """

    low: float
    high: float
    n: int
    mean_value: float
    true_share: float
    true_low: float
    true_high: float


class Estimate(msgspec.Struct, frozen=True, kw_only=True):
    """What labels of some calls say of all calls, if people chose the labelled ones by chance."""

    prevalence: Interval
    recall: Interval | None


def compare_decisions(truth: ArrayLike, flagged: ArrayLike) -> Decisions:
    """Compare decisions (n,) with what people say (n,), where true means that it is there."""
    found = count_decisions(np.asarray(truth, dtype=np.float64), flagged)
    tp, fp, fn, tn = found
    chosen = fn + tn > 0
    return Decisions(
        tp=tp,
        fp=fp,
        fn=fn,
        tn=tn,
        prevalence=share(tp + fn, sum(found)),
        precision=share(tp, tp + fp),
        # Among flagged calls alone, every true one was flagged, whatever the evaluator misses.
        recall=share(tp, tp + fn) if chosen else None,
        kappa=kappa(found) if chosen and tp + fp else None,
    )


def kappa(table: Confusion | tuple[int, int, int, int]) -> Interval | None:
    """Return Cohen's kappa (1960) of tp, fp, fn and tn, with its large-sample interval.

    None if chance alone explains all agreement, because both sides always said the same.
    """
    tp, fp, fn, tn = table
    number = tp + fp + fn + tn
    if not number:
        return None
    observed = (tp + tn) / number
    chance = ((tp + fp) * (tp + fn) + (fn + tn) * (fp + tn)) / number**2
    if chance >= 1:
        return None
    found = (observed - chance) / (1 - chance)
    reach = _Z * math.sqrt(observed * (1 - observed) / number) / (1 - chance)
    return Interval(found, max(found - reach, -1.0), min(found + reach, 1.0))


def calibration_curve(truth: ArrayLike, values: ArrayLike) -> tuple[Bin, ...]:
    """Return the bins of ten equal widths over values 0..1 that hold a call, in their order."""
    said, given = np.asarray(truth, dtype=np.bool_), np.asarray(values, dtype=np.float64)
    places = np.minimum((given * _BINS).astype(np.int64), _BINS - 1)
    return tuple(
        _bin(int(place), said[places == place], given[places == place]) for place in np.unique(places)
    )


def _bin(place: int, said: NDArray[np.bool_], given: NDArray[np.float64]) -> Bin:
    found = share(int(said.sum()), said.size)
    if found is None:
        raise ValueError("a bin holds a call")
    return Bin(
        low=place / _BINS,
        high=(place + 1) / _BINS,
        n=said.size,
        mean_value=float(given.mean()),
        true_share=found.estimate,
        true_low=found.low,
        true_high=found.high,
    )


def estimate_whole(found: Decisions, flagged: int, unflagged: int) -> Estimate | None:
    """Return what the labelled calls say of `flagged` and `unflagged` calls altogether.

    Each labelled call stands for the calls that were decided alike. The bounds put the worst bounds
    of both shares together, so they are wider than 95 %. None without labels of both kinds.
    """
    right, missed = share(found.tp, found.tp + found.fp), share(found.fn, found.fn + found.tn)
    whole = flagged + unflagged
    if right is None or missed is None or not whole:
        return None

    def prevalence(of_flagged: float, of_others: float) -> float:
        return (flagged * of_flagged + unflagged * of_others) / whole

    def recall(of_flagged: float, of_others: float) -> float:
        there = flagged * of_flagged + unflagged * of_others
        return flagged * of_flagged / there if there else 0.0

    there = prevalence(right.estimate, missed.estimate)
    return Estimate(
        prevalence=Interval(there, prevalence(right.low, missed.low), prevalence(right.high, missed.high)),
        recall=Interval(
            recall(right.estimate, missed.estimate),
            recall(right.low, missed.high),
            recall(right.high, missed.low),
        )
        if there
        else None,
    )


def correlate(first: ArrayLike, second: ArrayLike) -> Interval | None:
    """Return the rank correlation of Spearman, with the interval of Bonett and Wright (2000).

    None for fewer than four pairs, and where all values of one side are equal.
    """
    one, other = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    if one.size < _FEWEST_RANKED or np.ptp(one) == 0 or np.ptp(other) == 0:
        return None
    found = spearman(one, other)
    bounded = min(max(found, -1 + 1e-12), 1 - 1e-12)
    reach = _Z * math.sqrt((1 + bounded**2 / 2) / (one.size - 3))
    middle = math.atanh(bounded)
    return Interval(found, math.tanh(middle - reach), math.tanh(middle + reach))


def majority(verdicts: Iterable[bool]) -> bool | None:
    """Return what most verdicts say, None for a tie."""
    said = [*verdicts]
    true = sum(said)
    return None if 2 * true == len(said) else 2 * true > len(said)


def compare_raters(findings: Iterable[Mapping[str, bool]]) -> Decisions:
    """Compare the verdicts of raters, by the name of the rater, on each finding.

    Every two raters of a finding are one pair. The rater whose name comes first takes the place of
    the evaluator. With two raters, kappa is that of Cohen. With more, all pairs are counted
    together.
    """
    pairs: Counter[Hashable] = Counter()
    for verdicts in findings:
        for one, other in combinations(sorted(verdicts), 2):
            pairs[verdicts[one], verdicts[other]] += 1
    tp, fp, fn, tn = (pairs[key] for key in ((True, True), (True, False), (False, True), (False, False)))
    return Decisions(
        tp=tp,
        fp=fp,
        fn=fn,
        tn=tn,
        prevalence=None,
        precision=None,
        recall=None,
        kappa=kappa((tp, fp, fn, tn)),
    )


def alpha(findings: Iterable[Mapping[str, bool]]) -> Interval | None:
    """Return Krippendorff's alpha for nominal verdicts of any number of raters.

    Its interval comes from a thousand seeded draws of findings. None where fewer than two people
    labelled any finding, and where all verdicts are the same.
    """
    counts = [(sum(by.values()), len(by)) for by in findings if len(by) > 1]
    if not counts:
        return None
    true, number = np.array(counts, dtype=np.float64).T
    found = _alpha(true, number)
    if found is None:
        return None
    draw = np.random.default_rng(_SEED)
    places = (draw.integers(0, true.size, true.size) for _ in range(_DRAWS))
    drawn = [one for at in places if (one := _alpha(true[at], number[at])) is not None]
    low, high = np.quantile(drawn, (0.025, 0.975)) if drawn else (-1.0, 1.0)
    return Interval(found, float(min(low, found)), float(max(high, found)))


def _alpha(true: NDArray[np.float64], number: NDArray[np.float64]) -> float | None:
    """Return alpha from the true verdicts, and all verdicts, of each finding."""
    said, whole = float(true.sum()), float(number.sum())
    expected = 2 * said * (whole - said) / (whole - 1)
    if not expected:
        return None
    return 1 - float((2 * true * (number - true) / (number - 1)).sum()) / expected
