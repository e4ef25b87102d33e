"""Trains the toxicity head and its calibration.

    python benchmarks/train/toxicity.py DATA_FOLDER [--oof]

With `--oof` nothing is written. Each source is then measured with the whole formula. Every row is
judged by models that were fitted, combined and given their threshold on the other four folds alone.

The sources are all MIT, Apache-2.0 or CC BY:

- tweets of Davidson et al., Surge AI toxicity, HateCheck and RealToxicityPrompts
- Wikipedia talk pages and identity madlibs of unintended-ml-bias-analysis
- as ordinary text, RedditBias comments that were judged harmless
- as ordinary text, dialogue of FaithDial, BEGIN (without its Topical-Chat part) and USR
  Topical-Chat
- as ordinary text, the answers and prompts of Arena-Hard, XSTest completions and safe prompts
- as ordinary text, benign prompts of Arena-Hard, MT-bench, self-instruct and CyberSecEval
- the words of `monitoring/lexicons/toxicity.yaml` in short frames

A fifth of every source (fold 0) is never fitted on.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from features import combine, export, fit, open_traffic, quantise, read_rows, replace_head, score_texts
from numpy.typing import NDArray

from monitoring.benchmarking.fitting import fold_of
from monitoring.benchmarking.metrics import auroc, average_precision
from monitoring.evaluator import Evaluator
from monitoring.evaluators.toxicity import THRESHOLD, assemble
from monitoring.models import Record
from monitoring.signals.categories import load_lexicon
from monitoring.text.prepared import Prepared

# Weights of rows. The tweets were collected by keyword and are many. The few comments of Wikipedia
# and Surge are most like what is moderated. With weights of 1 and without rtp_perspective, the
# average precisions are .76 on wikipedia_talk and .62 on tweeteval_offensive. With these weights
# they are .82 and .64 (the second is not fitted on).
TOXIC = {
    "toxicity/tdavidson_tweets": 0.15,
    "toxicity/wikipedia_talk": 8.0,
    "toxicity/rtp_perspective": 2.0,
    "toxicity/surge_toxicity": 30.0,
    "toxicity/hatecheck": 1.0,
    "toxicity/identity_madlibs": 0.2,
}
# Harmless questions in the words of harmful ones. They are few.
LOOK_ALIKES, LOOK_ALIKE_WEIGHT = "toxicity/xstest", 5.0
ORDINARY, LEXICON = "ordinary text", "lexicon"
BENIGN_PROMPTS = {"cyberseceval-frr", "arena-hard-v0.1", "arena-hard-v2", "self-instruct-seed", "mt_bench"}
FRAMES = (
    "{}",
    "you are a {}",
    "what a {}",
    "they are {}",
    "this is {} and you know it",
    "{} people like you",
)
FRAME_WEIGHT = 0.5
STRENGTH, GAIN, SPELLING = 1.0, 0.2, 1.0
KEEP, LARGEST = 200_000, 1.0
FOLDS = 5
FALSE_POSITIVES = 0.005
MILD = 0.3
PRESENT = 0.5
LOGIT = np.log(THRESHOLD / (1 - THRESHOLD))


class Corpus(NamedTuple):
    """All rows that are fitted on.

    `answers` marks ordinary answers. `found` is the strength of the lexicon per category. `real`
    marks texts that were not made from the words of the lexicon.
    """

    sources: NDArray[np.str_]
    texts: NDArray[np.object_]
    labels: NDArray[np.int64]
    weights: NDArray[np.float64]
    folds: NDArray[np.int64]
    answers: NDArray[np.bool_]
    found: NDArray[np.float32]
    real: NDArray[np.bool_]


def group_of(row: dict[str, Any]) -> str:
    """Return what must not be split between folds: a template, a prompt, or else the text."""
    return str(row["meta"].get("templ_id") or row["prompt"])


def texts_of(rows: list[dict[str, Any]], *, ordinary: bool) -> list[tuple[str, str]]:
    """Return (text, group) of rows; ordinary texts only if the lexicon finds little in them."""
    pairs = [(row["response"] or row["prompt"], group_of(row)) for row in rows]
    if ordinary:
        found = lexicon_scores([text for text, _ in pairs]).max(axis=1)
        pairs = [pair for pair, strength in zip(pairs, found, strict=True) if strength < MILD]
    return pairs


def lexicon_scores(texts: list[str]) -> NDArray[np.float32]:
    """Return the strength of the lexicon per category for each text."""
    lexicon = load_lexicon("toxicity")
    return lexicon.measure(Prepared([Record(prompt="", response=text) for text in texts]), "response")


def read_ordinary(data: Path) -> list[dict[str, Any]]:
    """Return the rows of sources about other things that hold no toxic text."""
    rows = [row for row in read_rows(data, "bias/redditbias") if row["label"] == 0]
    rows += read_rows(data, "hallucination/faithdial_audit") + read_rows(data, "coherence/usr_topicalchat")
    # The Topical-Chat part of BEGIN has another licence.
    begin = read_rows(data, "hallucination/begin")
    return rows + [row for row in begin if row["meta"]["data"] in {"wow", "cmu"}]


def gather(data: Path) -> Corpus:
    """Read every source and measure it with the lexicon."""
    items: list[tuple[str, str, int, float, str]] = []
    for source, weight in TOXIC.items():
        rows = read_rows(data, source)
        items += [
            (source, row["prompt"], int(row["label"] >= PRESENT), weight, group_of(row)) for row in rows
        ]
    traffic = open_traffic(data, ["arena_hard_v0.1", "arena_hard_v2", "xstest_completions"])
    prompts = [
        r
        for r in read_rows(data, "prompt_injection/benign_instructions")
        if r["meta"]["sub"] in BENIGN_PROMPTS
    ]
    pairs = texts_of(read_ordinary(data), ordinary=True) + texts_of([*traffic, *prompts], ordinary=False)
    items += [(ORDINARY, text, 0, 1.0, group) for text, group in dict(pairs).items()]
    safe = [row["prompt"] for row in read_rows(data, LOOK_ALIKES) if row["label"] == 0]
    items += [(LOOK_ALIKES, text, 0, LOOK_ALIKE_WEIGHT, text) for text in safe]
    written = len(items)
    lexicon = load_lexicon("toxicity")
    for word, strength in lexicon.words():
        items += [(LEXICON, frame.format(word), 1, FRAME_WEIGHT * strength, word) for frame in FRAMES]
    sources, texts, labels, weights, groups = zip(*items, strict=True)
    folds = np.array([fold_of(group) for group in groups])
    known = {row["response"] for row in traffic}
    answers = np.array([text in known for text in texts])
    scores, real = lexicon_scores(list(texts)), np.arange(len(texts)) < written
    return Corpus(
        np.array(sources),
        np.array(texts, object),
        np.array(labels),
        np.array(weights),
        folds,
        answers,
        scores,
        real,
    )


class Detector(NamedTuple):
    """A fitted head as shipped, and what turns its score and the lexicon into log-odds."""

    coefficients: NDArray[np.float64]
    bias: float
    slope: float
    categories: NDArray[np.float64]
    threshold: float

    def judge(self, corpus: Corpus, rows: NDArray[np.bool_]) -> NDArray[np.float64]:
        """Return the log-odds of rows, which are above 0 if a row is flagged."""
        weights, scale = quantise(self.coefficients, KEEP, LARGEST)
        scores = score_texts(weights * scale, self.bias, corpus.texts[rows].tolist())
        return self.slope * scores + corpus.found[rows] @ self.categories - self.threshold


def train(corpus: Corpus, used: NDArray[np.bool_], parts: NDArray[np.int64]) -> Detector:
    """Fit on the `used` rows, combine with the lexicon and set the threshold.

    The rows of each part are scored by a head that was fitted on the other `parts`.
    """

    def fit_on(rows: NDArray[np.bool_]) -> tuple[NDArray[np.float64], float]:
        texts, labels, weights = corpus.texts[rows].tolist(), corpus.labels[rows], corpus.weights[rows]
        return fit(texts, labels, weights, strength=STRENGTH, gain=GAIN, spelling=SPELLING)

    scores = np.zeros(len(corpus.texts))
    for part in np.unique(parts[used]):
        held = used & (parts == part)
        scores[held] = score_texts(*fit_on(used & ~held), corpus.texts[held].tolist())
    rows = used & corpus.real
    slope, *categories, _ = combine(
        scores[rows], corpus.found[rows], corpus.labels[rows], corpus.weights[rows]
    )
    total = slope * scores + corpus.found @ np.array(categories)
    threshold = float(np.quantile(total[corpus.answers & used], 1 - FALSE_POSITIVES))
    return Detector(*fit_on(used), slope, np.array(categories), threshold)


class ToxicityTrainer:
    """Fits the head of toxicity, its calibration and its threshold anew."""

    fitted = frozenset({*TOXIC, LOOK_ALIKES})

    def __init__(self, data: Path) -> None:
        self._data = data
        self._corpus: Corpus | None = None

    def fit(self, without: frozenset[str]) -> Evaluator:
        """Return the evaluator that is fitted on the other sources.

        Two parts calibrate it instead of four.
        """
        self._corpus = self._corpus or gather(self._data)
        used = (self._corpus.folds != 0) & ~np.isin(self._corpus.sources, sorted(without))
        found = train(self._corpus, used, self._corpus.folds % 2)
        options = {"slope": found.slope, "offset": -found.threshold, "keep": KEEP, "largest": LARGEST}
        bank = replace_head("toxicity", found.coefficients, found.bias, **options)
        return assemble(found.categories, bank)


def report(data: Path, corpus: Corpus, total: NDArray[np.float64], rows: NDArray[np.bool_]) -> None:
    """Print how well each source is separated, and how many ordinary answers are flagged."""
    for source in TOXIC:
        texts = {row["prompt"] for row in read_rows(data, source)}
        chosen = rows & corpus.real & np.array([text in texts for text in corpus.texts])
        toxic = corpus.labels[chosen] == 1
        if toxic.all():
            print(f"{source}: recall {np.mean(total[chosen] > LOGIT):.3f}, {len(toxic)} rows")
            continue
        area, recall = auroc(toxic, total[chosen]), np.mean(total[chosen][toxic] > LOGIT)
        ranked = average_precision(toxic, total[chosen])
        print(
            f"{source}: AUROC {area:.3f}, average precision {ranked:.3f}, recall {recall:.3f}, {len(toxic)} rows"
        )
    print(f"false positives on ordinary answers: {np.mean(total[rows & corpus.answers] > LOGIT):.4f}")
    safe = {row["prompt"] for row in read_rows(data, LOOK_ALIKES) if row["label"] == 0}
    alike = rows & np.array([text in safe for text in corpus.texts])
    print(f"false positives on harmless look-alikes: {np.mean(total[alike] > LOGIT):.4f}, {alike.sum()} rows")


def main(data: Path, *, out_of_fold: bool) -> None:
    """Measure out of fold, or fit on folds 1..4, write the head and measure it on fold 0."""
    corpus = gather(data)
    total = np.zeros(len(corpus.texts))
    for fold in range(FOLDS) if out_of_fold else (0,):
        detector, held = train(corpus, corpus.folds != fold, corpus.folds), corpus.folds == fold
        total[held] = detector.judge(corpus, held)
    if not out_of_fold:
        head, bias, slope, categories, threshold = detector
        options = {"slope": slope, "offset": -threshold, "keep": KEEP, "largest": LARGEST}
        export("toxicity", head, bias, **options, categories=categories)
        print(f"slope {slope:.2f}, threshold {threshold:.2f}, categories {np.round(categories, 2)}")
    report(data, corpus, total, np.ones_like(corpus.real) if out_of_fold else corpus.folds == 0)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--oof", action="store_true", help="measure all five folds and write nothing")
    arguments = parser.parse_args()
    main(arguments.data, out_of_fold=arguments.oof)
