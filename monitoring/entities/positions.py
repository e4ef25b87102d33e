"""Places in a field's bytes, and the way from bytes to characters."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from monitoring.text.prepared import Encoded

__all__ = ["Characters", "Place"]


class Place(NamedTuple):
    """A stretch of one record's text, in bytes of the field's buffer, and the kind that `kernels` names."""

    record: int
    begin: int
    end: int
    kind: int


class Characters:
    """Turns byte positions in a field's buffer into character offsets of one text, each in constant time."""

    def __init__(self, encoded: Encoded, record: int, length: int) -> None:
        self._first = int(encoded.starts[record])
        own = encoded.buffer[self._first : int(encoded.starts[record + 1])]
        self._counts = None if len(own) == length else np.cumsum((own & 0xC0) != 0x80)  # noqa: PLR2004 UTF-8

    def __getitem__(self, position: int) -> int:
        at = position - self._first
        if self._counts is None or not at:
            return at
        return int(self._counts[at - 1])
