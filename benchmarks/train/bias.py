"""Trains the bias head and its calibration.

    python benchmarks/train/bias.py DATA_FOLDER

The statements come from RedditBias (MIT) about race, religion and orientation, and from HateCheck
(CC BY 4.0). The gender part of RedditBias is left out, because it labels any woman with a job. The
neutral mentions of groups are sentences of Arena-Hard answers (Apache-2.0) and XSTest completions
(CC BY 4.0), BBQ contexts (CC BY 4.0) and harmless identity madlibs (Apache-2.0). Words for groups
are one token, so the head cannot tell one group from another. A fifth of every source (fold 0) is
never fitted on.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, NamedTuple

import features
import numpy as np
from attribution import FEATURES, fit_odds
from features import combine, export, fit, open_traffic, read_rows, replace_head, score_texts
from numpy.typing import NDArray

from monitoring.benchmarking.fitting import fold_of
from monitoring.evaluator import Evaluator
from monitoring.evaluators.bias import Bias
from monitoring.models import Record
from monitoring.signals.categories import load_lexicon
from monitoring.signals.groups import group_words
from monitoring.signals.mentions import find_mentions, mention_table
from monitoring.text.prepared import Prepared
from monitoring.weights import load_weights

DIMENSIONS = {"race", "religion1", "religion2", "orientation"}
# The guard recognises counter-speech and quotation, and words alone cannot.
LEFT_OUT = {"counter_quote_nh", "counter_ref_nh", "slur_homonym_nh", "profanity_nh"}
# In statements about groups the small words matter: "are all", "should not", "they".
INFORMATION = 0.0, 6.0
REDDIT, BBQ = "bias/redditbias", "bias/bbq"
HATECHECK, MADLIBS = "toxicity/hatecheck", "toxicity/identity_madlibs"
STRENGTH = 8.0
FALSE_POSITIVES = 0.002
# A rule adds at least so many log-odds, because the labels hardly tell statements from quotations
# of them.
RULE = 1.0


def usable(row: dict[str, Any]) -> bool:
    """Tell whether the label of a RedditBias row is about what is said.

    Other labels are about who has a job.
    """
    return bool(row["meta"]["dimension"] in DIMENSIONS)


def lexicon_scores(texts: list[str]) -> NDArray[np.float32]:
    """Return the strength of the rules per category for each text."""
    return load_lexicon("bias").measure(
        Prepared([Record(prompt=text, response="") for text in texts]), "prompt"
    )


def mention_sentences(texts: list[str]) -> list[tuple[str, int]]:
    """Return (sentence, text number) of every sentence that mentions a group."""
    found = find_mentions(Prepared([Record(prompt="", response=text) for text in texts]), "response")
    return [
        (sentence, int(text))
        for sentence, text in zip(found.sentences.texts("prompt"), found.records, strict=True)
    ]


class Corpus(NamedTuple):
    """All rows that are fitted on.

    `answers` marks sentences of ordinary answers. `found` is the strength of the rules per
    category.
    """

    sources: NDArray[np.str_]
    texts: NDArray[np.object_]
    labels: NDArray[np.int64]
    weights: NDArray[np.float64]
    folds: NDArray[np.int64]
    answers: NDArray[np.bool_]
    found: NDArray[np.float32]


def gather(data: Path) -> Corpus:
    """Return every row that is fitted on or held out."""
    comments = [row for row in read_rows(data, REDDIT) if usable(row)]
    items = [(REDDIT, row["prompt"], int(row["label"]), 1.0, row["prompt"], False) for row in comments]
    items += [
        (HATECHECK, row["prompt"], int(row["label"]), 0.5, str(row["meta"]["templ_id"]), False)
        for row in read_rows(data, HATECHECK)
        if row["meta"]["functionality"] not in LEFT_OUT
    ]
    contexts = dict.fromkeys(row["prompt"] for row in read_rows(data, BBQ))
    items += [(BBQ, text, 0, 0.2, text[:40], False) for text in contexts]
    harmless = [row["prompt"] for row in read_rows(data, MADLIBS) if row["label"] == 0]
    items += [(MADLIBS, text, 0, 0.2, text, False) for text in harmless]
    traffic = open_traffic(data, ["arena_hard_v0.1", "arena_hard_v2", "xstest_completions"])
    sentences = mention_sentences([row["response"] for row in traffic])
    items += [
        ("traffic", sentence, 0, 1.0, traffic[number]["prompt"], True) for sentence, number in sentences
    ]
    sources, texts, labels, weights, groups, answers = zip(*items, strict=True)
    return Corpus(
        np.array(sources),
        np.array(texts, object),
        np.array(labels),
        np.array(weights),
        np.array([fold_of(group) for group in groups]),
        np.array(answers),
        lexicon_scores(list(texts)),
    )


class Detector(NamedTuple):
    """A fitted head, and the numbers that turn its score and the rules into log-odds."""

    coefficients: NDArray[np.float64]
    bias: float
    slope: float
    categories: NDArray[np.float64]
    threshold: float


def train(corpus: Corpus, used: NDArray[np.bool_], parts: NDArray[np.int64]) -> Detector:
    """Fit on the `used` rows, combine with the rules and set the threshold.

    The rows of each part are scored by a head that was fitted on the other `parts`.
    """
    # This is set here, because other scripts that run in the same process set their own values.
    features.COMMON, features.RARE, before = *INFORMATION, (features.COMMON, features.RARE)

    def fit_on(rows: NDArray[np.bool_]) -> tuple[NDArray[np.float64], float]:
        return fit(corpus.texts[rows].tolist(), corpus.labels[rows], corpus.weights[rows], strength=STRENGTH)

    scores = np.zeros(len(corpus.texts))
    for part in np.unique(parts[used]):
        held = used & (parts == part)
        scores[held] = score_texts(*fit_on(used & ~held), corpus.texts[held].tolist())
    found = corpus.found.copy()
    found[:, -1] *= -1  # the guard speaks against
    slope, *categories, _ = combine(
        scores[used], found[used], corpus.labels[used], corpus.weights[used], RULE
    )
    categories[-1] *= -1
    total = slope * scores + corpus.found @ np.array(categories)
    threshold = float(np.quantile(total[corpus.answers & used], 1 - FALSE_POSITIVES))
    detector = Detector(*fit_on(used), slope, np.array(categories), threshold)
    features.COMMON, features.RARE = before
    return detector


class BiasTrainer:
    """Fits the head of bias, its calibration and its threshold anew.

    If BBQ is left out, no data say what supports an answer. Only the bounds of those weights are
    left then.
    """

    fitted = frozenset({REDDIT, BBQ})

    def __init__(self, data: Path) -> None:
        self._data = data
        self._corpus: Corpus | None = None

    def fit(self, without: frozenset[str]) -> Evaluator:
        """Return the evaluator that is fitted on the other sources."""
        self._corpus = self._corpus or gather(self._data)
        used = (self._corpus.folds != 0) & ~np.isin(self._corpus.sources, sorted(without))
        found = train(self._corpus, used, self._corpus.folds % 2)
        options = {"slope": found.slope, "offset": -found.threshold, "heads": ("bias",)}
        bank = replace_head("bias", found.coefficients, found.bias, **options)
        support = load_weights("attribution")["weights"]
        if BBQ in without:
            support = fit_odds(np.zeros((0, len(FEATURES))), np.zeros(0, dtype=np.int64))
        weights = found.categories.astype(np.float32)
        table = mention_table(group_words())
        return Bias(load_lexicon("bias"), weights, bank, support.astype(np.float32), table)


def main(data: Path) -> None:
    """Fit on folds 1..4, combine with the rules out of fold, and write the head."""
    corpus = gather(data)
    used = corpus.folds != 0
    found = train(corpus, used, corpus.folds)
    options = {"slope": found.slope, "offset": -found.threshold}
    export("bias", found.coefficients, found.bias, **options, categories=found.categories)
    print(
        f"slope {found.slope:.2f}, threshold {found.threshold:.2f}, categories {np.round(found.categories, 2)}, "
        f"{corpus.answers.sum()} sentences"
    )
    held = ~used
    total = found.slope * score_texts(found.coefficients, found.bias, corpus.texts[held].tolist())
    total += corpus.found[held] @ found.categories - found.threshold
    print(f"held-out fold: recall {np.mean(total[corpus.labels[held] == 1] > 0):.3f}")
    print(f"held-out fold: false positives on sentences {np.mean(total[corpus.answers[held]] > 0):.4f}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
