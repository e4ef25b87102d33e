"""Fits the support models: is a response grounded in its context, does an answer agree with its reference.

    python benchmarks/train/support.py DATA_FOLDER

Sources: the Wizard of Wikipedia and CMU-DoG parts of BEGIN (CC BY 4.0) and the FaithDial audit (MIT) for
the context, the TruthfulQA judge data (Apache-2.0) for the reference. Prints out-of-fold AUROC, folds
grouped by context or question, and writes `monitoring/weights/support.npz`.
"""

from __future__ import annotations

import gzip
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GroupKFold

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from monitoring.models import Record  # noqa: E402 the checkout is put on the path first
from monitoring.prepared import Prepared  # noqa: E402 same
from monitoring.support import FEATURE_NAMES, Source, compare, describe  # noqa: E402 same

FOLDS, PENALTY, BATCH = 5, 10.0, 256
# More of the response being new never speaks for it; only the length may go either way.
UNSIGNED = {"content_log"}
SHIPPABLE_BEGIN = {"wow", "cmu"}  # the Topical-Chat part is share-alike


def read(folder: Path, source: str) -> list[dict[str, Any]]:
    """Return the rows of one source."""
    with gzip.open(folder / "hallucination" / f"{source}.jsonl.gz", "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def measure(rows: list[dict[str, Any]], source: Source) -> NDArray[np.float64]:
    """Return the features of every row, in order."""
    parts = []
    for first in range(0, len(rows), BATCH):
        records = [
            Record(
                prompt=row["prompt"] or "",
                response=row["response"] or "",
                context=(row["context"],) if row["context"] else (),
                reference=row["reference"],
            )
            for row in rows[first : first + BATCH]
        ]
        parts.append(describe(*compare(Prepared(records), source)))
    return np.vstack(parts)


def fit_logistic(
    features: NDArray[np.float64], labels: NDArray[np.int64], weights: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return weights and, last, the bias of a ridge-penalised logistic model with weights of known sign."""
    design = np.column_stack([features, np.ones(len(features))])

    def loss(parameters: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        logits = design @ parameters
        errors = weights * (1.0 / (1.0 + np.exp(-logits)) - labels)
        penalised = np.append(parameters[:-1], 0.0)
        value = np.sum(weights * (np.logaddexp(0.0, logits) - labels * logits))
        return float(value + PENALTY / 2 * penalised @ penalised), design.T @ errors + PENALTY * penalised

    bounds = [(None if name in UNSIGNED else 0.0, None) for name in FEATURE_NAMES] + [(None, None)]
    start = np.zeros(design.shape[1])
    return minimize(loss, start, jac=True, bounds=bounds, method="L-BFGS-B", options={"maxiter": 5000}).x


def fit(sources: list[list[dict[str, Any]]], source: Source, group: str) -> dict[str, NDArray[np.float64]]:
    """Fit one model; every source and, within it, both classes weigh the same."""
    rows = [row for part in sources for row in part]
    features = measure(rows, source)
    labels = np.array([row["label"] for row in rows])
    origin = np.repeat(np.arange(len(sources)), [len(part) for part in sources])
    names = {text: number for number, text in enumerate(dict.fromkeys(row[group] for row in rows))}
    groups = np.array([names[row[group]] for row in rows])
    weights = np.ones(len(rows))
    for part in range(len(sources)):
        for label in (0, 1):
            chosen = (origin == part) & (labels == label)
            weights[chosen] = len(rows) / (2 * len(sources) * chosen.sum())
    mean, scale = features.mean(axis=0), features.std(axis=0) + 1e-6
    scaled = (features - mean) / scale
    held_out = np.zeros(len(rows))
    for train, test in GroupKFold(FOLDS).split(scaled, labels, groups):
        parameters = fit_logistic(scaled[train], labels[train], weights[train])
        held_out[test] = 1.0 / (1.0 + np.exp(-scaled[test] @ parameters[:-1] - parameters[-1]))
    for part, part_rows in enumerate(sources):
        chosen = origin == part
        area = roc_auc_score(labels[chosen], held_out[chosen])
        grounded = held_out[chosen & (labels == 0)]
        invented = held_out[chosen & (labels == 1)]
        rates = ", ".join(
            f"{bound:.2f}: recall {np.mean(invented >= bound):.2f} fpr {np.mean(grounded >= bound):.3f}"
            for bound in (0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9)
        )
        print(f"{part_rows[0]['source']}: out-of-fold AUROC {area:.3f} at {rates}")
    parameters = fit_logistic(scaled, labels, weights)
    print(dict(zip(FEATURE_NAMES, parameters.round(2).tolist(), strict=False)))
    return {
        f"{source}_mean": mean,
        f"{source}_scale": scale,
        f"{source}_weights": parameters[:-1],
        f"{source}_bias": parameters[-1:],
    }


def main() -> None:
    """Fit both models on the data folder given as argument and store them."""
    folder = Path(sys.argv[1])
    begin = [row for row in read(folder, "begin") if row["meta"]["data"] in SHIPPABLE_BEGIN]
    arrays = fit([begin, read(folder, "faithdial_audit")], "context", "context")
    arrays |= fit([read(folder, "truthfulqa_judge")], "reference", "prompt")
    np.savez_compressed(ROOT / "monitoring" / "weights" / "support.npz", **arrays)


if __name__ == "__main__":
    main()
