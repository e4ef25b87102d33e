"""How two texts differ, word by word."""

from __future__ import annotations

import re
from collections.abc import Sequence
from difflib import SequenceMatcher
from typing import Any, Final

from dash import html

__all__ = ["MOST_WORDS", "changed_words"]

MOST_WORDS: Final = 2_000
"""So many words of each text are compared; signs and spaces count too. The rest is left out."""
_MOST_CHARACTERS: Final = 40_000
_WORDS: Final = re.compile(r"\s+|\w+|[^\w\s]")


def changed_words(one: str, other: str) -> tuple[list[Any], list[Any], bool]:
    """Return both texts with what only they have marked, and whether they were compared whole.

    The marks are elements of Dash around plain strings, so texts stay texts whatever they hold.
    """
    left, right = _words(one), _words(other)
    matcher = SequenceMatcher(None, left[:MOST_WORDS], right[:MOST_WORDS])
    mine: list[Any] = []
    others: list[Any] = []
    for kind, a, b, c, d in matcher.get_opcodes():
        mine += _marked(left[a:b], html.Del, changed=kind != "equal")
        others += _marked(right[c:d], html.Ins, changed=kind != "equal")
    whole = max(len(left), len(right)) <= MOST_WORDS and max(len(one), len(other)) <= _MOST_CHARACTERS
    return mine, others, whole


def _words(text: str) -> list[str]:
    return _WORDS.findall(text[:_MOST_CHARACTERS])


def _marked(words: Sequence[str], element: Any, *, changed: bool) -> list[Any]:
    text = "".join(words)
    if not text:
        return []
    return [element(text) if changed else text]
