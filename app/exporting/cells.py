"""Cells of CSV that no spreadsheet takes for a formula.

A text that a spreadsheet could compute gets an apostrophe before it. Such a text begins with one of
= + - @, or with one of their look-alikes, perhaps after spaces, quotes or invisible characters; or
it begins with a tab or the end of a line. Where the rest of a cell after its first apostrophe is
such a text, the apostrophe was added, and only there (`original`).
"""

from __future__ import annotations

import re
from typing import Final

__all__ = ["defused", "original"]

_SIGNS: Final = (
    "=+\\-@\u207a\u207b\u207c\u208a\u208b\u208c\u2212\ufe62\ufe63\ufe66\ufe6b\uff0b\uff0d\uff1d\uff20"
)
_BEFORE: Final = (
    "\\s\"'`\u00b4\u2018-\u201f\u00ab\u00bb\uff02\uff07\u0000-\u001f\u007f-\u009f\u00ad\u034f\u061c\u115f\u1160"
    "\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff9-\ufffb"
)
_FORMULA: Final = re.compile(f"[\t\r\n]|[{_BEFORE}]*[{_SIGNS}]")
_MARK: Final = "'"


def defused(text: str) -> str:
    """Return a text as a cell that a spreadsheet shows and never computes."""
    return _MARK + text if _FORMULA.match(text) else text


def original(cell: str) -> str:
    """Return the text that a cell was made of."""
    return cell[1:] if cell.startswith(_MARK) and _FORMULA.match(cell, 1) else cell
