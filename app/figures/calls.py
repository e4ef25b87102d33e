"""Calls to be counted, column by column: what a stored job leaves for the rollups."""

from __future__ import annotations

from decimal import Decimal

import msgspec

__all__ = ["ASSESSED", "UNSAFE", "Calls", "Places", "decode_calls"]

# Bits of `Calls.verdicts`.
ASSESSED, UNSAFE = 1, 2


class Places(dict[str, int]):
    """The place of every name, given out in the order in which they come."""

    def __missing__(self, name: str) -> int:
        """Give the next place to a new name."""
        self[name] = place = len(self)
        return place


class Calls(msgspec.Struct, frozen=True, array_like=True):
    """Calls of one project, as parallel lists with an element per call unless said otherwise.

    `names` holds every name once, and what is called a place is a place in it. `minutes` are whole minutes
    since 1970, `ids` the identifiers' 16 bytes one behind the other, `costs` US dollars, `users` and
    `sessions` places or -1 for none. `labelled`, `dimensions` and `labels` have an element per tag, flag
    and label: the number of its call, and the places of its dimension and its value.

    `lengths` says how many observations each call has; of each, `measures` is the place of its name and
    `values` its value; `hits` and `unbinned` are the numbers of observations that are hits, and of those
    that enter no histogram.

    Encoded batches outlive an upgrade by seconds: what is added comes last, with a default.
    """

    project_id: str
    names: list[str]
    ids: bytes
    minutes: list[int]
    sources: list[int]
    models: list[int]
    templates: list[int]
    users: list[int]
    sessions: list[int]
    verdicts: list[int]
    qualities: list[float | None]
    costs: list[Decimal | None]
    prompt_tokens: list[int]
    completion_tokens: list[int]
    labelled: list[int]
    dimensions: list[int]
    labels: list[int]
    lengths: list[int]
    measures: list[int]
    values: list[float]
    hits: list[int]
    unbinned: list[int]


decode_calls = msgspec.msgpack.Decoder(Calls).decode
