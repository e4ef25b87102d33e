"""Fits the support models: is a response grounded in its context, does an answer agree with its reference.

    python benchmarks/train/support.py DATA_FOLDER

Sources: the Wizard of Wikipedia and CMU-DoG parts of BEGIN (CC BY 4.0) and the FaithDial audit (MIT) for
the context, the TruthfulQA judge data (Apache-2.0) for the reference, summaries made by `summaries.py`
of arena-hard answers (Apache-2.0) for summaries. A fifth of every source (fold 0 by context or question)
is never fitted on. Prints balanced accuracy at 0.5 of models fitted on the other folds, and of models
fitted on the other sources, and writes `monitoring/weights/support.npz`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from features import WEIGHTS, open_traffic, read_rows, write_sums
from numpy.typing import NDArray
from scipy.optimize import minimize
from summaries import make_summaries

from monitoring.benchmarking.fitting import fold_of
from monitoring.benchmarking.metrics import auroc, count_decisions
from monitoring.evaluator import Evaluator
from monitoring.models import Record
from monitoring.prepared import Prepared
from monitoring.support import FEATURE_NAMES, Kind, Model, Source, compare, describe

FOLDS, PENALTY, BATCH = 5, 10.0, 256
SHIPPABLE_BEGIN = {"wow", "cmu"}  # the Topical-Chat part is share-alike
# A summary that copies is judged by its new combinations of words alone: with every feature the made
# summaries are told apart better, and judged ones worse.
FEATURES: Mapping[Kind, frozenset[str]] = {
    "context": frozenset(FEATURE_NAMES),
    "reference": frozenset(FEATURE_NAMES),
    "summary": frozenset({"novel_pairs"}),
}
BOUNDS = (0.5, 0.7)


class Part(NamedTuple):
    """One source: features (n, 15), labels, and the fold of each row's group."""

    name: str
    features: NDArray[np.float64]
    labels: NDArray[np.int64]
    folds: NDArray[np.int64]

    def take(self, rows: NDArray[np.bool_]) -> Part:
        """Return the chosen rows."""
        return Part(self.name, self.features[rows], self.labels[rows], self.folds[rows])


Parts = dict[Kind, list[Part]]


def gather(rows: Sequence[dict[str, Any]], source: Source, group: str) -> Part:
    """Measure the rows of a source."""
    features = []
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
        features.append(describe(*compare(Prepared(records), source)))
    labels = np.array([row["label"] for row in rows])
    folds = np.array([fold_of(row[group] or "") for row in rows])
    return Part(rows[0]["source"], np.vstack(features), labels, folds)


