"""A change of behaviour in words: "Responses became shorter: the median went from 420 to 95"."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from monitoring.alerting.rules import Rule
from monitoring.alerting.shifts import Shift
from monitoring.alerting.tallies import Place, Tally
from monitoring.behaviour import CHANGED
from monitoring.statistics.histogram import GAMMA, ZERO_BUCKET, percentiles

__all__ = ["Change", "describe"]

_WORDS: Final[Mapping[str, tuple[str, str, str]]] = {
    "completion_tokens": ("Responses became shorter", "Responses became longer", "tokens"),
    "latency": ("Calls became faster", "Calls became slower", "ms"),
    "time_to_first_token": ("First tokens come sooner", "First tokens come later", "ms"),
    "cost": ("Calls became cheaper", "Calls became dearer", "US dollars"),
    "quality": ("Quality became lower", "Quality became higher", ""),
    "safety": ("Safety became lower", "Safety became higher", ""),
}
_SHOWN = 3
_LEAST_SHOWN = 0.01


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """A change in words, and which calls show it.

    They have `label`, or a value of at most `edge`; with `without` they are all the others.
    """

    text: str
    label: str | None = None
    edge: float | None = None
    without: bool = False


def describe(rule: Rule, tally: Tally, shift: Shift) -> Change:
    """Return what changed between earlier hours and the window of a tally."""
    fewer = shift.after < shift.before
    if isinstance(shift.place, str):
        noun = CHANGED[rule.metric.partition(":")[2]]
        text = f"{noun}: {_list_labels(shift.was, tally.bins)}."
        return Change(text=text, label=shift.place, without=fewer)
    edge = 0.0 if shift.place == ZERO_BUCKET else GAMMA ** (shift.place + 0.5)
    return Change(text=_tell_values(rule, tally, shift, edge), edge=edge, without=fewer)


def _tell_values(rule: Rule, tally: Tally, shift: Shift, edge: float) -> str:
    name = rule.metric.partition(":")[2] or rule.metric
    lower, higher, unit = _WORDS.get(
        rule.metric, (f"Scores of {name} became lower", f"Scores of {name} became higher", "")
    )
    unit = f" {unit}" if unit else ""
    head = lower if shift.after > shift.before else higher
    return (
        f"{head}: the median went from {_median(shift.was)} to {_median(tally.bins)}{unit}, and "
        f"{shift.after:.0%} of calls have at most {_show(edge)}{unit} instead of {shift.before:.0%}."
    )


def _median(bins: Mapping[Place, int]) -> str:
    held = sorted(place for place, number in bins.items() if isinstance(place, int) and number > 0)
    (found,) = percentiles(held, [bins[place] for place in held], [0.5])
    return _show(found or 0.0)


def _show(number: float) -> str:
    return f"{number:.0f}" if number >= 10 else f"{number:.2g}"  # noqa: PLR2004 two digits say enough


def _list_labels(was: Mapping[Place, int], now: Mapping[Place, int]) -> str:
    """Return the shares of the labels that changed most, before and after."""
    before, after = (max(1, sum(one.values())) for one in (was, now))
    shares = {str(label): (was.get(label, 0) / before, now.get(label, 0) / after) for label in {*was, *now}}
    ranked = sorted(shares, key=lambda label: (-abs(shares[label][1] - shares[label][0]), label))
    shown = [
        label
        for place, label in enumerate(ranked[:_SHOWN])
        if not place or abs(shares[label][1] - shares[label][0]) >= _LEAST_SHOWN
    ]
    return ", ".join(f"{label} {shares[label][0]:.0%} → {shares[label][1]:.0%}" for label in shown)
