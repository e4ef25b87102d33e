"""Trains the bias head and its calibration: `python benchmarks/train/bias.py DATA_FOLDER`.

Sources: RedditBias (MIT) about race, religion and orientation (its gender part labels any woman with a job),
HateCheck (CC BY 4.0); as neutral mentions of groups, sentences of Arena-Hard answers (Apache-2.0) and XSTest
completions (CC BY 4.0), BBQ contexts (CC BY 4.0) and harmless identity madlibs (Apache-2.0). Words for groups
are one token, so the head cannot tell one group from another. A fifth of every source (fold 0) is never
fitted on.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import features
import numpy as np
from features import combine, export, fit, open_traffic, read_rows, score_texts
from numpy.typing import NDArray

from monitoring.benchmarking.fitting import fold_of
from monitoring.models import Record
from monitoring.signals.categories import load_lexicon
from monitoring.signals.mentions import find_mentions
from monitoring.text.prepared import Prepared

DIMENSIONS = {"race", "religion1", "religion2", "orientation"}
# Counter-speech and quotation are told apart by the guard, not by words.
LEFT_OUT = {"counter_quote_nh", "counter_ref_nh", "slur_homonym_nh", "profanity_nh"}
# In statements about groups the small words matter: "are all", "should not", "they".
features.COMMON, features.RARE = 0.0, 6.0
STRENGTH = 8.0
FALSE_POSITIVES = 0.002
# Least log-odds of a rule: the labels hardly tell statements from quotations of them.
RULE = 1.0


def usable(row: dict[str, Any]) -> bool:
    """Tell whether a RedditBias row's label is about what is said rather than about who has a job."""
    return bool(row["meta"]["dimension"] in DIMENSIONS)


def lexicon_scores(texts: list[str]) -> NDArray[np.float32]:
    """Return the rules' strength per category for each text."""
    return load_lexicon("bias").measure(
        Prepared([Record(prompt=text, response="") for text in texts]), "prompt"
    )


def mention_sentences(texts: list[str]) -> list[tuple[str, int]]:
    """Return (sentence, text number) of every sentence with a mention of a group."""
    found = find_mentions(Prepared([Record(prompt="", response=text) for text in texts]), "response")
    return [
        (sentence, int(text))
        for sentence, text in zip(found.sentences.texts("prompt"), found.records, strict=True)
    ]


def gather(
    data: Path,
) -> tuple[list[str], NDArray[np.int64], NDArray[np.float64], NDArray[np.int64], NDArray[np.bool_]]:
    """Return texts, labels, weights, folds, and which are sentences of ordinary answers."""
    comments = [row for row in read_rows(data, "bias/redditbias") if usable(row)]
    items = [(row["prompt"], int(row["label"]), 1.0, row["prompt"], False) for row in comments]
    items += [
        (row["prompt"], int(row["label"]), 0.5, str(row["meta"]["templ_id"]), False)
        for row in read_rows(data, "toxicity/hatecheck")
        if row["meta"]["functionality"] not in LEFT_OUT
    ]
    contexts = dict.fromkeys(row["prompt"] for row in read_rows(data, "bias/bbq"))
    items += [(text, 0, 0.2, text[:40], False) for text in contexts]
    harmless = [row["prompt"] for row in read_rows(data, "toxicity/identity_madlibs") if row["label"] == 0]
    items += [(text, 0, 0.2, text, False) for text in harmless]
    traffic = open_traffic(data, ["arena_hard_v0.1", "arena_hard_v2", "xstest_completions"])
    sentences = mention_sentences([row["response"] for row in traffic])
    items += [(sentence, 0, 1.0, traffic[number]["prompt"], True) for sentence, number in sentences]
    texts, labels, weights, groups, answers = zip(*items, strict=True)
    folds = np.array([fold_of(group) for group in groups])
    return list(texts), np.array(labels), np.array(weights), folds, np.array(answers)


def main(data: Path) -> None:
    """Fit on folds 1..4, combine with the rules out of fold on them, write the head."""
    texts, labels, weights, folds, answers = gather(data)

    def pick(chosen: NDArray[np.bool_]) -> list[str]:
        return [text for text, take in zip(texts, chosen, strict=True) if take]

    scores = np.zeros(len(texts))
    for fold in range(1, 5):
        train, held = (folds != 0) & (folds != fold), folds == fold
        model = fit(pick(train), labels[train], weights[train], strength=STRENGTH)
        scores[held] = score_texts(*model, pick(held))
    found = lexicon_scores(texts)
    found[:, -1] *= -1  # the guard speaks against
    used = folds != 0
    slope, *categories, _ = combine(scores[used], found[used], labels[used], weights[used], RULE)
    categories[-1] *= -1
    found[:, -1] *= -1
    total = slope * scores + found @ np.array(categories)
    threshold = np.quantile(total[answers & used], 1 - FALSE_POSITIVES)
    model = fit(pick(used), labels[used], weights[used], strength=STRENGTH)
    export("bias", *model, slope=slope, offset=-threshold, categories=np.array(categories))
    print(
        f"slope {slope:.2f}, threshold {threshold:.2f}, categories {np.round(categories, 2)}, {answers.sum()} sentences"
    )
    total = slope * score_texts(*model, pick(~used)) + found[~used] @ np.array(categories) - threshold
    print(f"held-out fold: recall {np.mean(total[labels[~used] == 1] > 0):.3f}")
    print(f"held-out fold: false positives on sentences {np.mean(total[answers[~used]] > 0):.4f}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
