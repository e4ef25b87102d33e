"""The sentences about agreement: what can be claimed, and why a figure is missing."""

from __future__ import annotations

from typing import Final

from monitoring.benchmarking.agreement import FEWEST, Decisions
from monitoring.statistics.intervals import Interval

__all__ = ["compare_words", "nothing_said", "rater_words", "reasons_of"]

# The words of Landis and Koch (1977) for kappa, by its upper bound.
_DEGREES: Final = (
    (0.2, "slight"),
    (0.4, "fair"),
    (0.6, "moderate"),
    (0.8, "substantial"),
    (1.0, "almost perfect"),
)
_WHAT: Final = {
    "findings": "verdicts of people on findings",
    "scores": "scores of people",
    "feedback": "ratings of feedback",
}
_ONE_KIND: Final = "the labels are all of calls that it flagged, which say nothing of those that it missed"


def nothing_said(period: str) -> str:
    """Return the sentence of a report without labels and feedback."""
    return f"Nobody labelled or rated a call of the last {period}. The page Review is for labels."


def reasons_of(found: Decisions, against: str, ranked: Interval | None) -> dict[str, str]:
    """Return for each figure that is missing why it is, by the name of the figure."""
    unflagged, flagged = found.fn + found.tn, found.tp + found.fp
    reasons = {}
    if found.precision is None:
        reasons["precision"] = "it flagged none of these calls"
    if found.recall is None:
        reasons["recall"] = _ONE_KIND if not unflagged else "people found nothing in these calls"
    if found.kappa is None:
        one_kind = _ONE_KIND if not unflagged else "it flagged none of these calls"
        same = "it and people always said the same one thing"
        reasons["kappa"] = same if unflagged and flagged else one_kind
    if ranked is None and against != "findings":
        reasons["rank_correlation"] = "it takes four calls whose values differ"
    return reasons


def compare_words(name: str, against: str, found: Decisions, ranked: Interval | None) -> str:
    """Return in one or two sentences what the labels say of an evaluator."""
    name = name.replace("_", " ")
    if found.number < FEWEST:
        return f"{_few(found.number, _WHAT[against])}: nothing can be claimed about {name} from fewer than {FEWEST}."
    if ranked is not None:
        return _ranked_words(name, against, found, ranked)
    if found.kappa is None and found.precision is not None and not found.fn + found.tn:
        flagged = found.tp + found.fp
        return (
            f"Of {flagged} calls that {name} flagged, people call {found.tp} true ({_percent(found.precision)}). "
            "No label is of a call that it did not flag, so nothing is known of what it misses."
        )
    if found.kappa is None:
        return f"It cannot be told from {found.number} {_WHAT[against]} whether {name} agrees with people."
    return f"{name} and people say the same of {_agreed(found)}. {_claim(found.kappa)}"


def rater_words(flag: str, found: Decisions) -> str:
    """Return in one or two sentences how well people agree with one another on a flag."""
    flag = flag.replace("_", " ")
    if found.number < FEWEST:
        few = _few(found.number, "pairs of verdicts on the same finding")
        return f"{few}: nothing can be claimed about {flag} from fewer than {FEWEST}."
    said = f"Two people say the same of {_agreed(found)}, about {flag}."
    return said if found.kappa is None else f"{said} {_claim(found.kappa)}"


def _ranked_words(name: str, against: str, found: Decisions, ranked: Interval) -> str:
    bounds = f"rank correlation {_number(ranked)} over {found.number} calls"
    if ranked.low > 0:
        return f"{name} is higher where the {_WHAT[against]} are higher: {bounds}."
    if ranked.high < 0:
        return f"{name} is lower where the {_WHAT[against]} are higher, so it misleads: {bounds}."
    return f"It cannot be claimed that {name} follows the {_WHAT[against]}: {bounds}."


def _few(number: int, what: str) -> str:
    return f"There are {number} {what}" if number != 1 else f"There is 1 of the {what}"


def _agreed(found: Decisions) -> str:
    return f"{found.tp + found.tn} of {found.number} calls"


def _claim(kappa: Interval) -> str:
    if kappa.low > 0:
        degree = next(word for most, word in _DEGREES if round(kappa.estimate, 2) <= most)
        return f"That is more than chance, and the agreement is {degree}: kappa {_number(kappa)}."
    if kappa.high < 0:
        return f"That is less than chance would give: kappa {_number(kappa)}."
    return f"No agreement beyond chance can be claimed: kappa {_number(kappa)}."


def _number(interval: Interval) -> str:
    estimate, low, high = (round(one, 2) + 0.0 for one in (interval.estimate, interval.low, interval.high))
    return f"{estimate:.2f} ({low:.2f} to {high:.2f})"  # adding zero turns -0.0 into 0.0


def _percent(interval: Interval) -> str:
    return f"{interval.estimate:.0%}, {interval.low:.0%} to {interval.high:.0%}"
