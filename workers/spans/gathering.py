"""What a call gets from spans that tell of it once more: usage and its price, owners, and the time of a stream."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal

from msgspec import structs

from app.schemas.spans import PlacedSpan, Reason
from app.schemas.traces import Trace
from monitoring.bounds import FIGURES
from monitoring.models import TokenSource
from workers.scoring import is_priced_alike, reprice
from workers.spans.likeness import COUNTED_AGAIN

__all__ = ["complete", "gives"]

# As exact as the column that costs are stored in, so that sums over rows equal what is added here.
_PLACES = Decimal("1e-10")
_MILLISECOND = timedelta(milliseconds=1)
_OWNERS = ("user_id", "session_id", "provider")
# Tokens are taken together, and a duration with its moment.
_TOGETHER = (
    "prompt_tokens",
    "completion_tokens",
    "cache_read_tokens",
    "cache_write_tokens",
    "reasoning_tokens",
)
_TAKEN = (*_OWNERS, *(name for name in FIGURES if name not in {*_TOGETHER, "response_time_ms"}))


def gives(span: PlacedSpan, because: str, call: PlacedSpan) -> bool:
    """Tell whether a span says something of the call that the call does not say itself."""
    if span.reports and not call.reports:
        return True
    if because == Reason.STREAM and call.lasted_ms == 0:
        return True
    if because == Reason.RESPONSE and _counts_again(call.completion_tokens, span.completion_tokens):
        return True
    return any(getattr(span, name) and not getattr(call, name) for name in _OWNERS)


def _counts_again(tokens: int | None, others: int | None) -> bool:
    """Tell whether a call adds what the first event of its stream counted, which another teller does not."""
    return tokens is not None and others is not None and 0 < tokens - others <= COUNTED_AGAIN


def complete(call: Trace, spans: Sequence[Trace]) -> Trace:
    """Return a call with what steps say that tell of it once more, priced by that."""
    for span in spans:
        call = _taking(call, span)
    return call


def _taking(call: Trace, span: Trace) -> Trace:
    given = {name: getattr(call, name) or getattr(span, name) for name in _TAKEN}
    taken = structs.replace(call, **given)
    if span.restates_because == Reason.STREAM and call.response_time_ms == 0:
        taken = _streamed(taken, span)
    told = span.prompt_tokens is not None and span.completion_tokens is not None
    again = span.restates_because == Reason.RESPONSE and _counts_again(
        call.completion_tokens, span.completion_tokens
    )
    if call.token_source == TokenSource.REPORTED and told and again:
        return _priced(structs.replace(taken, completion_tokens=span.completion_tokens))
    if call.token_source == TokenSource.REPORTED or not (
        told and (span.prompt_tokens or span.completion_tokens)
    ):
        return taken if call.token_source is None or is_priced_alike(taken, call) else _priced(taken)
    return _priced(
        structs.replace(
            taken,
            prompt_tokens=span.prompt_tokens,
            completion_tokens=span.completion_tokens,
            cache_read_tokens=span.cache_read_tokens,
            cache_write_tokens=span.cache_write_tokens,
            reasoning_tokens=span.reasoning_tokens,
            token_source=TokenSource.REPORTED,
        )
    )


def _streamed(call: Trace, request: Trace) -> Trace:
    """Return a call that was told at its end as beginning with its request."""
    lasted = (call.occurred_at - request.occurred_at) / _MILLISECOND
    if lasted < 0:
        return call
    return structs.replace(call, occurred_at=request.occurred_at, response_time_ms=lasted)


def _priced(call: Trace) -> Trace:
    found = reprice(call)
    cost = None if found.cost_usd is None else found.cost_usd.quantize(_PLACES)
    return structs.replace(
        call, cost_usd=cost, pricing_status=found.status, price_source=found.source or None
    )
