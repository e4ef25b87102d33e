"""The excerpt that is scored of a very long record: the beginning and the end of each text."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, get_args

import msgspec

from monitoring.models import Evidence, Record, Result, Score, TextField

__all__ = ["SCORED_CHARACTERS", "Excerpt", "excerpt"]

SCORED_CHARACTERS = 512 * 1024
"""So many characters are scored of the texts of one record.

Measured 2026-11-29: with so many, the slowest of fourteen hostile patterns (card numbers) takes all
evaluators 0.84 s, and ordinary prose 0.02 s. It is about 130,000 tokens, and no ordinary record is
longer.
"""
"""The mark of a record of which only the beginnings and ends of its texts were scored."""

_FIELDS: tuple[TextField, ...] = get_args(TextField)
# Evaluators get passages of context joined by this, so that pieces of all texts are separated
# alike.
_JOINT = "\n\n"


class _Piece(NamedTuple):
    """A part of a text: where it begins in the excerpt and in the original, in characters."""

    begin: int
    origin: int
    text: str


class Excerpt(NamedTuple):
    """A record with texts that are short enough, and the origins of the pieces of cut texts."""

    record: Record
    pieces: Mapping[TextField, Sequence[_Piece]]

    @property
    def partial(self) -> bool:
        """Whether anything was cut."""
        return bool(self.pieces)

    def restore(self, results: Mapping[str, Result]) -> dict[str, Result]:
        """Return the results with their evidence moved to its places in the original."""
        if not self.pieces:
            return dict(results)
        return {name: self._restore(result) for name, result in results.items()}

    def _restore(self, result: Result) -> Result:
        if not isinstance(result, Score) or not result.evidence:
            return result
        return msgspec.structs.replace(result, evidence=tuple(map(self._move, result.evidence)))

    def _move(self, found: Evidence) -> Evidence:
        pieces = self.pieces.get(found.field)
        if not pieces:
            return found
        start = _original(pieces, found.start)
        # The end follows from the last character, because the next one may be in another piece.
        end = _original(pieces, found.end - 1) + 1 if found.end > found.start else start
        return msgspec.structs.replace(found, start=start, end=end)


def excerpt(record: Record, most: int = SCORED_CHARACTERS) -> Excerpt:
    """Return a record with at most about `most` characters of text; a shorter one stays whole.

    A short field stays whole. The longer fields share the rest equally, and the beginning and the
    end of each are kept, half and half.
    """
    others = len(record.reference or "") + len(record.system_prompt or "")
    if len(record.prompt) + len(record.response) + _context_length(record.context) + others <= most:
        return Excerpt(record, {})  # this is so for every ordinary record
    lengths = {field: _length(record, field) for field in _FIELDS}
    allowed = _share_out(lengths, most)
    pieces = {
        field: _cut(record, field, allowed[field]) for field in _FIELDS if allowed[field] < lengths[field]
    }
    changed: dict[str, Any] = {
        field: tuple(piece.text for piece in kept)
        if field == "context"
        else _JOINT.join(piece.text for piece in kept)
        for field, kept in pieces.items()
    }
    return Excerpt(msgspec.structs.replace(record, **changed), pieces)


def _length(record: Record, field: TextField) -> int:
    return _context_length(record.context) if field == "context" else len(getattr(record, field) or "")


def _context_length(passages: Sequence[str]) -> int:
    return sum(map(len, passages)) + len(_JOINT) * (len(passages) - 1) if passages else 0


def _share_out(lengths: Mapping[TextField, int], most: int) -> dict[TextField, int]:
    """Return how many characters of each field are kept: all of a short one, else equal shares."""
    allowed: dict[TextField, int] = {}
    left = most
    for rank, field in enumerate(sorted(lengths, key=lambda name: lengths[name])):
        allowed[field] = min(lengths[field], left // (len(lengths) - rank))
        left -= allowed[field]
    return allowed


def _cut(record: Record, field: TextField, allowed: int) -> list[_Piece]:
    """Return the pieces of a field within its first and last `allowed / 2` characters, in order."""
    texts = record.context if field == "context" else (getattr(record, field),)
    half = allowed // 2
    tail = _length(record, field) - half
    pieces: list[_Piece] = []
    begin = origin = 0
    for text in texts:
        for first, last in ((0, half - origin), (max(tail - origin, 0), len(text))):
            if kept := text[first : max(last, 0)]:
                pieces.append(_Piece(begin, origin + first, kept))
                begin += len(kept) + len(_JOINT)
        origin += len(text) + len(_JOINT)
    return pieces


def _original(pieces: Sequence[_Piece], at: int) -> int:
    """Return where the character `at` of the excerpt lies in the original."""
    piece = pieces[max(bisect_right(pieces, at, key=lambda one: one.begin) - 1, 0)]
    return piece.origin + min(at - piece.begin, max(len(piece.text) - 1, 0))
