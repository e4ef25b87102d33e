"""How far a text supports a response, sentence by sentence.

The comparison is lexical. It looks up the words, n-grams, numbers, names and negations of each
sentence of the response in the source. It knows neither paraphrase nor the world. It gives a
ranking by how much of a sentence is new, and a probability that is fitted on human judgements of
grounded dialogue.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from monitoring.models import TextField
from monitoring.signals import kernels_support as kernels
from monitoring.signals.kernels_grounding import describe_counts, judge
from monitoring.signals.kernels_values import (
    AFTERNOON,
    NUMERALS,
    OF,
    ONE,
    ROUGHLY,
    SCALES,
    match_measures,
    match_values,
    scan_values,
)
from monitoring.signals.sources import SourceField, SourceTexts, read_source
from monitoring.signals.units import DIMENSIONS, SIZES, units_of
from monitoring.text.lexicon import WordTable, build_table
from monitoring.text.prepared import Prepared
from monitoring.weights import load_weights

__all__ = [
    "FEATURE_NAMES",
    "Kind",
    "Model",
    "SourceField",
    "Stems",
    "Support",
    "compare",
    "describe",
    "load_model",
    "stems",
]

Kind = Literal["context", "reference", "summary"]

_STOP_WORDS = """
a about above after again against ain't all also although am an and another any anyone anything are as at be
because been before being below between both but by can could did do does doing done down during each either
else enough especially etc even ever every few for from further get gets getting give given go goes going got
had has have having he he'd he'll he's hello her here hers herself hi him himself his hmm how however i i'd
i'll i'm i've if in including indeed instead into is it it'd it'll it's its itself just let like lot lots
made make makes many may maybe me might mine more most much must my myself of off oh ok okay on once one
only onto or other others our ours out over own perhaps please quite rather really s same say see seem seems
several shall she she'd she'll she's should since so some someone something still such sure t than thank
thanks that that's the their theirs them themselves then there there's these they they'd they'll they're
they've thing things think this those though through thus to too toward towards under until up upon us use
used uses using usually various very was we we'd we'll we're we've well were what what's whatever when where
whether which while who who's whom whose why will with within would yeah yes yet you you'd you'll you're
you've your yours yourself dollar dollars euro euros usd eur percent
"""
_NEGATIONS = """
no not never none nobody nothing neither nor nowhere without cannot can't couldn't didn't doesn't don't
hadn't hasn't haven't isn't aren't wasn't weren't won't wouldn't shouldn't mustn't mightn't needn't n't
"""

_MONTHS = (
    "january jan/february feb/march mar/april apr/may/june jun/july jul/august aug/september sep sept/october oct/"
    "november nov/december dec"
)
_SCALES = {3: "thousand", 6: "million mn", 9: "billion bn", 12: "trillion"}
_SMALL = (
    "two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen"
)
_ROUGHLY = "about around over under nearly almost roughly approximately some than least most circa"
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety"

FEATURE_NAMES = (
    "novel_content",
    "unprompted",
    "novel_bigrams",
    "novel_trigrams",
    "novel_pairs",
    "numbers",
    "names",
    "polarity",
    "any_content",
    "any_unprompted",
    "any_bigrams",
    "any_trigrams",
    "any_pairs",
    "any_number",
    "contradiction",
)
_SLOTS = 1 << 13
_NEW = 2  # a value that neither source nor prompt has


class Stems(NamedTuple):
    """`stems` uint32 and `kinds` uint8 of the words of one field, in their order."""

    stems: NDArray[np.uint32]
    kinds: NDArray[np.uint8]


class Values(NamedTuple):
    """What each word of one field states as a value.

    `values` are the values, `slack` says how far rounding may be off, and `marks` say the place of
    the word in a value (`kernels_values`).
    """

    values: NDArray[np.float64]
    slack: NDArray[np.float64]
    marks: NDArray[np.uint8]


class Support(NamedTuple):
    """`counts` int32 per sentence of the response, and `offsets` (n + 1) of the records.

    The kernels name the columns of `counts`.
    """

    counts: NDArray[np.int32]
    offsets: NDArray[np.int64]


class Model(NamedTuple):
    """A logistic model over `FEATURE_NAMES`, shape (15,).

    `mean` is subtracted, the result is divided by `scale` and multiplied by `weights`, and `bias`
    is added.
    """

    mean: NDArray[np.float64]
    scale: NDArray[np.float64]
    weights: NDArray[np.float64]
    bias: float

    def probability(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return for each row of features the probability, 0..1, that the text is not supported."""
        found: NDArray[np.float64] = judge(features, self.mean, self.scale, self.weights, self.bias)
        return found


def load_model(kind: Kind) -> Model:
    """Return the model of one kind of source or response.

    `benchmarks/train/support.py` fits it.
    """
    arrays = load_weights("support")
    mean, scale, weights = (
        arrays[f"{kind}_{name}"].astype(np.float64) for name in ("mean", "scale", "weights")
    )
    return Model(mean, scale, weights, float(arrays[f"{kind}_bias"][0]))


def _word_classes() -> WordTable:
    classes = dict.fromkeys(_STOP_WORDS.split(), kernels.STOP)
    classes |= dict.fromkeys(_NEGATIONS.split(), kernels.STOP | 2)
    return build_table(classes, _SLOTS)


