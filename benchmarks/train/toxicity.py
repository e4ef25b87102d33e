"""Trains the toxicity head and its calibration: `python benchmarks/train/toxicity.py DATA_FOLDER`.

Sources (all MIT, Apache-2.0 or CC BY): Davidson et al. tweets, Surge AI toxicity, Wikipedia talk pages and
identity madlibs of unintended-ml-bias-analysis, HateCheck; as ordinary text RedditBias comments judged
harmless, FaithDial, BEGIN (without its Topical-Chat part) and USR Topical-Chat dialogue, the answers and prompts of Arena-Hard, XSTest
completions, benign prompts of Arena-Hard, MT-bench, self-instruct and CyberSecEval; and the words of
`monitoring/lexicons/toxicity.yaml` in short frames. A fifth of every source (fold 0) is never fitted on.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
from features import combine, export, fit, open_traffic, read_rows, score_texts
from numpy.typing import NDArray

from monitoring.benchmarking.fitting import fold_of
from monitoring.categories import load_lexicon
from monitoring.models import Record
from monitoring.prepared import Prepared

TOXIC = {  # weight of a row: the tweets were collected by keyword and are many
    "toxicity/tdavidson_tweets": 0.15,
    "toxicity/wikipedia_talk": 1.0,
    "toxicity/surge_toxicity": 10.0,
    "toxicity/hatecheck": 1.0,
    "toxicity/identity_madlibs": 0.2,
}
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
STRENGTH, GAIN = 2.0, 0.5
FALSE_POSITIVES = 0.005
MILD = 0.3


def group_of(row: dict[str, Any]) -> str:
    """Return what must not be split between folds: a template, a prompt, else the text."""
    return str(row["meta"].get("templ_id") or row["prompt"])


def texts_of(rows: list[dict[str, Any]], *, ordinary: bool) -> list[tuple[str, str]]:
    """Return (text, group) of rows; ordinary ones only where the lexicon has nothing to say."""
    pairs = [(row["response"] or row["prompt"], group_of(row)) for row in rows]
    if ordinary:
        found = lexicon_scores([text for text, _ in pairs]).max(axis=1)
        pairs = [pair for pair, strength in zip(pairs, found, strict=True) if strength < MILD]
    return pairs


def lexicon_scores(texts: list[str]) -> NDArray[np.float32]:
    """Return the lexicon's strength per category for each text."""
    lexicon = load_lexicon("toxicity")
    return lexicon.measure(Prepared([Record(prompt="", response=text) for text in texts]), "response")


def gather(
    data: Path,
) -> tuple[list[str], NDArray[np.int64], NDArray[np.float64], NDArray[np.int64], NDArray[np.bool_]]:
    """Return texts, labels, weights, folds, and which are ordinary LLM answers."""
    items: list[tuple[str, int, float, str]] = []
    for source, weight in TOXIC.items():
        rows = read_rows(data, source)
        items += [(row["prompt"], int(row["label"]), weight, group_of(row)) for row in rows]
    ordinary = [row for row in read_rows(data, "bias/redditbias") if row["label"] == 0]
    ordinary += read_rows(data, "hallucination/faithdial_audit") + read_rows(
        data, "coherence/usr_topicalchat"
    )
    # The Topical-Chat part of BEGIN has another licence.
    ordinary += [
        row for row in read_rows(data, "hallucination/begin") if row["meta"]["data"] in {"wow", "cmu"}
    ]
    traffic = open_traffic(data, ["arena_hard_v0.1", "arena_hard_v2", "xstest_completions"])
    prompts = [
        r
        for r in read_rows(data, "prompt_injection/benign_instructions")
        if r["meta"]["sub"] in BENIGN_PROMPTS
    ]
    pairs = texts_of(ordinary, ordinary=True) + texts_of([*traffic, *prompts], ordinary=False)
    items += [(text, 0, 1.0, group) for text, group in dict(pairs).items()]
    lexicon = load_lexicon("toxicity")
    for word, strength in lexicon.words():
        items += [(frame.format(word), 1, FRAME_WEIGHT * strength, word) for frame in FRAMES]
    texts, labels, weights, groups = zip(*items, strict=True)
    folds = np.array([fold_of(group) for group in groups])
    known = {row["response"] for row in traffic}
    answers = np.array([text in known for text in texts])
    return list(texts), np.array(labels), np.array(weights), folds, answers


def main(data: Path) -> None:
    """Fit on folds 1..4, combine with the lexicon out of fold on them, write the head."""
    texts, labels, weights, folds, answers = gather(data)

    def pick(chosen: NDArray[np.bool_]) -> list[str]:
        return [text for text, take in zip(texts, chosen, strict=True) if take]

    scores = np.zeros(len(texts))
    for fold in range(1, 5):
        train, held = (folds != 0) & (folds != fold), folds == fold
        model = fit(pick(train), labels[train], weights[train], strength=STRENGTH, gain=GAIN)
        scores[held] = score_texts(*model, pick(held))
    found = lexicon_scores(texts)
    used = (folds != 0) & (weights != FRAME_WEIGHT)
    slope, *categories, _ = combine(scores[used], found[used], labels[used], weights[used])
    total = slope * scores + found @ np.array(categories)
    threshold = np.quantile(total[answers & (folds != 0)], 1 - FALSE_POSITIVES)
    used = folds != 0
    model = fit(pick(used), labels[used], weights[used], strength=STRENGTH, gain=GAIN)
    export("toxicity", *model, slope=slope, offset=-threshold, categories=np.array(categories))
    print(f"slope {slope:.2f}, threshold {threshold:.2f}, categories {np.round(categories, 2)}")
    held = (folds == 0) & (weights != FRAME_WEIGHT)
    total = slope * score_texts(*model, pick(held)) + found[held] @ np.array(categories) - threshold
    print(f"held-out fold: recall {np.mean(total[labels[held] == 1] > 0):.3f}")
    print(f"held-out fold: false positives on answers {np.mean(total[answers[held]] > 0):.4f}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
