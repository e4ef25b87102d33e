"""The few suggestions that are worth most, from calls that were looked at."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from monitoring.spending.cheaper_models import find_cheaper_models
from monitoring.spending.paid_in_vain import find_cut_answers, find_unused_contexts
from monitoring.spending.prefixes import find_prefixes
from monitoring.spending.repeats import find_repeats, find_retries
from monitoring.spending.sampled_calls import Rating, SampledCall, Saving, spent

__all__ = ["MOST_SUGGESTIONS", "find_savings"]

MOST_SUGGESTIONS = 9
"""Suggestions of one answer, beside the line about calls without a price."""
_SMALLEST_SHARE = Decimal("0.005")


def find_savings(calls: Sequence[SampledCall], rating: Rating) -> list[Saving]:
    """Return at most nine suggestions, the dearest first.

    One of less than half a percent of what the calls cost is not worth a change. Amounts of
    different suggestions may concern the same calls, so their sum says nothing. The time is linear
    in the texts. `calls` are in any order.
    """
    ordered = sorted(calls, key=lambda call: (call.at, call.trace_id))
    smallest = _SMALLEST_SHARE * spent(ordered)
    found = [
        *find_repeats(ordered),
        *find_retries(ordered),
        *find_prefixes(ordered, rating),
        *find_cheaper_models(ordered),
        *find_cut_answers(ordered),
        *find_unused_contexts(ordered, rating),
    ]
    worth = [saving for saving in found if saving.amount_usd >= smallest]
    return sorted(worth, key=lambda saving: (-saving.amount_usd, saving.text))[:MOST_SUGGESTIONS]
