"""Fit the models of the relevance evaluator.

    PYTHONPATH=. python benchmarks/train/relevance.py DATA

It writes `opening.npz` (does the opening of a response begin an answer?) and `relevance.npz` (four
logistic models: shared subject, answer of the kind asked, about the context, and both first
together). The sources are:

- refusals (CC BY 4.0, MIT), truthfulqa_informative (Apache-2.0): human labels of answers and
  non-answers
- arena-hard and XSTest completions of llm_traffic (Apache-2.0, CC BY 4.0), halueval_general (MIT),
  truthfulqa_judge (Apache-2.0): prompts with their own response, and with that of another record
- begin (its CC BY 4.0 parts), faithdial_audit (MIT): attributable responses, with their own context
  and with that of another record

There are five folds by prompt or context. The printed figures are out of fold.
"""

from __future__ import annotations

import argparse
import random
import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from features import WEIGHTS, export, open_traffic, read_rows, replace_head, windows, write_sums
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from monitoring.benchmarking.fitting import fold_of
from monitoring.evaluator import Evaluator
from monitoring.evaluators.relevance import THRESHOLD, Models, Relevance
from monitoring.models import Record
from monitoring.signals.linear import Bank
from monitoring.signals.responsiveness import (
    HEAD_WORDS,
    describe_answer,
    describe_grounding,
    describe_topic,
    join_odds,
    read_opening,
)
from monitoring.text.prepared import Prepared

FOLDS = 5
# Out-of-fold log-odds of openings are limited as `read_opening` limits them.
BOUND = 6.0
MODELS = "topical", "intent", "contextual", "overall"
JUDGED = "relevance/refusals", "relevance/truthfulqa_informative"
Floats = NDArray[np.float64]


class Pairs(NamedTuple):
    """Prompts or contexts with responses, their folds, and labels: 1 if both belong together."""

    records: list[Record]
    labels: NDArray[np.int64]
    folds: NDArray[np.int64]


def cut(text: str, words: int) -> str:
    """Return the first words of a text."""
    spans = list(re.finditer(r"\S+", text))
    return text if len(spans) <= words else text[: spans[words - 1].end()]


def judged(data: Path, sources: Sequence[str] = JUDGED) -> Pairs:
    """Return the responses that people labelled as answers or as none."""
    rows = [row for source in sources for row in read_rows(data, source)]
    return Pairs(
        [Record(prompt=row["prompt"] or "", response=row["response"] or "") for row in rows],
        np.array([int(row["label"]) for row in rows]),
        np.array([fold_of(row["prompt"] or "") for row in rows]),
    )


def matched(data: Path, chance: random.Random) -> Pairs:
    """Return each prompt with its own response and with that of another prompt.

    Some of the responses are shortened.
    """
    found: dict[str, str] = {}
    rows = open_traffic(data, ("arena_hard_v0.1", "arena_hard_v2", "xstest_completions"))
    rows += read_rows(data, "hallucination/halueval_general") + read_rows(
        data, "hallucination/truthfulqa_judge"
    )
    for row in rows:
        if row["prompt"] and row["response"]:
            found.setdefault(row["prompt"], row["response"])
    prompts = sorted(found)
    records, labels, folds = [], [], []
    for prompt in prompts:
        fold = fold_of(prompt)
        other = chance.choice(prompts)
        while other == prompt or fold_of(other) != fold:
            other = chance.choice(prompts)
        words = chance.choice((1000, 1000, 60, 20))
        for label, source in ((1, prompt), (0, other)):
            records.append(Record(prompt=prompt, response=cut(found[source], words)))
            labels.append(label)
            folds.append(fold)
    return Pairs(records, np.array(labels), np.array(folds))


def grounded(data: Path, chance: random.Random) -> Pairs:
    """Return attributable responses with their own context and with that of another record."""
    rows = [
        row
        for row in read_rows(data, "hallucination/begin") + read_rows(data, "hallucination/faithdial_audit")
        if row["label"] == 0
        and row["meta"].get("data") != "topicalchat"
        and "generic" not in str(row["meta"]).lower()
    ]
    records, labels, folds = [], [], []
    for row in rows:
        other = chance.choice(rows)
        while other["context"] == row["context"]:
            other = chance.choice(rows)
        for label, context in ((1, row["context"]), (0, other["context"])):
            records.append(Record(prompt="", response=row["response"], context=(context,)))
            labels.append(label)
            folds.append(fold_of(row["context"]))
    return Pairs(records, np.array(labels), np.array(folds))


