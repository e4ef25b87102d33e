"""Whether what two spans tell of a call agrees: their models, their tokens and their texts."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import re2

from app.schemas.spans import PlacedSpan, Wording
from monitoring.models import UNKNOWN_MODEL

__all__ = [
    "COUNTED_AGAIN",
    "Tokens",
    "differ",
    "is_same_model",
    "is_same_usage",
    "is_sum",
    "match",
    "tokens_of",
]

# What dates or numbers an issue of a model, as in gpt-4o-2024-08-06, gemini-1.5-pro-002 and …-20240620-v1:0.
_ISSUE = re2.compile(r"(?:[-@](?:\d{4}-\d{2}-\d{2}|\d{8}|\d{6}|\d{3,4}|latest))?(?:-v\d+)?(?::\d+)?")
_CHARACTERS = 500
# A short answer stands in many a longer text by chance.
_LEAST_CHARACTERS = 12
COUNTED_AGAIN = 8
"""Tokens by which two tellers of one stream may differ: some add what its first event counts (OpenLLMetry, Anthropic)."""
# A wrapper that adds up fractions may be one off.
_ROUNDING = 1


class Tokens(NamedTuple):
    """Tokens of a call as reported, each None where it was not, and those that some leave out of the totals."""

    prompt: int | None
    completion: int | None
    cached: int = 0
    reasoning: int = 0


def tokens_of(span: PlacedSpan) -> Tokens | None:
    """Return what a span reports as used, None where it reports nothing."""
    if not span.reports:
        return None
    return Tokens(span.prompt_tokens, span.completion_tokens, span.cached_tokens, span.reasoning_tokens)


@lru_cache(maxsize=4_096)
def is_same_model(one: str, other: str) -> bool:
    """Tell whether two names may be of one model: apart from its provider, its region and its date."""
    if UNKNOWN_MODEL in {one, other}:
        return True
    short, long = sorted((_bare(one), _bare(other)), key=len)
    return long.startswith(short) and _ISSUE.fullmatch(long[len(short) :]) is not None


def _bare(name: str) -> str:
    """Return a name without what stands before it: openai/gpt-4o, models/gemini-pro, us.anthropic.claude-3."""
    bare = name.lower().rpartition("/")[2]
    first, dot, rest = bare.partition(".")
    while dot and first.isalpha():
        bare = rest
        first, dot, rest = bare.partition(".")
    return bare


def is_same_usage(one: Tokens, other: Tokens, *, apart: int = 0) -> bool:
    """Tell whether two counts are of one call, each with or without cached tokens and reasoning in its totals.

    They may be `apart` by so many tokens on either side.
    """
    sides = (
        (one.prompt, one.cached, other.prompt, other.cached),
        (one.completion, one.reasoning, other.completion, other.reasoning),
    )
    known = [
        min(abs(mine - theirs), abs(mine + mine_left - theirs), abs(mine - theirs - their_left)) <= apart
        for mine, mine_left, theirs, their_left in sides
        if mine is not None and theirs is not None
    ]
    return bool(known) and all(known)


def is_sum(total: Tokens, parts: Sequence[Tokens]) -> bool:
    """Tell whether a count adds up those of several calls."""
    if len(parts) < 2:  # noqa: PLR2004 one alone is no sum
        return False
    added = Tokens(
        sum(part.prompt or 0 for part in parts),
        sum(part.completion or 0 for part in parts),
        sum(part.cached for part in parts),
        sum(part.reasoning for part in parts),
    )
    return is_same_usage(total, added, apart=_ROUNDING)


def match(one: Wording, other: Wording) -> bool:
    """Tell whether two spans have the same prompt and the same response, as far as either has one."""
    prompts, responses = _agree(one.prompt, other.prompt), _agree(one.response, other.response)
    return prompts is True and (responses is True or not (one.response or other.response))


def differ(one: Wording, other: Wording) -> bool:
    """Tell whether two spans have both another prompt and another response."""
    return _agree(one.prompt, other.prompt) is False and _agree(one.response, other.response) is False


def _agree(one: str, other: str) -> bool | None:
    """Tell whether one text is the other or stands in it; None where one is not known."""
    if not (one and other):
        return None
    first, second = " ".join(one.split()), " ".join(other.split())
    if first == second:
        return True
    short, long = sorted((first, second), key=len)
    return len(short) >= _LEAST_CHARACTERS and short[:_CHARACTERS] in long
