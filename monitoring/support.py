"""How far a text supports a response, sentence by sentence.

The comparison is lexical: words, n-grams, numbers, names and negations of each sentence of the response
are looked up in the source. It knows no paraphrase and no world; what it gives is a ranking by how much
of a sentence is new, and a probability fitted on human judgements of grounded dialogue.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from monitoring import kernels_support as kernels
from monitoring.lexicon import WordTable, build_table
from monitoring.models import TextField
from monitoring.prepared import Prepared
from monitoring.weights import load_weights

__all__ = ["FEATURE_NAMES", "Kind", "Model", "Stems", "Support", "compare", "describe", "load_model", "stems"]

Source = Literal["context", "reference"]
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
you've your yours yourself
"""
_NEGATIONS = """
no not never none nobody nothing neither nor nowhere without cannot can't couldn't didn't doesn't don't
hadn't hasn't haven't isn't aren't wasn't weren't won't wouldn't shouldn't mustn't mightn't needn't n't
"""

FEATURE_NAMES = (
    "novel_content",
    "unprompted",
    "novel_bigrams",
    "novel_trigrams",
    "novel_pairs",
    "numbers",
    "names",
    "polarity",
    "most_novel_content",
    "most_novel_bigrams",
    "most_novel_pairs",
    "worst_content",
    "worst_bigrams",
    "worst_trigrams",
    "worst_pairs",
)
_PRIOR = 0.5  # pseudo-counts that pull the ratios of very short sentences to the middle
_FEW = 2  # a sentence with fewer content words says too little to be the worst one
_MANY = 12  # so many new words or n-grams in one sentence that more say no more
_COUNTED = [
    kernels.NOVEL_CONTENT,
    kernels.NOVEL_BIGRAMS,
    kernels.NOVEL_TRIGRAMS,
    kernels.NOVEL_CONTENT_PAIRS,
]


class Stems(NamedTuple):
    """`stems` uint32 and `kinds` uint8 of the words of one field, in their order."""

    stems: NDArray[np.uint32]
    kinds: NDArray[np.uint8]


class Support(NamedTuple):
    """`counts` int32 per sentence of the response and `offsets` n + 1; columns are named in the kernels."""

    counts: NDArray[np.int32]
    offsets: NDArray[np.int64]


class Model(NamedTuple):
    """A logistic model over `FEATURE_NAMES`, shape (15,): subtract `mean`, divide by `scale`, weigh, add `bias`."""

    mean: NDArray[np.float64]
    scale: NDArray[np.float64]
    weights: NDArray[np.float64]
    bias: float

    def probability(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return for each row of features the probability, 0..1, that the text is not supported."""
        logits = ((features - self.mean) / self.scale) @ self.weights + self.bias
        return 1.0 / (1.0 + np.exp(-np.clip(logits, -30.0, 30.0)))


def load_model(kind: Kind) -> Model:
    """Return the model fitted for this source or kind of response by `benchmarks/train/support.py`."""
    arrays = load_weights("support")
    mean, scale, weights = (
        arrays[f"{kind}_{name}"].astype(np.float64) for name in ("mean", "scale", "weights")
    )
    return Model(mean, scale, weights, float(arrays[f"{kind}_bias"][0]))


def _word_classes() -> WordTable:
    classes = dict.fromkeys(_STOP_WORDS.split(), kernels.STOP)
    classes |= dict.fromkeys(_NEGATIONS.split(), kernels.STOP | 2)
    return build_table(classes)


_CLASSES = _word_classes()


def stems(batch: Prepared, field: TextField) -> Stems:
    """Return the stems and classes of the field's words, cached in the batch."""

    def compute() -> Stems:
        words = batch.words(field)
        buffer = batch.encoded(field).buffer
        return Stems(
            *kernels.stem_words(buffer, words.ids, words.begins, words.ends, _CLASSES.keys, _CLASSES.classes)
        )

    return batch.shared(("support", "stems", field), compute)


def compare(batch: Prepared, source: Source) -> Support:
    """Count for each sentence of the responses what `source` lacks; all zero where a source is empty."""

    def compute() -> Support:
        words, sentences, given = batch.words("response"), batch.sentences("response"), batch.words(source)
        prompt = batch.words("prompt")
        own, theirs, asked = stems(batch, "response"), stems(batch, source), stems(batch, "prompt")
        counts = kernels.count_support(
            batch.encoded("response").buffer,
            own.stems,
            own.kinds,
            words.begins,
            words.offsets,
            sentences.ends,
            sentences.offsets,
            theirs.stems,
            theirs.kinds,
            given.offsets,
            asked.stems,
            prompt.offsets,
        )
        return Support(counts, sentences.offsets)

    return batch.shared(("support", "compare", source), compute)


def describe(counts: NDArray[np.int32], offsets: NDArray[np.int64]) -> NDArray[np.float64]:
    """Turn counts of sentences into features of texts, shape (n, 15), all in 0..1.

    Text i is made of sentences `offsets[i]:offsets[i + 1]`; one text per sentence gives the features of
    sentences. Texts without sentences get a row of zeros. `novel_*` are shares of the text, `most_novel_*`
    the greatest share of a sentence and `worst_*` the greatest number in a sentence, on a logarithmic scale.
    """
    texts = len(offsets) - 1
    features = np.zeros((texts, len(FEATURE_NAMES)))
    filled = np.flatnonzero(offsets[1:] > offsets[:-1])
    if not len(filled):
        return features
    begins = offsets[filled]
    sums = np.add.reduceat(counts, begins, axis=0).astype(np.float64)
    worst = np.maximum.reduceat(_ratios(counts.astype(np.float64), few=_FEW), begins, axis=0)
    pooled = _ratios(sums, few=0)
    features[filled, :5] = pooled
    features[filled, 5] = sums[:, kernels.NOVEL_NUMBERS] / (sums[:, kernels.NUMBERS] + 1.0)
    features[filled, 6] = sums[:, kernels.NOVEL_NAMES] / (sums[:, kernels.NAMES] + 1.0)
    features[filled, 7] = sums[:, kernels.POLARITY] / (sums[:, kernels.CONTENT_PAIRS] + 1.0)
    features[filled, 8:11] = worst[:, [0, 2, 4]]
    numbers = np.maximum.reduceat(counts[:, _COUNTED], begins, axis=0)
    features[filled, 11:] = np.log1p(np.minimum(numbers, _MANY)) / np.log1p(_MANY)
    return features


def _ratios(counts: NDArray[np.float64], few: int) -> NDArray[np.float64]:
    novel = counts[
        :,
        [
            kernels.NOVEL_CONTENT,
            kernels.UNPROMPTED,
            kernels.NOVEL_BIGRAMS,
            kernels.NOVEL_TRIGRAMS,
            kernels.NOVEL_CONTENT_PAIRS,
        ],
    ]
    total = counts[
        :,
        [
            kernels.CONTENT,
            kernels.CONTENT,
            kernels.BIGRAMS,
            kernels.TRIGRAMS,
            kernels.CONTENT_PAIRS,
        ],
    ]
    ratios = (novel + _PRIOR / 2) / (total + _PRIOR)
    ratios[counts[:, kernels.CONTENT] < few] = 0.0
    return ratios
