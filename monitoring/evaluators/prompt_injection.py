"""Attempts to take a model over: in the prompt, in what it was given to read, and their success."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from monitoring.evaluator import Category, Evaluator
from monitoring.models import Evidence, Record, Score, TextField
from monitoring.signals import linear
from monitoring.signals.categories import Lexicon, load_lexicon
from monitoring.signals.instructions import score_segments
from monitoring.signals.kernels_injection import join_signals, judge_field
from monitoring.signals.kernels_leakage import measure_leakage
from monitoring.text.disguises import decoded, normalise
from monitoring.text.language import covered, languages
from monitoring.text.prepared import Prepared
from monitoring.weights import load_weights

__all__ = ["PromptInjection", "build"]

VERSION = "4"

# 2026-11-30: The training script shifts the log-odds so that 0.4 % of ordinary prompts exceed one
# half, out of fold. At 0.55, a fifth fewer harmless stories are flagged, for one point of recall.
THRESHOLD = 0.55

# The model was fitted on these languages. In others only the rules count.
LANGUAGES = ("en", "de", "fr", "es")

_SURE = 0.7

# A rule of this strength counts alone, whatever the model says.
_CLEAR = 0.8
# With so many words of the system prompt in a row, repetition is certain. Sixteen reach the
# threshold.
_CERTAIN_RUN = 29
_FEWEST_RUNS = 5

_HEAD = "prompt_injection"
_MOST_EVIDENCE = 8

Source = Literal["prompt", "context"]


class Field(NamedTuple):
    """What was found in one field.

    `values` and `rules` are 0..1 per record, and NaN where nothing is known. `forms` holds the
    encoded places of a record that read as an attack once they are decoded, with their values.
    """

    values: NDArray[np.float32]
    rules: NDArray[np.float32]
    forms: dict[int, tuple[Evidence, ...]]


@dataclass(frozen=True, slots=True, eq=False)
class PromptInjection:
    """Finds instructions that try to replace those of the application, and leaked system prompts.

    Two signals read the prompt and the context: a linear model and precise rules. They also read
    text that is encoded, spaced out or written in look-alike letters. The model of prompts compares
    windows of words with known attacks. The model of contexts asks of each sentence, cell or value
    whether it tells an assistant what to do, beside what documents tell their readers. The
    value is the greatest of three: the part `prompt` (both signals), the part `context` where a
    rule agrees, and the part `leakage`. The model alone never flags a context, because too many
    posts and letters ask their readers something. The part `rules` is the strongest rule in the
    prompt. `leakage` says how much of the system prompt the response repeats word for word.

    The evaluator does not understand intent. It misses indirect injections in ordinary words,
    jailbreaks told as a story (PAIR) and suffixes of random characters (GCG). It may flag role-play
    that plays with rules. The model knows English, German, French and Spanish. In other languages
    only the rules count, and without a hit nothing is known.
    """

    lexicon: Lexicon
    categories: NDArray[np.float32]
    bank: linear.Bank
    instructions: linear.Bank
    name: str = "prompt_injection"
    version: str = VERSION
    category: Category = "safety"
    needs: frozenset[TextField] = frozenset({"prompt", "response", "context", "system_prompt"})
    flag: str | None = "prompt_injection"
    threshold: float | None = THRESHOLD

    def evaluate(self, batch: Prepared) -> list[Score]:
        """Return one score per record; see the class."""
        prompt, context = self._read(batch, "prompt"), self._read(batch, "context")
        leakage, spans = _leakage(batch)
        values, strongest = join_signals(
            prompt.values,
            context.values,
            context.rules,
            leakage,
            covered(batch, "prompt", LANGUAGES),
            np.float32(_CLEAR),
            np.float32(THRESHOLD),
        )
        columns = (prompt.values, prompt.rules, context.values, leakage)
        parts = list(zip(*(column.tolist() for column in columns), strict=True))
        scores = []
        for record, value in enumerate(values.tolist()):
            if math.isnan(value):
                scores.append(_silent(batch, record))
                continue
            hit = value >= THRESHOLD
            found = (prompt, context)
            scores.append(
                Score(
                    value=value,
                    label=("direct", "indirect", "leakage")[strongest[record]] if hit else "clean",
                    version=VERSION,
                    confidence=max(value, 1 - value),
                    evidence=tuple(self._evidence(batch, record, found, leakage, spans)) if hit else (),
                    parts={
                        name: part
                        for name, part in zip(_PARTS, parts[record], strict=True)
                        if not math.isnan(part)
                    },
                )
            )
        return scores

    def _read(self, batch: Prepared, field: Source) -> Field:
        if batch.is_absent(field):
            nothing = np.full(len(batch), np.nan, dtype=np.float32)
            return Field(nothing, nothing, {})
        values, rules = self._judge(batch, field)
        forms: dict[int, tuple[Evidence, ...]] = {}
        hidden = list(_hidden(batch, field))
        if hidden:
            inner = Prepared([Record(prompt=text, response="") for _, text, _ in hidden])
            inner_values, inner_rules = self._judge(inner, "prompt")
            for (record, _, place), value, rule in zip(hidden, inner_values, inner_rules, strict=True):
                # The model of prompts has another scale than that of documents. Below a hit, its
                # value means nothing there.
                if field == "prompt" or value >= THRESHOLD:
                    values[record] = np.fmax(values[record], value)
                rules[record] = np.fmax(rules[record], rule)
                if value >= THRESHOLD:
                    forms[record] = (*forms.get(record, ()), place)
        return Field(values, rules, forms)

    def _judge(self, batch: Prepared, field: Source) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return the probability and the strongest rule per record."""
        logits, column, weights = self._read_model(batch, field)
        values, rules = judge_field(
            logits,
            column,
            self.lexicon.measure(batch, field),
            weights,
            covered(batch, field, LANGUAGES),
            np.float32(_CLEAR),
        )
        return values, rules

    def _read_model(
        self, batch: Prepared, field: Source
    ) -> tuple[NDArray[np.float32], int, NDArray[np.float32]]:
        """Return the logits of the field's model, its column there, and what rules add to them."""
        if field == "context":
            logits = score_segments(batch, field, self.instructions)
            return logits[:, None], 0, np.zeros_like(self.categories)
        return linear.score(batch, field, self.bank).logits, self.bank.names.index(_HEAD), self.categories

    def _evidence(
        self,
        batch: Prepared,
        record: int,
        found: tuple[Field, Field],
        leakage: NDArray[np.float32],
        spans: NDArray[np.int64],
    ) -> Iterator[Evidence]:
        prompt, context = found
        if prompt.values[record] >= THRESHOLD:
            listed = [
                *self.lexicon.find(batch, "prompt", record, _MOST_EVIDENCE),
                *prompt.forms.get(record, ()),
            ]
            yield from listed or linear.explain(batch, "prompt", record, _HEAD, self.bank)
        if context.rules[record] >= _CLEAR:
            yield from self.lexicon.find(batch, "context", record, _MOST_EVIDENCE)
            yield from context.forms.get(record, ())
        if leakage[record] >= THRESHOLD:
            words = batch.words("response")
            first, stop = spans[record]
            place = batch.characters("response", record, int(words.begins[first]), int(words.ends[stop - 1]))
            yield Evidence("response", *place, "repeats the system prompt")


