"""Budgets: what is counted, for how long, and how much may be spent."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Final, Literal
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec

from app.schemas.kinds import COUNTED_KINDS
from app.schemas.traces import Trace
from monitoring.spending.budgets import Cycle, Span, span_of

__all__ = [
    "COUNTED_SOURCE",
    "LONGEST_KEY",
    "LONGEST_RESERVATION",
    "LONGEST_VALUE",
    "LONGEST_ZONE",
    "MOST_AMOUNT",
    "MOST_BUDGETS",
    "MOST_DIGITS",
    "MOST_RESERVATIONS",
    "RESERVATION",
    "Budget",
    "Level",
    "Reservation",
    "Subject",
    "is_reservation",
]

Subject = Literal["project", "model", "provider", "user", "tag", "metadata"]
Level = Literal["projected", "info", "warning", "critical"]
"""What a budget tells: a share of it is spent, or (`projected`) it will be overrun at this rate."""

MOST_BUDGETS: Final = 50
"""Budgets of one project. Every stored job reads all of them."""
MOST_RESERVATIONS: Final = 16
"""Reservations that one record may name."""
RESERVATION: Final = r"^([0-9a-f]{32})\.([0-9]{1,11})\.([A-Za-z0-9_-]{16})$"
"""The name of a reservation: its budget, the beginning of its period in Unix time, and its own id.

Records hold nothing else there, so no text of a user can pass the redaction.
"""
LONGEST_RESERVATION: Final = 61
# msgspec 0.22 may end a process with a fault of its memory where a union has patterns.
Reservation = Annotated[
    str, msgspec.Meta(max_length=LONGEST_RESERVATION, extra_json_schema={"pattern": RESERVATION})
]
is_reservation = re.compile(RESERVATION).search
LONGEST_VALUE: Final = 512
LONGEST_KEY: Final = 256
LONGEST_ZONE: Final = 64
MOST_AMOUNT: Final = Decimal(1_000_000_000)
"""US dollars of one budget. Millionths of it are whole numbers that a script of Redis can add."""
COUNTED_SOURCE: Final = "live"
"""The source of the calls that are counted, which is also what reports show."""
MOST_DIGITS: Final = 15
"""Digits of a whole number in metadata. A longer one has no single form as JSON."""


class Budget(msgspec.Struct, frozen=True, kw_only=True):
    """An amount in US dollars for the calls of a subject, per day, week or month of a time zone.

    `names` are all stored forms of the model, provider, user, tag or metadata value that `by`
    names, as given first; they are empty for a whole project. `key` is the name in the metadata.
    Calls before `counted_from` (aware UTC, the beginning of a period) are left out. While `counted`
    is false, the calls of the current period are being added up.
    """

    project_id: str
    budget_id: UUID
    name: str
    amount_usd: Decimal
    period: Cycle
    time_zone: str
    by: Subject
    key: str | None
    names: tuple[str, ...]
    created_at: datetime
    counted_from: datetime
    counted: bool

    def span(self, moment: datetime) -> Span:
        """Return the period of the budget that holds an aware moment."""
        return span_of(moment, self.period, ZoneInfo(self.time_zone))

    def covers(self, trace: Trace) -> bool:
        """Tell whether a stored trace counts towards this budget, if it has a cost."""
        return (
            trace.kind in COUNTED_KINDS
            and trace.source == COUNTED_SOURCE
            and trace.occurred_at >= self.counted_from
            and self._is_about(trace)
        )

    def _is_about(self, trace: Trace) -> bool:
        match self.by:
            case "project":
                return True
            case "model":
                return trace.model_name in self.names
            case "provider":
                return trace.provider in self.names
            case "user":
                return trace.user_id in self.names
            case "tag":
                return not set(self.names).isdisjoint(trace.tags)
            case "metadata":
                return _value_of(trace.metadata, self.key) in self.names


def _value_of(metadata: Mapping[str, Any], key: str | None) -> str | None:
    """Return a text or a whole number of the metadata as text; None for anything else."""
    value = metadata.get(key) if key is not None else None
    if isinstance(value, str):
        return value
    if not isinstance(value, int) or isinstance(value, bool):
        return None
    return str(value) if len(str(abs(value))) <= MOST_DIGITS else None
