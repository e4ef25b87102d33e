"""Features of a batch that evaluators share; each is computed once, when it is first asked for."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from itertools import accumulate
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from monitoring.models import Record, TextField
from monitoring.text.kernels import scan_sentences, scan_words

__all__ = ["Encoded", "Prepared", "Sentences", "Words"]

T = TypeVar("T")
_CONTEXT_JOINT = "\n\n"
_NO_IDS = np.empty(0, dtype=np.uint32)
_NO_PLACES = np.empty(0, dtype=np.int32)


class Encoded(NamedTuple):
    """The UTF-8 bytes of one field of every record: `buffer` uint8, `starts` int64 (n + 1)."""

    buffer: NDArray[np.uint8]
    starts: NDArray[np.int64]


class Words(NamedTuple):
    """Hashed lower-cased words of one field.

    `ids` are uint32 FNV-1a hashes. `begins` and `ends` are int32 byte positions in the field's
    buffer. The words of record i are `offsets[i]:offsets[i + 1]`.
    """

    ids: NDArray[np.uint32]
    begins: NDArray[np.int32]
    ends: NDArray[np.int32]
    offsets: NDArray[np.int64]


class Sentences(NamedTuple):
    """Sentences of one field: byte positions in the field's buffer, `offsets` n + 1 per record."""

    begins: NDArray[np.int32]
    ends: NDArray[np.int32]
    offsets: NDArray[np.int64]


class Prepared:
    """A batch of records with the features that evaluators share.

    Features are computed when an evaluator first uses them, and then kept. Threads must not share
    an instance as long as features are missing.
    """

    def __init__(self, records: Sequence[Record]) -> None:
        self.records = tuple(records)
        self._cache: dict[Hashable, object] = {}
        # Values that every evaluator asks for again and again have their own attributes, because an
        # attribute is found sooner.
        self._texts: dict[TextField, tuple[str, ...]] = {}
        self._encoded: dict[TextField, Encoded] = {}
        self._words: dict[TextField, Words] = {}
        self._word_counts: dict[TextField, NDArray[np.int64]] = {}
        self._sentences: dict[TextField, Sentences] = {}

    def __len__(self) -> int:
        return len(self.records)

    def shared(self, key: Hashable, compute: Callable[[], T]) -> T:
        """Return the value that is kept under `key`; it is computed the first time.

        Evaluators use it to share features with each other. Keys are tuples that start with the
        name of the module that owns the feature.
        """
        try:
            return self._cache[key]  # type: ignore[return-value]  # the key determines the type
        except KeyError:
            pass  # computed outside, so that an error of `compute` has no KeyError as its context
        value = self._cache[key] = compute()
        return value

    def select(self, indices: Sequence[int]) -> Prepared:
        """Return a fresh batch of the records at `indices`."""
        return Prepared([self.records[i] for i in indices])

    def texts(self, field: TextField) -> tuple[str, ...]:
        """Return one text per record, empty if the field is missing; passages are joined."""
        texts = self._texts.get(field)
        if texts is None:
            texts = self._texts[field] = self._read(field)
        return texts

    def encoded(self, field: TextField) -> Encoded:
        """Return the field's UTF-8 bytes as one buffer with offsets."""
        encoded = self._encoded.get(field)
        if encoded is None:
            encoded = self._encoded[field] = _encode(self.texts(field))
        return encoded

    def words(self, field: TextField) -> Words:
        """Return the field's hashed words."""
        words = self._words.get(field)
        if words is None:
            words = self._words[field] = _split(*self.encoded(field))
        return words

    def word_counts(self, field: TextField) -> NDArray[np.int64]:
        """Return how many words the field of each record has, shape (n,)."""
        counts = self._word_counts.get(field)
        if counts is None:
            offsets = self.words(field).offsets
            counts = self._word_counts[field] = offsets[1:] - offsets[:-1]
        return counts

    def is_absent(self, field: TextField) -> bool:
        """Tell whether no record of the batch has a text in the field."""
        return not len(self.encoded(field).buffer)

    def sentences(self, field: TextField) -> Sentences:
        """Return the field's sentences."""
        sentences = self._sentences.get(field)
        if sentences is None:
            sentences = self._sentences[field] = Sentences(*scan_sentences(*self.encoded(field)))
        return sentences

    def characters(self, field: TextField, record: int, begin: int, end: int) -> tuple[int, int]:
        """Convert byte positions in the field's buffer to character offsets in a record's text."""
        buffer, starts = self.encoded(field)
        first = int(starts[record])
        if int(starts[record + 1]) - first == len(self.texts(field)[record]):
            return begin - first, end - first  # every byte is a character
        before = bytes(buffer[first:begin]).decode("utf-8", "ignore")
        inside = bytes(buffer[begin:end]).decode("utf-8", "ignore")
        return len(before), len(before) + len(inside)

    def _read(self, field: TextField) -> tuple[str, ...]:
        if field == "context":
            return tuple(_CONTEXT_JOINT.join(record.context) for record in self.records)
        if field == "prompt":
            return tuple(record.prompt for record in self.records)
        if field == "response":
            return tuple(record.response for record in self.records)
        if field == "reference":
            return tuple(record.reference or "" for record in self.records)
        return tuple(record.system_prompt or "" for record in self.records)


def _encode(texts: Sequence[str]) -> Encoded:
    parts = [text.encode("utf-8", "replace") for text in texts]
    starts = np.array(list(accumulate(map(len, parts), initial=0)), dtype=np.int64)
    return Encoded(np.frombuffer(b"".join(parts), dtype=np.uint8), starts)


def _split(buffer: NDArray[np.uint8], starts: NDArray[np.int64]) -> Words:
    if not len(buffer):  # a field that no record has
        return Words(_NO_IDS, _NO_PLACES, _NO_PLACES, starts)
    return Words(*scan_words(buffer, starts))
