"""What people decided about a call, from its labels."""

from __future__ import annotations

from collections.abc import Iterable

from app.schemas.labels import Label
from app.schemas.traces import Trace

__all__ = ["is_reviewed", "verdicts_of"]


def verdicts_of(labels: Iterable[Label]) -> dict[str, str]:
    """Return by flag what the newest label of the whole finding says; the newest label comes first.

    Labels of one place decide nothing.
    """
    found: dict[str, str] = {}
    for label in labels:
        if label.flag is not None and label.evidence is None:
            found.setdefault(label.flag, label.label)
    return found


def is_reviewed(trace: Trace, labels: Iterable[Label]) -> bool:
    """Tell whether people decided all flags of a call; one without a flag needs a label."""
    whole = [label for label in labels if label.evidence is None]
    return bool(whole) if not trace.flags else set(trace.flags) <= {label.flag for label in whole}
