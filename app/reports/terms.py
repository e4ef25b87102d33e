"""Words and pairs of words that many short comments share."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Final

__all__ = ["frequent_terms"]

_FEWEST_COMMENTS = 2
_SHORTEST_WORD = 3
_COMMENT_CHARACTERS = 2000
_TERMS = 10
# English words that say nothing about what was wrong.
_FUNCTION_WORDS: Final = frozenset(
    (  # noqa: SIM905 a paragraph of words reads best
        "a about after again all also am an and any are aren as at be because been before being both but by can "
        "cannot could couldn did didn do does doesn doing don down during each even few for from further get got "
        "had has have having he her here him his how i if in into is isn it its itself just like made make me "
        "more most much my no nor not of off on once one only or other our out over own really response answer "
        "same she should so some such than that the their them then there these they this those through to too "
        "under until up us use used using very was wasn we were what when where which while who why will with "
        "would you your yours asked said say says gave give given thing things "
    ).split()
)


def frequent_terms(comments: Sequence[str]) -> dict[str, list[int]]:
    """Return terms that at least two comments share, with the comments' positions.

    The most frequent term is first.

    A term is a word or two neighbouring words. A word counts by itself only where it is not part of
    a counted pair. The time is linear in the text. Only the first 2,000 characters of a comment are
    read.
    """
    found: dict[str, list[int]] = defaultdict(list)
    for position, comment in enumerate(comments):
        for term in dict.fromkeys(_terms(comment)):
            found[term].append(position)
    shared = {term: rows for term, rows in found.items() if len(rows) >= _FEWEST_COMMENTS}
    ranked = sorted(shared, key=lambda term: (-len(shared[term]), -term.count(" "), term))
    kept: dict[str, list[int]] = {}
    for term in ranked:
        rows = set(shared[term])
        if not any(_overlap(term, other) and rows == set(shared[other]) for other in kept):
            kept[term] = shared[term]
        if len(kept) == _TERMS:
            break
    return kept


def _overlap(term: str, other: str) -> bool:
    return not set(term.split()).isdisjoint(other.split())


def _terms(comment: str) -> Iterator[str]:
    words = [
        "".join(c if c.isalnum() else " " for c in word).strip()
        for word in comment[:_COMMENT_CHARACTERS].lower().split()
    ]
    telling = [
        word if len(word) >= _SHORTEST_WORD and " " not in word and word not in _FUNCTION_WORDS else None
        for word in words
    ]
    for left, right in zip([None, *telling], telling, strict=False):
        if right:
            yield right
            if left:
                yield f"{left} {right}"
