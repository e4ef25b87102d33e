"""Where in a text letters of another script stand, for showing them."""

from __future__ import annotations

import unicodedata
from collections import Counter

__all__ = ["find_foreign"]

_READ = 20_000
_LATIN = "LATIN"


def find_foreign(text: str) -> tuple[int, int]:
    """Return the character offsets of the first stretch in the commonest script but the text's own and Latin.

    The first 20,000 characters are read; where they hold one script alone, the offsets span all of them.
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
    """Return the first word of a letter's name, which is its script; empty for anything else."""
    return unicodedata.name(character, "").partition(" ")[0] if character.isalpha() else ""
