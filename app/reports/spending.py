"""How the money of a window divides, and what a good answer costs."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from app.reports.report import Report
from app.storage.traces.spent import GOOD_QUALITY, Spent
from monitoring.models import Money
from monitoring.spending.division import Billed, divide
from monitoring.spending.own_prices import OwnPrices
from monitoring.spending.pricing import rates_of
from monitoring.statistics.intervals import ratio

__all__ = ["CostPerGoodAnswer", "CostSplit", "per_good_answer", "split_cost"]


class CostSplit(Report):
    """How the cost divides, in US dollars; the four parts make the whole of the calls looked at.

    `cached_usd` is what reads and writes of prompt caches cost, `input_usd` all other input.
    `other_usd` is fees, and calls whose cost was reported for a model without known prices.
    `looked_at` are the priced calls among the newest 20,000 calls, of `priced_requests`.
    """

    input_usd: Money
    cached_usd: Money
    output_usd: Money
    other_usd: Money
    looked_at: int
    priced_requests: int


class CostPerGoodAnswer(Report):
    """What is spent for each good answer, in US dollars, with a 95 % confidence interval.

    An answer is good if its quality is at least that of an ordinary answer (0.5), nothing flags it,
    and its call ended without an error. All judged calls are paid for; the good ones are counted.
    The value is null without a good answer, and the bounds are null where too few answers are good
    to bound it.
    """

    usd: float | None
    low: float | None
    high: float | None
    good_answers: int
    judged_answers: int
    good_quality: float = GOOD_QUALITY


def split_cost(groups: Sequence[Spent], priced: int, own: OwnPrices | None = None) -> CostSplit:
    """Divide the cost of the calls that were looked at.

    `priced` is the number of priced calls in the window, and `own` the prices of the project.
    """
    division = divide(
        Billed(
            group.calls,
            group.cost,
            group.usage,
            rates_of(group.provider, group.model_name, group.latest, tier=group.service_tier, own=own),
        )
        for group in groups
    )
    return CostSplit(
        input_usd=division.input,
        cached_usd=division.cached,
        output_usd=division.output,
        other_usd=division.other,
        looked_at=sum(group.calls for group in groups),
        priced_requests=priced,
    )


def per_good_answer(groups: Sequence[Spent]) -> CostPerGoodAnswer:
    """Return the cost of judged calls for each good one among them."""
    judged, good = (sum(getattr(group, name) for group in groups) for name in ("judged", "good"))
    cost = sum((group.judged_cost for group in groups), Decimal(0))
    interval = ratio(
        judged,
        (float(cost), sum(group.squares for group in groups)),
        (good, good),
        sum(group.good_cost for group in groups),
    )
    return CostPerGoodAnswer(
        usd=float(cost) / good if good else None,
        low=interval.low if interval else None,
        high=interval.high if interval else None,
        good_answers=good,
        judged_answers=judged,
    )
