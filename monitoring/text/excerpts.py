"""What is scored of a record that is too long to be scored whole: the beginning and the end of each text."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, get_args

import msgspec

from monitoring.models import Evidence, Record, Result, Score, TextField

__all__ = ["SCORED_CHARACTERS", "Excerpt", "excerpt"]

SCORED_CHARACTERS = 512 * 1024
"""Of the texts of one record so many characters are scored.

2026-11-29: the slowest of fourteen hostile patterns (card numbers) takes all evaluators 0.84 s for so many, ordinary prose
0.02 s. Nobody's ordinary record is longer: it is about 130,000 tokens.
"""
"""The mark of a record of which only the beginnings and ends of its texts were scored."""

_FIELDS: tuple[TextField, ...] = get_args(TextField)
# Passages of context are joined by this for evaluators, so that pieces of any text are told apart in the same way.
_JOINT = "\n\n"


class _Piece(NamedTuple):
    """A stretch of a text: where it begins in the excerpt and in the original, in characters."""

    begin: int
    origin: int
    text: str


class Excerpt(NamedTuple):
    """A record whose texts are short enough, and where the pieces of those that were cut come from."""

    record: Record
    pieces: Mapping[TextField, Sequence[_Piece]]

    @property
    def partial(self) -> bool:
        """Whether anything was cut."""
        return bool(self.pieces)

    def restore(self, results: Mapping[str, Result]) -> dict[str, Result]:
        """Return the results with their evidence at its places in the original."""
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
        # The end is that of the last character, because the next may be of another piece.
        end = _original(pieces, found.end - 1) + 1 if found.end > found.start else start
        return msgspec.structs.replace(found, start=start, end=end)


def excerpt(record: Record, most: int = SCORED_CHARACTERS) -> Excerpt:
    """Return a record of at most about `most` characters of text: itself where it has no more.

    A short field stays whole; the longer ones share what is left equally, and of each its beginning and its end
    are kept, half and half.
    """
    others = len(record.reference or "") + len(record.system_prompt or "")
    if len(record.prompt) + len(record.response) + _context_length(record.context) + others <= most:
        return Excerpt(record, {})  # every ordinary record's way
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
    """Return how many characters of each field are kept: all of a short one, equal shares of the others."""
    allowed: dict[TextField, int] = {}
    left = most
    for rank, field in enumerate(sorted(lengths, key=lambda name: lengths[name])):
        allowed[field] = min(lengths[field], left // (len(lengths) - rank))
        left -= allowed[field]
    return allowed


def _cut(record: Record, field: TextField, allowed: int) -> list[_Piece]:
    """Return the pieces of a field that lie in its first or last `allowed / 2` characters, in order."""
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
