"""What a rule about a change of behaviour finds in a window."""

from __future__ import annotations

from datetime import datetime

from monitoring.alerting.rules import Rule
from monitoring.alerting.shifts import Shifts
from monitoring.alerting.states import Reading
from monitoring.alerting.tallies import Tally
from monitoring.alerting.wording import describe

__all__ = ["read_change"]


def read_change(rule: Rule, shifts: Shifts, tally: Tally, span: tuple[datetime, datetime]) -> Reading:
    """Return the share of calls that changed beyond chance, and in words what changed.

    The value is None where there are too few earlier hours to tell.
    """
    shift = shifts.read(tally, span)
    if shift is None:
        return Reading(None, tally.n)
    return Reading(shift.value, tally.n, describe(rule, tally, shift) if shift.value > 0 else None)
