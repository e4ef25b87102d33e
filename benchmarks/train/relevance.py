"""Fit the models of the relevance evaluator: PYTHONPATH=. python benchmarks/train/relevance.py DATA.

Writes `opening.npz` (does a response's opening begin an answer?) and `relevance.npz` (four logistic
models: shared subject, answer of the kind asked, about the context, and both first together). Sources:

- refusals (CC BY 4.0, MIT), truthfulqa_informative (Apache-2.0): human labels of answers and non-answers;
- arena-hard and XSTest completions of llm_traffic (Apache-2.0, CC BY 4.0), halueval_general (MIT),
  truthfulqa_judge (Apache-2.0): prompts with their own response, and with another record's;
- begin (its CC BY 4.0 parts), faithdial_audit (MIT): attributable responses, with their own context and
  with another's.

Folds are by prompt (or context), five of them; what is printed is out of fold.
"""

from __future__ import annotations

import argparse
import random
import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from features import WEIGHTS, export, open_traffic, read_rows, windows, write_sums
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from monitoring.benchmarking.fitting import fold_of
from monitoring.evaluators.relevance import THRESHOLD
from monitoring.models import Record
from monitoring.signals.linear import Bank, load_bank
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
# Out-of-fold log odds of openings are cut as `read_opening` cuts them.
BOUND = 6.0
Floats = NDArray[np.float64]


class Pairs(NamedTuple):
    """Prompts or contexts with responses, 1 where they belong together, and their folds."""

    records: list[Record]
    labels: NDArray[np.int64]
    folds: NDArray[np.int64]


def cut(text: str, words: int) -> str:
    """Return the first words of a text."""
    spans = list(re.finditer(r"\S+", text))
    return text if len(spans) <= words else text[: spans[words - 1].end()]


def judged(data: Path) -> Pairs:
    """Return responses that people called answers or not."""
    rows = read_rows(data, "relevance/refusals") + read_rows(data, "relevance/truthfulqa_informative")
    return Pairs(
        [Record(prompt=row["prompt"] or "", response=row["response"] or "") for row in rows],
        np.array([int(row["label"]) for row in rows]),
        np.array([fold_of(row["prompt"] or "") for row in rows]),
    )


def matched(data: Path, chance: random.Random) -> Pairs:
    """Return each prompt with its own response and with one of another prompt, some of them shortened."""
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
    """Return attributable responses with their own context and with another's."""
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
    """Return log odds from models that did not see the row's group."""
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


def opening_odds(pairs: Pairs) -> Floats:
    """Return out-of-fold log odds of the openings, and write the head fitted on all of them."""
    matrix, owners = windows(heads(pairs.records))
    labels, folds = pairs.labels[owners], pairs.folds[owners]
    odds = np.zeros(len(pairs.records))
    for fold in range(FOLDS):
        weights, bias = fit_opening(matrix[np.flatnonzero(folds != fold)], labels[folds != fold])
        odds[owners[folds == fold]] = matrix[np.flatnonzero(folds == fold)] @ weights + bias
    calibration = LogisticRegression(C=1e3).fit(odds[:, None], pairs.labels)  # Platt 1999
    slope, offset = float(calibration.coef_[0, 0]), float(calibration.intercept_[0])
    weights, bias = fit_opening(matrix, labels)
    export("opening", weights, bias, slope=slope, offset=offset)
    return np.clip(odds * slope + offset, -BOUND, BOUND)


def report(name: str, odds: Floats, labels: NDArray[np.int64]) -> None:
    """Print the area under the ROC curve."""
    print(f"{name}: {len(labels)} rows, AUROC {roc_auc_score(labels, odds):.4f}")


def main() -> None:
    """Fit, report out of fold, and write the weights."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    data = parser.parse_args().data
    chance = random.Random(2026)  # noqa: S311 a reproducible choice of counterparts
    answers, pairs, contexts = judged(data), matched(data, chance), grounded(data, chance)

    answer_batch, pair_batch = Prepared(answers.records), Prepared(pairs.records)
    intent, intent_odds = fit_intent(data, answers, answer_batch)
    topic_columns = describe_topic(pair_batch)
    topic_odds = out_of_fold(topic_columns, pairs.labels, pairs.folds)
    topical = fit(topic_columns, pairs.labels)
    report("topical", topic_odds, pairs.labels)

    context_columns = describe_grounding(Prepared(contexts.records))
    report("contextual", out_of_fold(context_columns, contexts.labels, contexts.folds), contexts.labels)
    contextual = fit(context_columns, contexts.labels)

    bank: Bank = load_bank(("opening",))
    pair_intent = describe_answer(pair_batch, read_opening(pair_batch, bank)) @ intent[:-1] + intent[-1]
    answer_topic = describe_topic(answer_batch) @ topical[:-1] + topical[-1]
    joined = np.concatenate([join_odds(topic_odds, pair_intent), join_odds(answer_topic, intent_odds)])
    overall = fit_overall(joined, pairs, answers)
    write_models(topical=topical, intent=intent, contextual=contextual, overall=overall)


def fit_intent(data: Path, answers: Pairs, batch: Prepared) -> tuple[Floats, Floats]:
    """Return the coefficients of an answer of the kind asked, and the log odds out of fold."""
    opening = opening_odds(answers)
    columns = describe_answer(batch, opening.astype(np.float32))
    odds = out_of_fold(columns, answers.labels, answers.folds)
    report("opening", opening, answers.labels)
    report("intent", odds, answers.labels)
    first = len(read_rows(data, "relevance/refusals"))
    report("intent, refusals", odds[:first], answers.labels[:first])
    report("intent, truthfulqa_informative", odds[first:], answers.labels[first:])
    return fit(columns, answers.labels), odds


def fit_overall(joined: Floats, pairs: Pairs, answers: Pairs) -> Floats:
    """Return the coefficients of both together: a relevant response is the prompt's own and an answer."""
    labels = np.concatenate([pairs.labels, answers.labels])
    folds = np.concatenate([pairs.folds, answers.folds])
    # Some responses of the first kind are refusals: those say nothing about relevance.
    kept = ~((np.arange(len(labels)) < len(pairs.labels)) & (labels == 1) & (joined[:, 1] < 0))
    odds = out_of_fold(joined[kept], labels[kept], folds[kept])
    report("overall", odds, labels[kept])
    own = np.flatnonzero(kept) < len(pairs.labels)
    report("overall, own or another's response", odds[own], labels[kept][own])
    report("overall, answers and non-answers", odds[~own], labels[kept][~own])
    below = odds[own] < np.log(THRESHOLD / (1 - THRESHOLD))
    for label, name in ((1, "own"), (0, "other")):
        print(f"{name} responses below {THRESHOLD}: {below[labels[kept][own] == label].mean():.3f}")
    return fit(joined[kept], labels[kept])


def write_models(**models: Floats) -> None:
    """Print the coefficients of each model and write them all; renew SHA256SUMS."""
    for name, values in models.items():
        print(name, values.round(3).tolist())
    np.savez_compressed(
        WEIGHTS / "relevance.npz", **{name: values.astype(np.float32) for name, values in models.items()}
    )
    write_sums()


if __name__ == "__main__":
    main()
