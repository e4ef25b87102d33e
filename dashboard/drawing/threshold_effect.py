"""What a threshold would do to the calls of the last day, in words."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from app.storage.traces.score_values import MOST_PREVIEWED
from dashboard.drawing.formatting import percent

__all__ = ["beyond", "preview", "share"]


def beyond(values: NDArray[np.float64], threshold: float, *, low: bool) -> int:
    """Return how many values 0..1 a threshold flags; with `low` those below it, else from it on."""
    return int(np.sum(values < threshold if low else values >= threshold))


def preview(values: NDArray[np.float64], threshold: float, current: float, *, low: bool) -> str:
    """Return the sentence that says what a threshold would have done on the last day."""
    count = len(values)
    if not count:
        return "No call of the last day has a value, so there is nothing to compare with."
    then, now = beyond(values, threshold, low=low), beyond(values, current, low=low)
    verb = "counted as low" if low else "flagged"
    newest = f" (the newest {MOST_PREVIEWED:,} calls)" if count >= MOST_PREVIEWED else ""
    told = f"At {threshold:g}, {share(then, count)} of the last day{newest} would have been {verb}"
    if threshold == current:
        return f"{told}. This is the present threshold."
    return f"{told}; at the present {current:g} it is {now:,}."


def share(number: int, count: int) -> str:
    """Return a number of calls with their total and the share."""
    return f"{number:,} of {count:,} calls ({percent(number / count)})"