def fit(parts: Sequence[Part], used: frozenset[str]) -> Model:
    """Fit a ridge-penalised logistic model; every source and, within it, both classes weigh the same.

    Only the features `used` get a weight, and none below 0: more of the response being new never speaks
    for it.
    """
    features, labels = (
        np.vstack([one.features for one in parts]),
        np.concatenate([one.labels for one in parts]),
    )
    shares = [len(labels) / (2 * len(parts) * np.bincount(one.labels)) for one in parts]
    weights = np.concatenate([share[one.labels] for share, one in zip(shares, parts, strict=True)])
    mean, scale = features.mean(axis=0), features.std(axis=0) + 1e-6
    design = np.column_stack([(features - mean) / scale, np.ones(len(features))])

    def loss(parameters: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        logits = design @ parameters
        errors = weights * (1.0 / (1.0 + np.exp(-logits)) - labels)
        penalised = np.append(parameters[:-1], 0.0)
        value = np.sum(weights * (np.logaddexp(0.0, logits) - labels * logits))
        return float(value + PENALTY / 2 * penalised @ penalised), design.T @ errors + PENALTY * penalised

    bounds = [(0.0, None if name in used else 0.0) for name in FEATURE_NAMES] + [(None, None)]
    start = np.zeros(design.shape[1])
    found = minimize(loss, start, jac=True, bounds=bounds, method="L-BFGS-B", options={"maxiter": 5000}).x
    return Model(mean, scale, found[:-1], float(found[-1]))


def fit_models(parts: Parts) -> dict[Kind, Model]:
    """Fit every model on all folds but 0.

    Without judged agreement with references the model of contexts stands in: it asks the same.
    """
    used = {kind: [one.take(one.folds != 0) for one in group] for kind, group in parts.items()}
    models = {kind: fit(group, FEATURES[kind]) for kind, group in used.items() if group}
    models.setdefault("reference", models["context"])
    return models


def print_figures(kind: Kind, parts: Sequence[Part]) -> None:
    """Print what models reach that saw neither the fold nor, then, the source."""
    used = FEATURES[kind]
    for part in parts:
        values = np.zeros(len(part.labels))
        for fold in range(FOLDS):
            held = part.folds == fold
            model = fit([one.take(one.folds != fold) for one in parts], used)
            values[held] = model.probability(part.features[held])
        report(f"{kind}, {part.name}, out of fold", part.labels, values)
        others = [one for one in parts if one is not part]
        if others:
            report(
                f"{kind}, {part.name}, other source",
                part.labels,
                fit(others, used).probability(part.features),
            )


def report(title: str, labels: NDArray[np.int64], values: NDArray[np.float64]) -> None:
    """Print how well values tell the labels apart."""
    rates = [count_decisions(labels, values >= bound) for bound in BOUNDS]
    figures = ", ".join(
        f"at {bound}: balanced accuracy {one.balanced_accuracy:.3f}, flagged {one.false_positive_rate:.3f}"
        for bound, one in zip(BOUNDS, rates, strict=True)
    )
    print(f"{title}: AUROC {auroc(labels, values):.3f}; {figures}")


def gather_all(data: Path) -> Parts:
    """Measure every source, by the kind of model that it serves."""
    begin = [row for row in read_rows(data, "hallucination/begin") if row["meta"]["data"] in SHIPPABLE_BEGIN]
    audit = read_rows(data, "hallucination/faithdial_audit")
    judged = read_rows(data, "hallucination/truthfulqa_judge")
    made = make_summaries(open_traffic(data, ["arena_hard_v0.1", "arena_hard_v2"]))
    return {
        "context": [gather(rows, "context", "context") for rows in (begin, audit)],
        "reference": [gather(judged, "reference", "prompt")],
        "summary": [gather(made, "context", "group")],
    }


class SupportTrainer:
    """Fits the models of support anew, for the evaluators that read them."""

    fitted = frozenset({f"hallucination/{name}" for name in ("begin", "faithdial_audit", "truthfulqa_judge")})

    def __init__(self, data: Path, build: Callable[[dict[Kind, Model]], Evaluator]) -> None:
        self._data, self._build = data, build

    def fit(self, without: frozenset[str]) -> Evaluator:
        """Return the evaluator that the other sources give."""
        parts = _gather_once(self._data)
        kept: Parts = {
            kind: [one for one in group if f"hallucination/{one.name}" not in without]
            for kind, group in parts.items()
        }
        return self._build(fit_models(kept))


@cache
def _gather_once(data: Path) -> Parts:
    return gather_all(data)


def main() -> None:
    """Fit the models on the data folder given as argument and store them."""
    parts = gather_all(Path(sys.argv[1]))
    for kind, group in parts.items():
        print_figures(kind, group)
    arrays: dict[str, Any] = {}
    for kind, model in fit_models(parts).items():
        print(
            kind, dict(zip(FEATURE_NAMES, model.weights.round(2).tolist(), strict=True)), round(model.bias, 2)
        )
        named = {
            "mean": model.mean,
            "scale": model.scale,
            "weights": model.weights,
            "bias": np.array([model.bias]),
        }
        arrays |= {f"{kind}_{name}": values for name, values in named.items()}
    np.savez_compressed(WEIGHTS / "support.npz", **arrays)
    write_sums()


if __name__ == "__main__":
    main()
