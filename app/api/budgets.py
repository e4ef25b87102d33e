"""Budgets in the form that the API accepts and shows."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, UnsetType

from app.api.administration import Name
from app.budgets.changes import BudgetRequest
from app.budgets.standing import BudgetOut
from app.errors import InvalidRecord
from app.schemas.budgets import LONGEST_KEY, LONGEST_VALUE, LONGEST_ZONE, Subject
from app.schemas.records import Money
from monitoring.bounds import MOST_USD
from monitoring.spending.budgets import Cycle

__all__ = ["BudgetIn", "BudgetList", "BudgetPatch", "CheckIn"]

Zone = Annotated[str, Meta(min_length=1, max_length=LONGEST_ZONE)]
Lapse = Annotated[int, Meta(ge=1, le=3600)]


class BudgetIn(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A budget to be made: US dollars per day, week (from Monday) or month of a time zone.

    `by` says what is counted. Its `value` is the name of the model, provider, user or tag, or the
    value of the metadata with the name `key`. A project's budget has neither.
    """

    name: Name
    amount_usd: Money
    period: Cycle = "month"
    time_zone: Zone = "UTC"
    by: Subject = "project"
    key: Annotated[str, Meta(max_length=LONGEST_KEY)] | None = None
    value: Annotated[str, Meta(max_length=LONGEST_VALUE)] | None = None

    def to_request(self) -> BudgetRequest:
        """Return the request as `make_budget` takes it."""
        return BudgetRequest(**msgspec.structs.asdict(self))


class BudgetPatch(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is to change about a budget; what is left out stays."""

    name: Name | UnsetType = UNSET
    amount_usd: Money | UnsetType = UNSET
    period: Cycle | UnsetType = UNSET
    time_zone: Zone | UnsetType = UNSET

    def to_changes(self) -> dict[str, Any]:
        """Return the new values by field."""
        return {name: value for name, value in msgspec.structs.asdict(self).items() if value is not UNSET}


class CheckIn(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A call that is about to be made: its highest cost, and when its reservation lapses."""

    estimated_cost_usd: Money
    lapse_seconds: Lapse = 600

    def read_estimate(self) -> Decimal:
        """Return the estimate; raises InvalidRecord for an amount that no call costs."""
        cost = self.estimated_cost_usd
        if not (cost.is_finite() and 0 <= cost <= MOST_USD):
            message = f"must be from 0 to {MOST_USD:,}"
            raise InvalidRecord(
                f"The check was refused: estimated_cost_usd {message}.",
                errors=[{"field": "estimated_cost_usd", "message": message}],
            )
        return cost

    def read_lapse(self) -> timedelta:
        """Return the time after which the reservation lapses."""
        return timedelta(seconds=self.lapse_seconds)


class BudgetList(msgspec.Struct, frozen=True):
    """Every budget of a project, the oldest first."""

    budgets: tuple[BudgetOut, ...]
