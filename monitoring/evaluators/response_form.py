"""The form of a response: prose, a list, a table, code, JSON, or nothing."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import msgspec

from monitoring.evaluator import Category, Evaluator
from monitoring.models import Score, TextField
from monitoring.signals import kernels_style as counts
from monitoring.signals.style import measure_forms
from monitoring.text.prepared import Prepared

__all__ = ["ResponseForm", "build"]

VERSION = "1"

# 2026-11-30, judgement: a text is named after a form that makes up a good part of it.
_CODE, _LISTED = 0.3, 0.4
_FEWEST_ITEMS, _FEWEST_ROWS = 2, 3
_FENCE = "```"


@dataclass(frozen=True, slots=True)
class ResponseForm:
    """Names the form of a response, so that a change of a model's habits shows in its shares.

    The label is `json` for a text that is valid JSON, also within one block of code; `code` where
    blocks of code are at least three tenths of it; `table` with at least three rows of a Markdown
    table; `list` where items are at least four tenths of it; else `prose`. An empty response is
    `empty`. The evaluator judges nothing, so it has neither value, threshold nor flag. Code without
    a fence counts as prose.
    """

    name: str = "response_form"
    version: str = VERSION
    category: Category = "descriptive"
    needs: frozenset[TextField] = frozenset({"response"})
    flag: str | None = None
    threshold: float | None = None

    def evaluate(self, batch: Prepared) -> list[Score]:
        """Return one score per record; see the class."""
        if not len(batch):
            return []
        forms = measure_forms(batch)
        size = forms[:, counts.BYTES]
        items = forms[:, counts.BULLETS] + forms[:, counts.NUMBERED]
        coded = (forms[:, counts.CODE] >= _CODE * size) & (forms[:, counts.CODE] > 0)
        tabled = forms[:, counts.TABLE_ROWS] >= _FEWEST_ROWS
        listed = (items >= _FEWEST_ITEMS) & (forms[:, counts.LISTED] >= _LISTED * size)
        rows = zip(batch.texts("response"), coded.tolist(), tabled.tolist(), listed.tolist(), strict=True)
        return [_labelled(_name(text, coded=c, tabled=t, listed=i)) for text, c, t, i in rows]


def _name(text: str, *, coded: bool, tabled: bool, listed: bool) -> str:
    text = text.strip()
    if not text:
        return "empty"
    if _is_json(text):
        return "json"
    if coded:
        return "code"
    if tabled:
        return "table"
    return "list" if listed else "prose"


def _is_json(text: str) -> bool:
    """Tell whether a text, or the one block of code that it is, is a JSON object or array."""
    if text.startswith(_FENCE) and text.endswith(_FENCE) and len(text) > 2 * len(_FENCE):
        text = text[len(_FENCE) : -len(_FENCE)].removeprefix("json").strip()
    if not (text[:1] in {"{", "["} and text[-1:] in {"}", "]"}):
        return False
    try:
        msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError, UnicodeEncodeError):
        return False
    return True


@cache
def _labelled(label: str) -> Score:
    return Score(value=None, label=label, version=VERSION)


def build() -> Evaluator:
    """Return the evaluator, which is rules alone."""
    return ResponseForm()
