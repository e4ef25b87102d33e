"""Fits the support models of the evaluators of grounding.

    python benchmarks/train/support.py DATA_FOLDER

The models say whether a response is grounded in its context, and whether an answer agrees with its
reference. The sources have licences that allow this, and labels that words can predict:

- for the context, dialogue: the Wizard of Wikipedia and CMU-DoG parts of BEGIN (CC BY 4.0), the
  FaithDial audit (MIT), DialFact (BSD-3-Clause)
- for the context, answers of search engines and models: the parts of AttributionBench (Apache-2.0
  and MIT), CLAP NQ (Apache-2.0)
- for the context, claims (WiCE, ODC-BY) and summaries (SummEval, DeFacto, MIT; SummEdits,
  Apache-2.0)
- for the reference, the TruthfulQA judge data (Apache-2.0)

Tables, computed statements and scientific claims are left out. Overlap predicts nothing there, and
it blurs the rest if they are fitted on. A fifth of every source (fold 0 by context or question) is
never fitted on. The script prints figures out of fold and on sources that were left out, and writes
`monitoring/weights/support.npz`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from features import WEIGHTS, read_rows, write_sums
from numpy.typing import NDArray
from scipy.optimize import minimize

from monitoring.benchmarking.fitting import fold_of
from monitoring.benchmarking.metrics import auroc, count_decisions
from monitoring.evaluator import Evaluator
from monitoring.models import Record
from monitoring.signals.support import FEATURE_NAMES, Kind, Model, SourceField, compare, describe
from monitoring.text.prepared import Prepared

FOLDS, PENALTY, BATCH = 5, 10.0, 256
SHIPPABLE_BEGIN = {"wow", "cmu"}  # the Topical-Chat part is share-alike
CONTEXTS = (
    "begin",
    "faithdial_audit",
    "dialfact_small",
    "attrib_attributedqa",
    "attrib_expertqa",
    "attrib_gensearch",
    "attrib_hagrid",
    "clapnq_grounded",
    "wice",
    "summeval",
    "defacto_xsum",
    "summedits",
)
REFERENCES = ("truthfulqa_judge",)
# A sentence that repeats the source with another value must count as unsupported, in spite of all
# the overlap.
LEAST = {"contradiction": 2.0}
# This share of texts is assumed to disagree. In the fit both classes have the same weight.
PRIORS: Mapping[Kind, float] = {"context": 0.5, "reference": 0.3}
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


def gather(rows: Sequence[Mapping[str, Any]], source: SourceField, group: str) -> Part:
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


def fit(parts: Sequence[Part]) -> Model:
    """Fit a logistic model with a ridge penalty; all classes and sources have the same weight.

    Both classes have the same weight, and in each class every source. No feature gets a weight
    below 0, because new words in a response never make it more supported.
    """
    features, labels = (
        np.vstack([one.features for one in parts]),
        np.concatenate([one.labels for one in parts]),
    )
    weights = np.concatenate([1 / np.bincount(one.labels)[one.labels] for one in parts])
    for label in (0, 1):
        weights[labels == label] *= len(labels) / (2 * weights[labels == label].sum())
    mean, scale = features.mean(axis=0), features.std(axis=0) + 1e-6
    design = np.column_stack([(features - mean) / scale, np.ones(len(features))])

    def loss(parameters: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        logits = design @ parameters
        errors = weights * (1.0 / (1.0 + np.exp(-logits)) - labels)
        penalised = np.append(parameters[:-1], 0.0)
        value = np.sum(weights * (np.logaddexp(0.0, logits) - labels * logits))
        return float(value + PENALTY / 2 * penalised @ penalised), design.T @ errors + PENALTY * penalised

    least = np.array([LEAST.get(name, 0.0) for name in FEATURE_NAMES]) * scale
    bounds = [(bound, None) for bound in least] + [(None, None)]
    start = np.append(least, 0.0)
    found = minimize(loss, start, jac=True, bounds=bounds, method="L-BFGS-B", options={"maxiter": 5000}).x
    return Model(mean, scale, found[:-1], float(found[-1]))


def shift(model: Model, prior: float) -> Model:
    """Return the model for texts of which the share `prior` is not supported."""
    return model._replace(bias=model.bias + float(np.log(prior / (1 - prior))))


def fit_models(parts: Parts) -> dict[Kind, Model]:
    """Fit every model on all folds except 0.

    If no source has judged agreement with references, the model of contexts is used, because it
    answers the same question.
    """
    used = {kind: [one.take(one.folds != 0) for one in group] for kind, group in parts.items()}
    models = {kind: shift(fit(group), PRIORS[kind]) for kind, group in used.items() if group}
    models.setdefault("reference", models["context"])
    return models


def print_figures(kind: Kind, parts: Sequence[Part]) -> None:
    """Print the figures of models that did not see the fold, and then not the source."""
    for part in parts:
        if len(np.unique(part.labels)) == 1:
            continue
        values = np.zeros(len(part.labels))
        for fold in range(FOLDS):
            held = part.folds == fold
            model = fit([one.take(one.folds != fold) for one in parts])
            values[held] = model.probability(part.features[held])
        report(f"{kind}, {part.name}, out of fold", part.labels, values)
        others = [one for one in parts if one is not part]
        if others:
            report(
                f"{kind}, {part.name}, other source",
                part.labels,
                fit(others).probability(part.features),
            )


def report(title: str, labels: NDArray[np.int64], values: NDArray[np.float64]) -> None:
    """Print how well values separate the labels."""
    rates = [count_decisions(labels, values >= bound) for bound in BOUNDS]
    figures = ", ".join(
        f"at {bound}: balanced accuracy {one.balanced_accuracy:.3f}, flagged {one.false_positive_rate:.3f}"
        for bound, one in zip(BOUNDS, rates, strict=True)
    )
    print(f"{title}: AUROC {auroc(labels, values):.3f}; {figures}")


def gather_all(data: Path) -> Parts:
    """Measure every source, by the kind of model that it serves."""

    def read(name: str) -> list[Mapping[str, Any]]:
        rows = read_rows(data, f"hallucination/{name}")
        return [row for row in rows if name != "begin" or row["meta"]["data"] in SHIPPABLE_BEGIN]

    return {
        "context": [gather(read(name), "context", "context") for name in CONTEXTS],
        "reference": [gather(read(name), "reference", "prompt") for name in REFERENCES],
    }


class SupportTrainer:
    """Fits the models of support anew, for the evaluators that use them."""

    fitted = frozenset({f"hallucination/{name}" for name in (*CONTEXTS, *REFERENCES)})

    def __init__(self, data: Path, build: Callable[[dict[Kind, Model]], Evaluator]) -> None:
        self._data, self._build = data, build

    def fit(self, without: frozenset[str]) -> Evaluator:
        """Return the evaluator that is fitted on the other sources."""
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
