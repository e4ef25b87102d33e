"""Which documents a call is given: those that its trace retrieved before the call began."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TypeVar

__all__ = ["MOST_PASSAGES", "Retrieved", "as_context", "first_passages", "passages_before"]

MOST_PASSAGES = 64
"""Documents that a call can be given, and that are read of one span."""

Moment = TypeVar("Moment", int, datetime)
Retrieved = Sequence[tuple[Moment, str]]
"""The passages of a trace, each with the moment from which it was there, in the order of these moments."""


def first_passages(searches: Iterable[tuple[Moment, Sequence[str]]]) -> Retrieved[Moment]:
    """Return as many passages as a call takes, of searches that are given as the end of each and what it found.

    A passage that was found several times was there from the first time on.
    """
    first: dict[str, Moment] = {}
    for ended, passages in sorted(searches):
        for passage in passages:
            first.setdefault(passage, ended)
            if len(first) == MOST_PASSAGES:
                return [(moment, text) for text, moment in first.items()]
    return [(moment, text) for text, moment in first.items()]


def passages_before(retrieved: Retrieved[Moment], begun: Moment) -> tuple[str, ...]:
    """Return the passages that were there when a call began."""
    return tuple(text for moment, text in retrieved if moment <= begun)


def as_context(documents: Iterable[str], answers: Iterable[str] = ()) -> tuple[str, ...]:
    """Return documents and what tools answered as the context of a call: each once, and as many as a call takes.

    A model is given what tools answered as it is given documents, so an answer may rest on either.
    """
    return tuple(dict.fromkeys((*documents, *answers)))[:MOST_PASSAGES]