def out_of_fold(columns: Floats, labels: NDArray[np.int64], folds: NDArray[np.int64]) -> Floats:
    """Return log-odds from models that did not see the group of the row."""
    odds = np.empty(len(labels))
    for fold in range(FOLDS):
        coefficients = fit(columns[folds != fold], labels[folds != fold])
        odds[folds == fold] = columns[folds == fold] @ coefficients[:-1] + coefficients[-1]
    return odds


def fit(columns: Floats, labels: NDArray[np.int64]) -> Floats:
    """Return the coefficients of a logistic regression, the intercept last."""
    model = LogisticRegression(C=10.0, class_weight="balanced", max_iter=2000).fit(columns, labels)
    return np.append(model.coef_[0], model.intercept_[0])


def heads(records: Sequence[Record]) -> list[str]:
    """Return the first words of each response, as many as the opening model reads."""
    batch = Prepared(records)
    words, encoded = batch.words("response"), batch.encoded("response")
    texts = []
    for record, response in enumerate(batch.texts("response")):
        last = min(words.offsets[record] + HEAD_WORDS, words.offsets[record + 1]) - 1
        end = words.ends[last] - encoded.starts[record] if last >= words.offsets[record] else 0
        texts.append(response.encode()[:end].decode())
    return texts


def fit_opening(matrix: csr_matrix, labels: NDArray[np.int64]) -> tuple[Floats, float]:
    """Return weights and bias of the words and word pairs of openings."""
    model = LogisticRegression(C=30.0, solver="liblinear", class_weight="balanced", random_state=0)
    model.fit(matrix, labels)
    return model.coef_[0], float(model.intercept_[0])


class Opening(NamedTuple):
    """Out-of-fold log-odds of openings, and the head that was fitted on all of them.

    `slope` and `offset` are its calibration.
    """

    odds: Floats
    weights: Floats
    bias: float
    slope: float
    offset: float


def fit_openings(pairs: Pairs) -> Opening:
    """Fit the model of openings out of fold, calibrate it, and fit it on all rows."""
    matrix, owners = windows(heads(pairs.records))
    labels, folds = pairs.labels[owners], pairs.folds[owners]
    odds = np.zeros(len(pairs.records))
    for fold in range(FOLDS):
        weights, bias = fit_opening(matrix[np.flatnonzero(folds != fold)], labels[folds != fold])
        odds[owners[folds == fold]] = matrix[np.flatnonzero(folds == fold)] @ weights + bias
    calibration = LogisticRegression(C=1e3).fit(odds[:, None], pairs.labels)  # Platt 1999
    slope, offset = float(calibration.coef_[0, 0]), float(calibration.intercept_[0])
    return Opening(np.clip(odds * slope + offset, -BOUND, BOUND), *fit_opening(matrix, labels), slope, offset)


def report(name: str, odds: Floats, labels: NDArray[np.int64]) -> None:
    """Print the area under the ROC curve."""
    print(f"{name}: {len(labels)} rows, AUROC {roc_auc_score(labels, odds):.4f}")


class Trained(NamedTuple):
    """Every model, and its out-of-fold log-odds for the rows that it was fitted on.

    The `joined_labels` are those of the pairs and then of the answers. `kept` marks those that
    count.
    """

    opening: Opening
    topical: Floats
    intent: Floats
    contextual: Floats
    overall: Floats
    intent_odds: Floats
    topic_odds: Floats
    context_odds: Floats
    overall_odds: Floats
    joined_labels: NDArray[np.int64]
    kept: NDArray[np.bool_]


def head_of(opening: Opening) -> Bank:
    """Return the model of openings in the form in which it is shipped."""
    return replace_head(
        "opening",
        opening.weights,
        opening.bias,
        slope=opening.slope,
        offset=opening.offset,
        heads=("opening",),
    )


