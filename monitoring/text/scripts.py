"""Finding letters of another script in a text, so that they can be shown."""

from __future__ import annotations

import unicodedata
from collections import Counter

__all__ = ["find_foreign"]

_READ = 20_000
_LATIN = "LATIN"


def find_foreign(text: str) -> tuple[int, int]:
    """Return the character offsets of the first run in the most frequent foreign script.

    Foreign means neither Latin nor the main script of the text. The first 20,000 characters are
    read. If they hold a single script, the offsets span all of them.
    """
    excerpt = text[:_READ]
    scripts = [_script(character) for character in excerpt]
    counts = Counter(script for script in scripts if script)
    ranked = [script for script, _ in counts.most_common()]
    strange = [script for script in ranked[1:] if script != _LATIN] or ranked[:1]
    if not strange:
        return 0, len(excerpt)
    start = scripts.index(strange[0])
    end = start + 1
    for at in range(start, len(excerpt)):
        if scripts[at] == strange[0]:
            end = at + 1
        elif scripts[at]:
            break
    return start, end


def _script(character: str) -> str:
    """Return a letter's script, which is the first word of its name; empty for others."""
    return unicodedata.name(character, "").partition(" ")[0] if character.isalpha() else ""
