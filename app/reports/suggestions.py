"""Suggestions for spending less, from the newest calls of a window."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from urllib.parse import urlencode
from uuid import UUID

from app.reports.report import Report
from monitoring.models import Money
from monitoring.spending.own_prices import OwnPrices
from monitoring.spending.pricing import Rates, rates_of
from monitoring.spending.sampled_calls import Kind, SampledCall, Saving, spent
from monitoring.spending.suggestions import find_savings

__all__ = ["LookedAt", "Suggestion", "Suggestions", "suggest_savings"]


class LookedAt(Report):
    """The calls behind the suggestions: the newest ones, at most 2,000 calls and 24 MB of text."""

    calls: int
    of_requests: int
    begin: datetime | None
    end: datetime | None
    cost_usd: Money


class Suggestion(Report):
    """One change, with what it would have saved among the calls that were looked at.

    `evidence` holds the numbers behind it, `trace_ids` some of the calls, and `traces` the address
    that lists the calls of its model and template.
    """

    kind: Kind
    text: str
    amount_usd: Money
    model_name: str
    template_id: str | None
    evidence: dict[str, float | int | str | None]
    trace_ids: tuple[UUID, ...]
    traces: str


class Suggestions(Report):
    """At most nine suggestions, the dearest first, and what they were found in."""

    suggestions: tuple[Suggestion, ...]
    looked_at: LookedAt


def suggest_savings(
    calls: Sequence[SampledCall], requests: int, source: str, own: OwnPrices | None = None
) -> Suggestions:
    """Find suggestions in calls of a window, which has so many requests, at a project's prices."""
    begin = min((call.at for call in calls), default=None)
    end = max((call.at for call in calls), default=None)
    rates: dict[tuple[str | None, str, str | None], Rates | None] = {}

    def rating(call: SampledCall) -> Rates | None:
        key = (call.provider, call.model_name, call.service_tier)
        if key not in rates:
            at = end or call.at
            rates[key] = rates_of(call.provider, call.model_name, at, tier=call.service_tier, own=own)
        return rates[key]

    found = find_savings(calls, rating)
    return Suggestions(
        suggestions=tuple(_shown(saving, begin, source) for saving in found),
        looked_at=LookedAt(
            calls=len(calls),
            of_requests=requests,
            begin=begin,
            end=end,
            cost_usd=spent(calls) if calls else Decimal(0),
        ),
    )


def _shown(saving: Saving, begin: datetime | None, source: str) -> Suggestion:
    filters = {
        "source": source,
        "model": saving.model_name,
        "template_id": saving.template_id,
        "from": begin.isoformat() if begin else None,
    }
    return Suggestion(
        kind=saving.kind,
        text=saving.text,
        amount_usd=saving.amount_usd,
        model_name=saving.model_name,
        template_id=saving.template_id,
        evidence=dict(saving.evidence),
        trace_ids=saving.trace_ids,
        traces=f"/traces?{urlencode({name: value for name, value in filters.items() if value is not None})}",
    )
