"""One measured figure and what it is held against, and the report of a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

import msgspec

__all__ = ["Figure", "Report"]


class Figure(msgspec.Struct, frozen=True, kw_only=True):
    """A value with its unit, the yardstick measured in the same run, and the goal.

    `goal` says in words what is wanted, `met` whether it was reached (None: nothing is wanted). `group` is
    the measurement it belongs to, `details` are further values by name.
    """

    name: str
    value: float
    unit: str
    yardstick: float | None = None
    yardstick_name: str = ""
    goal: str = ""
    met: bool | None = None
    details: Mapping[str, float] = {}
    group: str = ""

    @property
    def ratio(self) -> float | None:
        """How many times the yardstick the value is."""
        return self.value / self.yardstick if self.yardstick else None


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What one run found, when and where; `loops_per_second` is the pace of pure Python on that machine.

    `note` says what a reader must know of the run.
    """

    taken: datetime
    cores: int
    python: str
    machine: str
    records_from: str
    loops_per_second: float
    figures: Sequence[Figure]
    note: str = ""
