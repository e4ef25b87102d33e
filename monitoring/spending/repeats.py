"""Calls that were sent again: prompts that a cache would have answered, and retries."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import NamedTuple

from monitoring.spending.sampled_calls import (
    LONGEST_TEXT,
    SampledCall,
    Saving,
    dollars,
    families,
    spent,
)

__all__ = ["find_repeats", "find_retries", "normal_form"]

_FEWEST = 5
# Answers to "yes" or "go on" depend on what was said before.
_SHORTEST_PROMPT = 16
_RETRY_AFTER_FAILURE = timedelta(minutes=10)
_RETRY_BY_OWNER = timedelta(seconds=60)
_EDGES = ".,;:!?…\"'`“”()"


class _Repeats(NamedTuple):
    exact: list[SampledCall]
    near: list[SampledCall]


def find_repeats(calls: Sequence[SampledCall]) -> Iterator[Saving]:
    """Yield what a cache of answers would have saved, by model and template.

    `calls` are in order of time. A call repeats another one if the same model was sent the same
    input and documents before. It nearly repeats it if only case, spaces and the punctuation
    around words differ. Calls that failed, or that are retries, do not count.
    """
    retried = {id(call) for pair in _retries(calls) for call in pair}
    usable = [
        call
        for call in calls
        if not call.failed and id(call) not in retried and len(call.text) >= _SHORTEST_PROMPT
    ]
    for family, found in families(usable).items():
        exact, near = _repeats(found)
        again = sorted((*exact, *near), key=lambda call: call.at)
        amount = spent(again)
        if len(again) >= _FEWEST and amount:
            yield Saving.of(
                "cache_answers",
                family,
                again,
                amount,
                f"{len(again)} of {len(found)} calls repeat an earlier one ({len(exact)} exactly, "
                f"{len(near)} but for case, spaces and punctuation); a cache of answers would have "
                f"saved {dollars(amount)}.",
                {"of_calls": len(found), "exact": len(exact), "near": len(near)},
            )


def find_retries(calls: Sequence[SampledCall]) -> Iterator[Saving]:
    """Yield what calls cost that were sent again at once, by model and template.

    A call was retried if it failed or has no answer and the same input follows within ten minutes,
    or if the same session or user sends the same input within a minute. The first of both is paid
    in vain. `calls` are in order of time.
    """
    for family, wasted in families(first for first, _ in _retries(calls)).items():
        amount = spent(wasted)
        if len(wasted) >= _FEWEST and amount:
            failed = sum(1 for call in wasted if _is_empty(call))
            yield Saving.of(
                "retries",
                family,
                wasted,
                amount,
                f"{len(wasted)} calls were sent again at once ({failed} after an error or an empty "
                f"answer); the first attempts cost {dollars(amount)}.",
                {"failed": failed},
            )


def normal_form(text: str) -> str:
    """Return a text without case, repeated spaces, and punctuation at the edges of words."""
    return " ".join(bare for word in text.casefold().split() if (bare := word.strip(_EDGES)))


def _repeats(calls: Sequence[SampledCall]) -> _Repeats:
    found = _Repeats([], [])
    wholes: set[tuple[str, str]] = set()
    forms: set[tuple[str, str]] = set()
    for call in calls:
        whole = (call.digest, call.documents_digest)
        # The rest of a longer text may differ.
        form = (normal_form(call.text), call.documents_digest) if len(call.text) < LONGEST_TEXT else whole
        if whole in wholes:
            found.exact.append(call)
        elif form in forms:
            found.near.append(call)
        wholes.add(whole)
        forms.add(form)
    return found


def _retries(calls: Sequence[SampledCall]) -> Iterator[tuple[SampledCall, SampledCall]]:
    """Yield pairs of a call and its retry."""
    last: dict[tuple[str, str, str], SampledCall] = {}
    for call in calls:
        if len(call.text) < _SHORTEST_PROMPT:
            continue
        key = (call.model_name, call.digest, call.documents_digest)
        before = last.get(key)
        if before is not None and _is_retry(before, call.at - before.at, call):
            yield before, call
        last[key] = call


def _is_retry(before: SampledCall, gap: timedelta, call: SampledCall) -> bool:
    if _is_empty(before):
        return gap <= _RETRY_AFTER_FAILURE
    return call.owner is not None and call.owner == before.owner and gap <= _RETRY_BY_OWNER


def _is_empty(call: SampledCall) -> bool:
    return call.failed or not call.response.strip()
