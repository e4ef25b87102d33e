"""What people decided about a call, from its labels."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from app.schemas.labels import Label
from app.schemas.traces import Trace
from monitoring.benchmarking.agreement import majority

__all__ = ["is_reviewed", "verdicts_of"]


def verdicts_of(labels: Iterable[Label]) -> dict[str, str]:
    """Return by flag what most people say of the whole finding; the newest label comes first.

    Each person has one vote, the newest. A tie decides nothing, and neither do labels of one place.
    """
    votes: dict[str, dict[str, bool]] = defaultdict(dict)
    for label in labels:
        if label.flag is not None and label.evidence is None:
            votes[label.flag].setdefault(label.actor, label.label == "true_alarm")
    decided = {flag: majority(by.values()) for flag, by in votes.items()}
    return {
        flag: "true_alarm" if true else "false_alarm" for flag, true in decided.items() if true is not None
    }


def is_reviewed(trace: Trace, labels: Iterable[Label]) -> bool:
    """Tell whether people decided all flags of a call; one without a flag needs a label."""
    whole = [label for label in labels if label.evidence is None]
    return bool(whole) if not trace.flags else set(trace.flags) <= verdicts_of(whole).keys()
