"""The language of a response."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from monitoring.evaluator import Category, Evaluator
from monitoring.models import Score, TextField
from monitoring.text.language import UNDETERMINED, Language, enough_letters, languages
from monitoring.text.prepared import Prepared

__all__ = ["ResponseLanguage", "build"]

VERSION = "1"

# 2026-11-30: as surely as language_match says that two texts are in one language.
_SURE = 0.7


@dataclass(frozen=True, slots=True)
class ResponseLanguage:
    """Names the language of a response, so that a change of a model's languages shows.

    The label is the code of the language of the first 300 characters, such as `en` or `de`. It is
    `undetermined` where the model of languages gives a probability below 0.7, and for texts with
    fewer than 20 bytes of letters unless they are English. An empty response is `empty`. The
    evaluator judges nothing, so it has neither value, threshold nor flag. It sees no change of
    language after the opening.
    """

    name: str = "response_language"
    version: str = VERSION
    category: Category = "descriptive"
    needs: frozenset[TextField] = frozenset({"response"})
    flag: str | None = None
    threshold: float | None = None

    def evaluate(self, batch: Prepared) -> list[Score]:
        """Return one score per record; see the class."""
        rows = zip(batch.texts("response"), languages(batch, "response"), strict=True)
        return [_labelled(_name(text, language)) for text, language in rows]


def _name(text: str, language: Language) -> str:
    if not text or text.isspace():
        return "empty"
    if language.code == UNDETERMINED or language.confidence < _SURE:
        return "undetermined"
    # English is known by several of its words, and counting the letters of each text takes time.
    return language.code if language.code == "en" or enough_letters(text) else "undetermined"


@cache
def _labelled(label: str) -> Score:
    return Score(value=None, label=label, version=VERSION)


def build() -> Evaluator:
    """Return the evaluator; the model of languages is loaded at its first use."""
    return ResponseLanguage()
