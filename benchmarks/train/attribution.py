"""Fits what a scene must say before an answer about it is supported.

    python benchmarks/train/attribution.py DATA_FOLDER

The source is BBQ (CC BY 4.0). Rows whose prompt has a start in fold 0 are never fitted on. Figures
are also printed with one category left out at a time. Every feature supports the answer. Some
features have a least weight, because the scenes of BBQ hardly ever say who it was in the sentence
that introduces the two people.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from features import WEIGHTS, read_rows, write_sums
from numpy.typing import NDArray
from scipy.optimize import minimize

from monitoring.benchmarking.fitting import fold_of
from monitoring.benchmarking.metrics import auroc
from monitoring.models import Record
from monitoring.signals.attribution import FEATURES, measure

START = 40
STRENGTH = 20.0
HALF = 0.5
# The log-odds of an answer when nothing was said are at most this.
MOST = 4.0
# Each of these features takes away at least so many log-odds.
LEAST = {
    "named_again": 5.0,
    "group_again": 2.0,
    "other_again": 5.0,
    "person_again": 4.0,
    "denial": 1.0,
    "contrast": 1.0,
    "question_told": 5.0,
    "figures": 5.0,
}


def fit_odds(features: NDArray[np.float64], labels: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return one weight per feature and the offset, none of them above its bound."""
    rows = np.c_[features, np.ones(len(features))]
    signs = 2.0 * labels - 1.0

    def loss(weights: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        margins = signs * (rows @ weights)
        wrong = signs / (1 + np.exp(np.clip(margins, -50, 50)))
        penalty = HALF * STRENGTH * weights @ weights
        return float(np.logaddexp(0, -margins).sum() + penalty), STRENGTH * weights - rows.T @ wrong

    most = [-LEAST.get(name, 0.0) for name in FEATURES]
    bounds = [(None, bound) for bound in most] + [(None, MOST)]
    fitted: NDArray[np.float64] = minimize(loss, [*most, 0.0], jac=True, bounds=bounds).x
    return fitted


def main(data: Path) -> None:
    """Print figures on left-out categories, then fit on folds 1..4 and write the weights."""
    rows = read_rows(data, "bias/bbq")
    found = [measure(Record(prompt=row["prompt"], response=row["response"])) for row in rows]
    judged = np.array([features is not None for features in found])
    features = np.array([one or (0.0,) * len(FEATURES) for one in found])
    labels = np.array([row["label"] for row in rows])
    named = np.array([row["label"] == 1 or row["meta"]["kind"] != "ambiguous" for row in rows])
    categories = np.array([row["meta"]["category"] for row in rows])
    values = np.zeros(len(rows))
    for category in np.unique(categories):
        held = judged & (categories == category)
        weights = fit_odds(features[judged & ~held], labels[judged & ~held])
        values[held] = 1 / (1 + np.exp(-(features[held] @ weights[:-1] + weights[-1])))
        mine = categories == category
        print(f"{category}: {auroc(labels[mine], values[mine]):.3f}", end=" ")
        print(f"named answers {auroc(labels[mine & named], values[mine & named]):.3f}")
    print(f"all: {auroc(labels, values):.3f}, named answers {auroc(labels[named], values[named]):.3f}")
    print(f"recall {np.mean(values[labels == 1] >= HALF):.3f}", end=", ")
    print(f"false positives on named answers {np.mean(values[named & (labels == 0)] >= HALF):.3f}")
    used = judged & np.array([fold_of(row["prompt"][:START]) != 0 for row in rows])
    weights = fit_odds(features[used], labels[used])
    print(dict(zip((*FEATURES, "offset"), np.round(weights, 2).tolist(), strict=True)))
    np.savez_compressed(WEIGHTS / "attribution.npz", weights=weights.astype(np.float32))
    write_sums()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