def train(answers: Pairs, pairs: Pairs, contexts: Pairs) -> Trained:
    """Fit every model."""
    opening = fit_openings(answers)
    answer_batch, pair_batch = Prepared(answers.records), Prepared(pairs.records)
    intent_columns = describe_answer(answer_batch, opening.odds.astype(np.float32))
    intent_odds = out_of_fold(intent_columns, answers.labels, answers.folds)
    intent = fit(intent_columns, answers.labels)
    topic_columns = describe_topic(pair_batch)
    topic_odds = out_of_fold(topic_columns, pairs.labels, pairs.folds)
    topical = fit(topic_columns, pairs.labels)
    context_columns = describe_grounding(Prepared(contexts.records))

    # The joint model: a response is relevant if it belongs to the prompt and is an answer.
    pair_opening = read_opening(pair_batch, head_of(opening))
    pair_intent = describe_answer(pair_batch, pair_opening) @ intent[:-1] + intent[-1]
    answer_topic = describe_topic(answer_batch) @ topical[:-1] + topical[-1]
    joined = np.concatenate([join_odds(topic_odds, pair_intent), join_odds(answer_topic, intent_odds)])
    labels = np.concatenate([pairs.labels, answers.labels])
    folds = np.concatenate([pairs.folds, answers.folds])
    # Some own responses of prompts are refusals, which say nothing about relevance.
    kept = ~((np.arange(len(labels)) < len(pairs.labels)) & (labels == 1) & (joined[:, 1] < 0))
    return Trained(
        opening,
        topical,
        intent,
        fit(context_columns, contexts.labels),
        fit(joined[kept], labels[kept]),
        intent_odds,
        topic_odds,
        out_of_fold(context_columns, contexts.labels, contexts.folds),
        out_of_fold(joined[kept], labels[kept], folds[kept]),
        labels,
        kept,
    )


def gather(data: Path, sources: Sequence[str] = JUDGED) -> tuple[Pairs, Pairs, Pairs]:
    """Return the answers and non-answers of people, matched prompts, and matched contexts."""
    chance = random.Random(2026)  # noqa: S311 a reproducible choice of counterparts
    return judged(data, sources), matched(data, chance), grounded(data, chance)


class RelevanceTrainer:
    """Fits the models of relevance anew."""

    fitted = frozenset(JUDGED)

    def __init__(self, data: Path) -> None:
        self._data = data

    def fit(self, without: frozenset[str]) -> Evaluator:
        """Return the evaluator that is fitted on the other sources."""
        found = train(*gather(self._data, [source for source in JUDGED if source not in without]))
        weights = {name: getattr(found, name).astype(np.float32) for name in MODELS}
        return Relevance(Models(head_of(found.opening), **weights))


def main() -> None:
    """Fit, report out of fold, and write the weights."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    data = parser.parse_args().data
    answers, pairs, contexts = gather(data)
    found = train(answers, pairs, contexts)
    numbers = {"slope": found.opening.slope, "offset": found.opening.offset}
    export("opening", found.opening.weights, found.opening.bias, **numbers)
    report("opening", found.opening.odds, answers.labels)
    report("intent", found.intent_odds, answers.labels)
    first = len(read_rows(data, JUDGED[0]))
    report("intent, refusals", found.intent_odds[:first], answers.labels[:first])
    report("intent, truthfulqa_informative", found.intent_odds[first:], answers.labels[first:])
    report("topical", found.topic_odds, pairs.labels)
    report("contextual", found.context_odds, contexts.labels)
    odds, labels = found.overall_odds, found.joined_labels[found.kept]
    report("overall", odds, labels)
    own = np.flatnonzero(found.kept) < len(pairs.labels)
    report("overall, own or another's response", odds[own], labels[own])
    report("overall, answers and non-answers", odds[~own], labels[~own])
    below = odds[own] < np.log(THRESHOLD / (1 - THRESHOLD))
    for label, name in ((1, "own"), (0, "other")):
        print(f"{name} responses below {THRESHOLD}: {below[labels[own] == label].mean():.3f}")
    weights = {name: getattr(found, name) for name in MODELS}
    for name, values in weights.items():
        print(name, values.round(3).tolist())
    np.savez_compressed(
        WEIGHTS / "relevance.npz", **{name: values.astype(np.float32) for name, values in weights.items()}
    )
    write_sums()


if __name__ == "__main__":
    main()
