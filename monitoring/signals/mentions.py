"""Sentences that mention a group of people, as a batch of their own."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from monitoring.models import Record, TextField
from monitoring.signals.groups import Groups, group_words
from monitoring.signals.kernels_mentions import AMBIGUOUS, PEOPLE, PLAIN, find_sentences
from monitoring.text.lexicon import WordTable, build_table
from monitoring.text.prepared import Prepared

__all__ = ["Mentions", "find_mentions", "mention_table"]


class Mentions(NamedTuple):
    """Sentences with a mention of a group; `sentences` has each as the prompt of its own record.

    `records` is the record that holds the sentence. `begins` and `ends` are its byte positions in
    the buffer of the field. `before` is where the sentence before it begins, or its own begin if it
    is the first of the record.
    """

    sentences: Prepared
    records: NDArray[np.int64]
    begins: NDArray[np.int64]
    ends: NDArray[np.int64]
    before: NDArray[np.int64]


_NOWHERE = np.empty((4, 0), dtype=np.int64)


def find_mentions(batch: Prepared, field: TextField, table: WordTable | None = None) -> Mentions:
    """Return the sentences of a field that mention a group, in order.

    `table` is a `mention_table`, by default that of the groups that come with the evaluators.
    """
    words, sentences = batch.words(field), batch.sentences(field)
    table = table or _own_table()
    found = find_sentences(words.ids, words.begins, *sentences, table.keys, table.classes)
    if not len(found):
        return Mentions(Prepared(()), *_NOWHERE)
    records, begins, ends, before = found.T
    buffer = batch.encoded(field).buffer
    inner = Prepared(
        [
            Record(prompt=_read(buffer, begin, end), response="")
            for begin, end in zip(begins.tolist(), ends.tolist(), strict=True)
        ]
    )
    return Mentions(inner, records, begins, ends, before)


def _read(buffer: NDArray[np.uint8], begin: int, end: int) -> str:
    """Return the text between two byte positions."""
    return buffer[begin:end].tobytes().decode("utf-8", "replace")


def mention_table(groups: Groups) -> WordTable:
    """Return the table of words that mention a group alone, before another word, or beside one."""
    classes = dict.fromkeys((*groups["people"], *groups["roles"]), PEOPLE)
    classes.update(dict.fromkeys(groups["ambiguous"], AMBIGUOUS))
    for name, listed in groups.items():
        if name not in {"people", "roles", "ambiguous", "pronouns"}:
            classes.update(dict.fromkeys(listed, PLAIN))
    return build_table(classes)


@cache
def _own_table() -> WordTable:
    return mention_table(group_words())
