"""Fits the signs of degeneration on good answers and damaged copies of them.

    python benchmarks/train/coherence.py DATA_FOLDER

The good answers are those of arena-hard (Apache-2.0) and XSTest (CC BY 4.0) in the traffic file.
`benchmarks/degeneration.py` makes the damage. The script prints the AUROC out of fold, where the
folds are groups of prompts, and writes `monitoring/weights/coherence.npz`.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GroupKFold

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "benchmarks")]

import degeneration  # noqa: E402 the checkout is put on the path first
from features import WEIGHTS, write_sums  # noqa: E402 the checkout is put on the path first

from monitoring.models import Record  # noqa: E402 the checkout is put on the path first
from monitoring.signals.degeneration import SIGNS, describe_sign  # noqa: E402 the checkout is put on the path first
from monitoring.text.language import covered  # noqa: E402 the checkout is put on the path first
from monitoring.text.prepared import Prepared  # noqa: E402 the checkout is put on the path first

FOLDS, PENALTY, BATCH = 5, 1.0, 256
# Each sign is assumed to be present in this share of texts. In the fit both classes have the same
# weight.
PRIOR = 0.2
DAMAGE = {
    "repetition": ("word_loop", "phrase_loop", "sentence_loop"),
    "truncation": ("truncation",),
    "noise": ("noise", "gibberish"),
    "disorder": ("shuffle",),
}


def describe(texts: list[str], sign: str) -> NDArray[np.float64]:
    """Return the features of every text, in order."""
    records = [Record(prompt="", response=text) for text in texts]
    return np.vstack(
        [describe_sign(Prepared(records[at : at + BATCH]), sign) for at in range(0, len(records), BATCH)]
    )


def fit(rows: list[degeneration.Row], sign: str) -> dict[str, NDArray[np.float64]]:
    """Fit one sign; both classes have the same weight."""
    texts = [row["response"] for row in rows]
    groups = [row["prompt"] for row in rows]
    labels = [0] * len(rows)
    for kind in DAMAGE[sign]:
        texts += [degeneration.degrade(row["response"], kind, row["id"]) for row in rows]
        groups += [row["prompt"] for row in rows]
        labels += [1] * len(rows)
    features, target = describe(texts, sign), np.array(labels)
    numbers = {text: number for number, text in enumerate(dict.fromkeys(groups))}
    held_out = np.zeros(len(texts))
    for train, test in GroupKFold(FOLDS).split(features, target, [numbers[text] for text in groups]):
        model = LogisticRegression(C=PENALTY, max_iter=10000, class_weight="balanced")
        held_out[test] = model.fit(features[train], target[train]).predict_proba(features[test])[:, 1]
    for number, kind in enumerate(DAMAGE[sign], start=1):
        chosen = np.r_[0 : len(rows), number * len(rows) : (number + 1) * len(rows)]
        area = roc_auc_score(target[chosen], held_out[chosen])
        good = np.quantile(held_out[: len(rows)], [0.5, 0.9, 0.99]).round(3)
        print(
            f"{sign}/{kind}: n {len(rows)} out-of-fold AUROC {area:.3f}, good texts at 50, 90, 99 %: {good}"
        )
    model = LogisticRegression(C=PENALTY, max_iter=10000, class_weight="balanced").fit(features, target)
    print(model.coef_[0].round(2), model.intercept_.round(2))
    return {f"{sign}_weights": model.coef_[0], f"{sign}_bias": model.intercept_ + np.log(PRIOR / (1 - PRIOR))}


def main() -> None:
    """Fit every sign on the data folder given as argument and store them."""
    answers = degeneration.read_answers(Path(sys.argv[1]))
    english = [
        row
        for row, known in zip(
            answers,
            covered(Prepared([Record(prompt="", response=row["response"]) for row in answers]), "response"),
            strict=True,
        )
        if known
    ]
    arrays: dict[str, NDArray[np.float64]] = {}
    for sign in SIGNS:
        rows = answers if sign in {"repetition", "truncation"} else english
        if sign == "disorder":
            rows = [row for row in rows if degeneration.can_be_shuffled(row["response"])]
        arrays |= fit(rows, sign)
    np.savez_compressed(WEIGHTS / "coherence.npz", **arrays)
    write_sums()


if __name__ == "__main__":
    main()