_PARTS = ("prompt", "rules", "context", "leakage")


def _hidden(batch: Prepared, field: Source) -> Iterator[tuple[int, str, Evidence]]:
    """Yield (record, readable text, place) of everything that a field says in disguise."""
    for record, text in enumerate(batch.texts(field)):
        if not text:
            continue
        hides = not text.isascii() and not _is_accented(batch, field, record)
        if hides and (plain := normalise(text)) != text:
            yield record, plain, Evidence(field, 0, len(text), "look-alike or invisible characters")
        for form in decoded(text):
            yield record, form.text, Evidence(field, form.start, form.end, f"hidden as {form.kind}")


def _is_accented(batch: Prepared, field: Source, record: int) -> bool:
    """Tell whether a text is surely in a language that writes accents, which are no disguise there.

    Without them a French participle ("oublié") is an order ("oublie").
    """
    code, confidence = languages(batch, field)[record]
    return code in LANGUAGES and code != "en" and confidence >= _SURE


def _silent(batch: Prepared, record: int) -> Score:
    if not (batch.texts("prompt")[record].strip() or batch.texts("context")[record].strip()):
        label = "empty"
    else:
        foreign = not (
            covered(batch, "prompt", LANGUAGES)[record] and covered(batch, "context", LANGUAGES)[record]
        )
        label = "language_unsupported" if foreign else "no_words"
    return Score(value=None, label=label, version=VERSION)


def _leakage(batch: Prepared) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Return the leakage 0..1 per record, and the longest stretch of words that is repeated.

    The leakage is NaN without a system prompt.
    """
    if batch.is_absent("system_prompt"):
        nothing = np.full(len(batch), np.nan, dtype=np.float32)
        return nothing, np.zeros((len(batch), 2), dtype=np.int64)
    secret, answer = batch.words("system_prompt"), batch.words("response")
    shares, spans = measure_leakage(secret.ids, secret.offsets, answer.ids, answer.offsets)
    runs = (spans[:, 1] - spans[:, 0]).astype(np.float32)
    lengths = np.diff(secret.offsets)
    whole = np.where(lengths >= _FEWEST_RUNS, shares, 0)
    value = np.maximum(np.minimum(runs / _CERTAIN_RUN, 1), whole)
    return np.where(lengths > 0, value, np.nan).astype(np.float32), spans


def build() -> Evaluator:
    """Load the rules and the weights."""
    weights = load_weights("prompt_injection")["categories"].astype(np.float32)
    instructions = linear.load_bank(("instructions",))
    return PromptInjection(load_lexicon("prompt_injection"), weights, linear.load_bank(), instructions)
