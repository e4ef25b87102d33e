"""One measured figure with its yardstick and goal, and the report of a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

import msgspec

__all__ = ["Figure", "Report"]


class Figure(msgspec.Struct, frozen=True, kw_only=True):
    """A value with its unit, the yardstick that was measured in the same run, and the goal.

    `goal` says in words what is wanted, and `met` whether it was reached (None if there is no
    goal). `group` is the measurement that the figure belongs to, and `details` are further values
    by name.
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
        """The value divided by the yardstick."""
        return self.value / self.yardstick if self.yardstick else None


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """The results of one run, with time and machine; `loops_per_second` is its pace of pure Python.

    `note` says what a reader must know about the run.
    """

    taken: datetime
    cores: int
    python: str
    machine: str
    records_from: str
    loops_per_second: float
    figures: Sequence[Figure]
    note: str = ""
