"""Which scores are hits: those beyond the threshold of their evaluator, as a project's policy has it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from monitoring.evaluator import Evaluator
from monitoring.models import Result, Score
from monitoring.verdict import Policy

__all__ = ["Judging", "describing"]


class Judging(NamedTuple):
    """Thresholds by evaluator, as a project's policy has them."""

    below: Mapping[str, float]
    at_or_above: Mapping[str, float]

    @classmethod
    def of(cls, evaluators: Iterable[Evaluator], policy: Policy) -> Judging:
        """Collect them from the evaluators and from what a project decided otherwise."""
        found = [
            (one, threshold)
            for one in evaluators
            if (threshold := policy.thresholds.get(one.name, one.threshold)) is not None
        ]
        return cls(
            below={one.name: threshold for one, threshold in found if one.category == "quality"},
            at_or_above={one.name: threshold for one, threshold in found if one.category == "safety"},
        )

    def hits(self, results: Mapping[str, Result]) -> tuple[str, ...]:
        """Return the evaluators whose value is beyond their threshold: low quality, or a danger."""
        below, at_or_above = self.below, self.at_or_above
        return tuple(
            [
                name
                for name, result in results.items()
                if isinstance(result, Score)
                and (value := result.value) is not None
                and (value < below.get(name, 0.0) or value >= at_or_above.get(name, math.inf))
            ]
        )


def describing(evaluators: Iterable[Evaluator]) -> frozenset[str]:
    """Return the evaluators whose labels are counted by themselves."""
    return frozenset(one.name for one in evaluators if one.category == "descriptive")
