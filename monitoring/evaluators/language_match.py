"""Whether a response is in the language it was asked in."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import re2

from monitoring.evaluator import Category, Evaluator
from monitoring.models import Evidence, Score, TextField
from monitoring.text.language import Language, enough_letters, languages
from monitoring.text.prepared import Prepared

__all__ = ["LanguageMatch", "build"]

VERSION = "2"

# 2026-11-26, judgement: the value is 1 or 0, and it is unknown if the model is not sure enough.
THRESHOLD = 0.5
# 2026-11-26: With this probability, 0.05 % of 20,700 pairs of recorded traffic are called
# different, most of them rightly.
_SURE = 0.7
# 2026-11-30: A prompt with 8 to 19 bytes of letters needs the probability 0.9. Of 1,108 short
# prompts of Arena and recorded traffic, three have an answer that is then called different, one of
# them rightly.
_SURE_OF_SHORT, _SHORT, _ENOUGH = 0.9, 8, 20
_SHOWN = 300
# Languages that lid.176 confuses, or that have two names which both fit many texts.
_ALIKE = (
    ("no", "nb", "nn", "da"),
    ("hr", "sr", "bs", "sh", "sl"),
    ("id", "ms", "jv", "su"),
    ("zh", "wuu", "yue"),
    ("ar", "arz"),
    ("fa", "azb", "mzn"),
    ("hi", "mr", "ne", "bh"),
    ("es", "gl", "ast", "ca"),
    ("pt", "gl"),
    ("cs", "sk"),
    ("ru", "be", "bg", "mk"),
)
# Whoever mentions a language may want the answer in it.
_WANTED = re2.compile(
    r"(?i)translat|translit|\blanguages?\b|\b(?:english|german|french|spanish|italian|"
    r"portuguese|dutch|polish|russian|ukrainian|turkish|arabic|hebrew|persian|farsi|hindi|urdu|bengali|tamil|"
    r"chinese|mandarin|cantonese|japanese|korean|vietnamese|thai|indonesian|malay|swedish|danish|norwegian|"
    r"finnish|greek|czech|hungarian|romanian|bulgarian|latin|swahili)\b|"
    r"[üu]bersetz|englisch|deutsch|franz[öo]sisch|tradu[cizsç]|inglés|ingles|inglês|anglais|español|français|"
    r"vertaal|vertaling|engels|överset|översätt|oversæt|oversett|engelsk|tłumacz|angielsk|přelo|anglick|"
    r"перев[её]|перекла|английск|англійськ|çevir|ingilizce|αγγλικά|μετάφρα|翻译|翻譯|英文|英语|英語|翻訳|日本語|中文|"
    r"번역|영어|ترجم|الإنجليزية|תרגם|अनुवाद|अंग्रेज|แปล|dịch|tiếng anh|terjemah|bahasa inggris"
)


@dataclass(frozen=True, slots=True)
class LanguageMatch:
    """Finds responses in another language than the prompt where nobody asked for another language.

    1 means the same language, and 0 another one. The model that recognises languages reads the
    first 300 characters of both texts. The result is unknown (`undetermined`) unless both texts are
    long enough and the model gives a probability of at least 0.7, or 0.9 for a short prompt. It is
    also unknown where the prompt or the system prompt mentions a language or a translation
    (`asked_for`). Neighbouring languages that the model confuses count as one.

    The evaluator does not see a change of language after the opening, and no mixture of languages.
    An answer in another language loses much of overall_quality.
    """

    name: str = "language_match"
    version: str = VERSION
    category: Category = "quality"
    needs: frozenset[TextField] = frozenset({"prompt", "response", "system_prompt"})
    flag: str | None = None
    threshold: float | None = THRESHOLD

    def evaluate(self, batch: Prepared) -> list[Score]:
        """Return one score per record; see the class."""
        rows = zip(languages(batch, "prompt"), languages(batch, "response"), strict=True)
        return [self._judge(batch, record, *row) for record, row in enumerate(rows)]

    def _judge(self, batch: Prepared, record: int, asked: Language, answered: Language) -> Score:
        prompt, response = batch.texts("prompt")[record], batch.texts("response")[record]
        if not prompt.strip() or not response.strip():
            return _unknown("empty")
        sure = min(asked.confidence, answered.confidence)
        alike = asked.code == answered.code
        if sure < _SURE or not (alike or (_told(prompt, asked) and enough_letters(response))):
            return _unknown("undetermined")
        if alike or (asked.code, answered.code) in _pairs():
            return Score(value=1.0, label="same" if alike else "close", version=VERSION, confidence=sure)
        if _WANTED.search(prompt) or _WANTED.search(batch.texts("system_prompt")[record]):
            return _unknown("asked_for")
        start = len(response) - len(response.lstrip())
        place = Evidence(
            "response",
            start,
            min(len(response.rstrip()), start + _SHOWN),
            f"is {answered.code}, asked in {asked.code}",
        )
        return Score(value=0.0, label="other", version=VERSION, confidence=sure, evidence=(place,))


def _told(prompt: str, asked: Language) -> bool:
    """Tell whether a prompt is long enough for the recognised language to be believed."""
    return enough_letters(prompt, _SHORT if asked.confidence >= _SURE_OF_SHORT else _ENOUGH)


@cache
def _pairs() -> frozenset[tuple[str, str]]:
    return frozenset((one, other) for group in _ALIKE for one in group for other in group)


@cache
def _unknown(label: str) -> Score:
    return Score(value=None, label=label, version=VERSION, confidence=0.0)


def build() -> Evaluator:
    """Return the evaluator; the model of languages is loaded at its first use."""
    return LanguageMatch()
