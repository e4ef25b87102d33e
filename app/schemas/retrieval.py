"""The documents that a call gets: those that its trace retrieved before the call began."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TypeVar

__all__ = ["MOST_PASSAGES", "Retrieved", "as_context", "first_passages", "passages_before"]

MOST_PASSAGES = 64
"""The number of documents that a call can get, and that are read from one span."""

Moment = TypeVar("Moment", int, datetime)
Retrieved = Sequence[tuple[Moment, str]]
"""The passages of a trace in order of time, each with the moment from which it was available."""


def first_passages(searches: Iterable[tuple[Moment, Sequence[str]]]) -> Retrieved[Moment]:
    """Return as many passages as a call may get.

    A search is its end and the passages that it found. A passage that was found several times was
    available from the first time on.
    """
    first: dict[str, Moment] = {}
    for ended, passages in sorted(searches):
        for passage in passages:
            first.setdefault(passage, ended)
            if len(first) == MOST_PASSAGES:
                return [(moment, text) for text, moment in first.items()]
    return [(moment, text) for text, moment in first.items()]


def passages_before(retrieved: Retrieved[Moment], begun: Moment) -> tuple[str, ...]:
    """Return the passages that were available when a call began."""
    return tuple(text for moment, text in retrieved if moment <= begun)


def as_context(documents: Iterable[str], answers: Iterable[str] = ()) -> tuple[str, ...]:
    """Return documents and answers of tools as the context of a call: each once, up to the limit.

    A model gets the answers of tools as it gets documents, so a response may rest on either.
    """
    return tuple(dict.fromkeys((*documents, *answers)))[:MOST_PASSAGES]
