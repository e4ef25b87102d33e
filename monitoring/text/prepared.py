"""Features of a batch that evaluators share; each is computed once, when it is first asked for."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from monitoring.models import Record, TextField
from monitoring.text.kernels import scan_sentences, scan_words

__all__ = ["Encoded", "Prepared", "Sentences", "Words"]

T = TypeVar("T")
_CONTEXT_JOINT = "\n\n"


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

    def __len__(self) -> int:
        return len(self.records)

    def shared(self, key: Hashable, compute: Callable[[], T]) -> T:
        """Return the value that is kept under `key`; it is computed the first time.

        Evaluators use it to share features with each other. Keys are tuples that start with the
        name of the module that owns the feature.
        """
        if key not in self._cache:
            self._cache[key] = compute()
        return self._cache[key]  # type: ignore[return-value]  # the key determines the type

    def select(self, indices: Sequence[int]) -> Prepared:
        """Return a fresh batch of the records at `indices`."""
        return Prepared([self.records[i] for i in indices])

    def texts(self, field: TextField) -> tuple[str, ...]:
        """Return one text per record, empty if the field is missing; passages are joined."""
        return self.shared(("prepared", "texts", field), lambda: self._texts(field))

    def encoded(self, field: TextField) -> Encoded:
        """Return the field's UTF-8 bytes as one buffer with offsets."""
        return self.shared(("prepared", "encoded", field), lambda: _encode(self.texts(field)))

    def words(self, field: TextField) -> Words:
        """Return the field's hashed words."""
        return self.shared(("prepared", "words", field), lambda: Words(*scan_words(*self.encoded(field))))

    def sentences(self, field: TextField) -> Sentences:
        """Return the field's sentences."""
        return self.shared(
            ("prepared", "sentences", field), lambda: Sentences(*scan_sentences(*self.encoded(field)))
        )

    def characters(self, field: TextField, record: int, begin: int, end: int) -> tuple[int, int]:
        """Convert byte positions in the field's buffer to character offsets in a record's text."""
        buffer, starts = self.encoded(field)
        first = int(starts[record])
        if int(starts[record + 1]) - first == len(self.texts(field)[record]):
            return begin - first, end - first  # every byte is a character
        before = bytes(buffer[first:begin]).decode("utf-8", "ignore")
        inside = bytes(buffer[begin:end]).decode("utf-8", "ignore")
        return len(before), len(before) + len(inside)

    def _texts(self, field: TextField) -> tuple[str, ...]:
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
    starts = np.zeros(len(parts) + 1, dtype=np.int64)
    np.cumsum([len(part) for part in parts], out=starts[1:])
    return Encoded(np.frombuffer(b"".join(parts), dtype=np.uint8), starts)
