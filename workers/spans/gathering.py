"""What a call takes over from spans that restate it: usage, cost, owner and times of a stream."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from msgspec import structs

from app.schemas.spans import PlacedSpan, Reason
from app.schemas.traces import Trace, priced_columns
from monitoring.bounds import FIGURES
from monitoring.models import TokenSource
from monitoring.spending.own_prices import OwnPrices
from monitoring.spending.usage import BILLED, BILLED_BY
from workers.scoring import is_priced_alike, reprice
from workers.spans.likeness import COUNTED_AGAIN

__all__ = ["complete", "gives"]

_MILLISECOND = timedelta(milliseconds=1)
_OWNERS = ("user_id", "session_id", "provider")
# These counts are taken over together. A duration is taken over with its moment.
_TOGETHER = BILLED
_TAKEN = (
    *_OWNERS,
    *BILLED_BY,
    *(name for name in FIGURES if name not in {*_TOGETHER, "response_time_ms"}),
)


def gives(span: PlacedSpan, because: str, call: PlacedSpan) -> bool:
    """Tell whether a span has something that the call lacks."""
    if span.reports and not call.reports:
        return True
    if because == Reason.STREAM and call.lasted_ms == 0:
        return True
    if because == Reason.RESPONSE and _counts_again(call.completion_tokens, span.completion_tokens):
        return True
    return any(getattr(span, name) and not getattr(call, name) for name in _OWNERS)


def _counts_again(tokens: int | None, others: int | None) -> bool:
    """Tell whether a call counts tokens of the first event of its stream that the span does not.

    `tokens` are those of the call, `others` those of the span.
    """
    return tokens is not None and others is not None and 0 < tokens - others <= COUNTED_AGAIN


def complete(call: Trace, spans: Sequence[Trace], prices: OwnPrices | None = None) -> Trace:
    """Return a call with what the steps that restate it add, and with its cost computed again.

    `prices` are the project's own.
    """
    for span in spans:
        call = _taking(call, span, prices)
    return call


def _taking(call: Trace, span: Trace, prices: OwnPrices | None) -> Trace:
    given = {name: getattr(call, name) or getattr(span, name) for name in _TAKEN}
    taken = structs.replace(call, **given)
    if span.restates_because == Reason.STREAM and call.response_time_ms == 0:
        taken = _streamed(taken, span)
    told = span.prompt_tokens is not None and span.completion_tokens is not None
    again = span.restates_because == Reason.RESPONSE and _counts_again(
        call.completion_tokens, span.completion_tokens
    )
    if call.token_source == TokenSource.REPORTED and told and again:
        return _priced(structs.replace(taken, completion_tokens=span.completion_tokens), prices)
    if call.token_source == TokenSource.REPORTED or not (
        told and (span.prompt_tokens or span.completion_tokens)
    ):
        return taken if call.token_source is None or is_priced_alike(taken, call) else _priced(taken, prices)
    return _priced(
        structs.replace(
            taken,
            **{name: getattr(span, name) for name in _TOGETHER},
            token_source=TokenSource.REPORTED,
        ),
        prices,
    )


def _streamed(call: Trace, request: Trace) -> Trace:
    """Return a call that was reported when it ended, now beginning with its request."""
    lasted = (call.occurred_at - request.occurred_at) / _MILLISECOND
    if lasted < 0:
        return call
    return structs.replace(call, occurred_at=request.occurred_at, response_time_ms=lasted)


def _priced(call: Trace, prices: OwnPrices | None) -> Trace:
    return structs.replace(call, **priced_columns(reprice(call, prices)))
