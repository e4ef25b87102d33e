"""Whether a response is a sound piece of text at all: a detector of degeneration."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache

import numpy as np
import re2
from numpy.typing import NDArray

from monitoring.evaluator import Category, Evaluator
from monitoring.models import Evidence, Score, TextField
from monitoring.signals import claims
from monitoring.signals.degeneration import (
    SIGNS,
    Sign,
    describe_sign,
    load_signs,
    measure_endings,
    measure_repetition,
)
from monitoring.signals.formats import asks_for_json, breaks_json
from monitoring.signals.kernels_characters import measure_scripts
from monitoring.signals.kernels_signs import weigh_parts
from monitoring.signals.responsiveness import measure_continuity
from monitoring.text.kernels_lexicon import count_classes
from monitoring.text.language import covered
from monitoring.text.lexicon import build_table
from monitoring.text.prepared import Prepared
from monitoring.text.scripts import find_foreign

__all__ = ["Coherence", "build"]

VERSION = "2"

# 2026-11-23: The value of a good answer is above this even if one sign is found with low
# probability. The class says what the threshold costs.
THRESHOLD = 0.5

_PARTS = ("repetition", "truncation", "noise", "format", "language_mix", "consistency", "order")
_LABELS = ("loop", "truncated", "noise", "format_break", "mixed_languages", "self_contradiction")
# 2026-11-23, rules: the share of the value that remains when a rule applies; those of
# `kernels_signs` come with them.
_NO_JSON, _MIXED, _CONTRADICTS = 0.1, 0.4, 0.4
# With this many words, a response has half of the confidence.
_SENTENCE_WORDS = 12
_JSON_WORD = build_table({"json": 1})
_LANGUAGE_WANTED = re2.compile(
    r"(?i)\b(?:translat\w*|languages?|bilingual|multilingual|alphabet|script|unicode|characters?|words?|symbols?|say|"
    r"japanese|chinese|mandarin|korean|russian|ukrainian|greek|hebrew|arabic|hindi|thai|persian|sanskrit|kanji|"
    r"names?|poem|song|anime|emoji)\b"
)
_TAIL = 80
_SHOWN = 200
_FENCE = "```"
_REASONS = {
    "loop": "said before",
    "truncated": "stops in the middle",
    "noise": "broken characters, or words that are none",
    "format_break": "no valid JSON, which was asked for",
    "mixed_languages": "letters of a script that nobody asked for",
}


@dataclass(frozen=True, slots=True)
class Coherence:
    """Detects degenerate text, such as loops or a missing end. It does not grade prose.

    In each part 1 is good. `repetition` finds loops of words, phrases and sentences. `truncation`
    finds a text that stops in the middle. `noise` finds broken characters and gibberish, in English
    only. `format` finds an unclosed code block, and invalid JSON where JSON was asked for.
    `language_mix` finds letters of a foreign script that nobody asked for. `consistency` finds a
    sentence that denies another. `order` finds sentences that refer to what has not been said, and
    is weak. The value is the product of the parts, so one clear sign is enough. The part
    `continuity`, present with an English prompt, says how much of the prompt the response takes up.
    In a conversation it says whether the reply belongs to it. It does not enter the value.

    The evaluator does not see a fluent text that makes no sense, a change between languages of one
    script, or a cut after a full stop. Single lines of fewer than 12 words and plain lists need not
    end like a sentence. Loops, ends and forms are measured in any language.

    The threshold 0.5 (2026-11-23, by benchmarks/degeneration.py on arena-hard and XSTest answers)
    calls 2 % of good answers low, and 99 % of loops, 93 % of truncated, 92 % of noisy and 91 % of
    gibberish ones.
    """

    signs: dict[str, Sign]
    name: str = "coherence"
    version: str = VERSION
    category: Category = "quality"
    needs: frozenset[TextField] = frozenset({"prompt", "response"})
    flag: str | None = None
    threshold: float | None = THRESHOLD

    def evaluate(self, batch: Prepared) -> list[Score]:
        """Return one score per record; see the class."""
        if not len(batch):
            return []
        continuity = _continuities(batch)
        scores = []
        columns = zip(
            batch.texts("response"),
            batch.word_counts("response").tolist(),
            self._measure(batch),
            continuity,
            strict=True,
        )
        for record, (text, count, own, taken) in enumerate(columns):
            value = math.prod(own)
            if not text or text.isspace():
                scores.append(_unknown("empty"))
            elif not count and value >= THRESHOLD:
                scores.append(_unknown("no_words"))
            else:
                low = value < THRESHOLD
                label = _LABELS[own.index(min(own[: len(_LABELS)]))] if low else "coherent"
                parts = dict(zip(_PARTS, own, strict=True))
                if taken is not None:
                    parts["continuity"] = taken
                scores.append(
                    Score(
                        value=value,
                        label=label,
                        version=VERSION,
                        confidence=count / (count + _SENTENCE_WORDS),
                        evidence=_show(batch, record, label) if low else (),
                        parts=parts,
                    )
                )
        return scores

    def _measure(self, batch: Prepared) -> list[list[float]]:
        """Return the parts of every response, shape (n, 7), in the order of `_PARTS`."""
        scripts = measure_scripts(*batch.encoded("response"))
        repeated, truncated, noisy, disordered = (
            self.signs[sign].probability(describe_sign(batch, sign)) for sign in SIGNS
        )
        weighed, foreign = weigh_parts(
            repeated,
            truncated,
            noisy,
            disordered,
            measure_repetition(batch),
            measure_endings(batch),
            scripts,
            batch.word_counts("response"),
            covered(batch, "response"),
        )
        parts: list[list[float]] = weighed.tolist()
        for record in _json_wanted(batch):
            if breaks_json(batch.texts("response")[record]):
                parts[record][3] = _NO_JSON
        for record in _find_mixtures(batch, foreign):
            parts[record][4] = _MIXED
        for record, found in enumerate(claims.examine(batch)):
            if found.findings and any(finding.kind == claims.CONTRADICTION for finding in found.findings):
                parts[record][5] = _CONTRADICTS
        return parts


def _json_wanted(batch: Prepared) -> list[int]:
    words = batch.words("prompt")
    counts = count_classes(words.ids, words.offsets, _JSON_WORD.keys, _JSON_WORD.classes, len(words.ids), 2)
    prompts, responses = batch.texts("prompt"), batch.texts("response")
    return [
        record
        for record in np.flatnonzero(counts[:, 1]).tolist()
        if responses[record] and asks_for_json(prompts[record])
    ]


def _find_mixtures(batch: Prepared, foreign: NDArray[np.int64]) -> list[int]:
    """Return the records whose response mixes in a script that nobody wanted.

    `foreign` holds the script of each record, or -1.
    """
    suspects = [(record, script) for record, script in enumerate(foreign.tolist()) if script >= 0]
    if not suspects:
        return []
    asked = measure_scripts(*batch.encoded("prompt"))
    prompts = batch.texts("prompt")
    return [
        record
        for record, script in suspects
        if not asked[record, script] and not _LANGUAGE_WANTED.search(prompts[record])
    ]


def _show(batch: Prepared, record: int, label: str) -> tuple[Evidence, ...]:
    """Return the place and the kind of the worst sign."""
    text = batch.texts("response")[record]
    if label == "self_contradiction":
        return tuple(
            Evidence("response", finding.start, finding.end, finding.reason)
            for finding in claims.examine(batch)[record].findings
            if finding.kind == claims.CONTRADICTION
        )
    start, end, reason = 0, min(len(text), _SHOWN), _REASONS[label]
    if label == "loop":
        first, last = measure_repetition(batch)[record, 7:9].tolist()
        start, end = batch.characters("response", record, first, last) if last > first else (start, end)
    elif label == "truncated":
        end = len(text.rstrip())
        start = max(0, end - _TAIL)
    elif label == "mixed_languages":
        start, end = find_foreign(text)
    elif label == "format_break" and measure_endings(batch)[record, 1] > 0:
        start, end, reason = max(0, text.rfind(_FENCE)), len(text), "a block of code that is never closed"
    return (Evidence("response", start, end, reason),)


@cache
def _unknown(label: str) -> Score:
    return Score(value=None, label=label, version=VERSION, confidence=0.0)


def _continuities(batch: Prepared) -> list[float | None]:
    """Return the part `continuity` of each record with an English prompt, and else None."""
    prompted = (batch.word_counts("prompt") > 0) & covered(batch, "prompt")
    values = measure_continuity(batch).astype(np.float64).round(6).tolist()
    return [value if known else None for value, known in zip(values, prompted.tolist(), strict=True)]


def build() -> Evaluator:
    """Return the evaluator with its fitted signs."""
    return Coherence(load_signs())