def _numerals() -> WordTable:
    classes = {
        word: number for number, words in enumerate(_MONTHS.split("/"), start=1) for word in words.split()
    }
    classes |= {word: SCALES + power for power, words in _SCALES.items() for word in words.split()}
    classes |= {word: NUMERALS + number for number, word in enumerate(_SMALL.split(), start=2)}
    classes |= {word: NUMERALS + 10 * number for number, word in enumerate(_TENS.split(), start=2)}
    classes |= dict.fromkeys(_ROUGHLY.split(), ROUGHLY)
    return build_table(classes | {"pm": AFTERNOON, "of": OF, "one": ONE}, _SLOTS)


def _compared(batch: Prepared) -> NDArray[np.bool_]:
    """Tell which records have a source. The words of other records are compared with nothing."""

    def compute() -> NDArray[np.bool_]:
        given = batch.word_counts("context") + batch.word_counts("reference") > 0
        return np.asarray(given)

    return batch.shared(("support", "compared"), compute)


def _known(
    batch: Prepared, field: TextField
) -> tuple[NDArray[np.float64], NDArray[np.uint8], NDArray[np.int64]]:
    found = values(batch, field)
    return found.values, found.marks, batch.words(field).offsets


_CLASSES = _word_classes()
_NUMERALS = _numerals()


def stems(batch: Prepared, field: TextField) -> Stems:
    """Return the stems and classes of the field's words, cached in the batch."""

    def compute() -> Stems:
        words = batch.words(field)
        buffer = batch.encoded(field).buffer
        return Stems(
            *kernels.stem_words(buffer, words.ids, words.begins, words.ends, _CLASSES.keys, _CLASSES.classes)
        )

    return batch.shared(("support", "stems", field), compute)


def _without_numbers(batch: Prepared, field: TextField, tied: NDArray[np.bool_]) -> Stems:
    """Return the stems in which numbers are compared as values, for records that have a source.

    All numbers share one stem. In records whose source is `tied` to rows, each value has its own.
    """

    def compute() -> Stems:
        found, wanted = values(batch, field), _compared(batch)
        marked = kernels.mark_numbers(
            *stems(batch, field),
            found.values.view(np.uint64),
            found.marks,
            batch.words(field).offsets,
            wanted,
            tied,
        )
        return Stems(*marked)

    return compute() if tied.any() else batch.shared(("support", "without_numbers", field), compute)


def values(batch: Prepared, field: TextField) -> Values:
    """Return the numbers that the field's words state, for records that have a source, cached."""

    def compute() -> Values:
        words, encoded = batch.words(field), batch.encoded(field)
        read = scan_values(
            encoded.buffer,
            encoded.starts,
            words.ids,
            words.begins,
            words.ends,
            words.offsets,
            _NUMERALS.keys,
            _NUMERALS.classes,
            _compared(batch),
        )
        return Values(*read)

    return batch.shared(("support", "values", field), compute)


def _in_rows(given: SourceTexts, source: SourceField) -> NDArray[np.bool_]:
    """Tell which records have a source with words that stand in rows."""
    offsets = given.batch.words(source).offsets
    tied = np.zeros(len(offsets) - 1, dtype=np.bool_)
    if len(given.rows):
        before = np.concatenate(([0], np.cumsum(given.rows != 0)))
        tied[:] = before[offsets[1:]] > before[offsets[:-1]]
    return tied


def _match(batch: Prepared, given: Prepared, source: SourceField) -> NDArray[np.uint8]:
    """Mark the words of the responses that state a value: 1 if it is known, 2 if it is new."""
    own, offsets = values(batch, "response"), batch.words("response").offsets
    known = _known(given, source)
    matched = match_values(*own, offsets, *known, *_known(batch, "prompt"))
    if (matched == _NEW).any():
        theirs = units_of(given, source)
        match_measures(
            matched,
            *own,
            units_of(batch, "response"),
            offsets,
            *known[:2],
            theirs,
            known[2],
            DIMENSIONS,
            SIZES,
        )
    return matched


def compare(batch: Prepared, source: SourceField) -> Support:
    """Count for each sentence of the responses what `source` lacks.

    The counts are zero where a source is empty.
    """

    def compute() -> Support:
        words, sentences, prompt = batch.words("response"), batch.sentences("response"), batch.words("prompt")
        given = read_source(batch, source)
        tied = _in_rows(given, source)
        own, asked = _without_numbers(batch, "response", tied), _without_numbers(batch, "prompt", tied)
        theirs = _without_numbers(given.batch, source, tied)
        matched = _match(batch, given.batch, source)
        counts = kernels.count_support(
            batch.encoded("response").buffer,
            own.stems,
            own.kinds,
            words.begins,
            words.offsets,
            sentences.ends,
            sentences.offsets,
            theirs.stems,
            theirs.kinds | given.claims if len(given.rows) else theirs.kinds,
            given.rows,
            given.batch.words(source).offsets,
            asked.stems,
            prompt.offsets,
            matched,
        )
        return Support(counts, sentences.offsets)

    return batch.shared(("support", "compare", source), compute)


def describe(counts: NDArray[np.int32], offsets: NDArray[np.int64]) -> NDArray[np.float64]:
    """Turn counts of sentences into features of texts, shape (n, 15), all in 0..1.

    Text i has the sentences `offsets[i]:offsets[i + 1]`. With one text per sentence, the result
    holds the features of sentences. Texts without sentences get a row of zeros. The first eight
    features are shares of the text, which do not depend on its length. `any_*` are shares on a
    logarithmic scale, on which the first new words count most. `any_number` is 1 if a value is new.
    `contradiction` is 1 if a sentence says what the source says but has a different value.
    """
    features: NDArray[np.float64] = describe_counts(counts, offsets)
    return features
