"""Fits what people prefer in answers.

    PYTHONPATH=. python benchmarks/train/helpfulness.py DATA

It writes `monitoring/weights/helpfulness.npz`. That is a logistic model of the difference between
two answers to one prompt, fitted on the choices of people. The model is centred on what ordinary
answers to such a prompt have. It is scaled so that the value is the share of people who prefer the
answer. The sources (`quality` in DATA) all have licences that allow this:

- arena55k (Apache-2.0) holds votes of Chatbot Arena. Its answers are also the ordinary ones, for
  which 0.5 stands.
- hh_helpful (MIT), tulu1_human, pandalm_human, oasst_ranks (Apache-2.0).

The models of faults are fitted on answers of arena55k and on copies that `benchmarks/nonanswers.py`
made worse. Where the longer answer was preferred more often, pairs in which the shorter one was
chosen have more weight. The printed figures are of sources that were left out, and for arena55k of
folds of prompts.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks import nonanswers
from monitoring.benchmarking.feeds import Row
from monitoring.benchmarking.fitting import fold_of
from monitoring.benchmarking.preferences import find_pairs, measure_pairs
from monitoring.benchmarking.sources import read_rows
from monitoring.models import Record
from monitoring.signals.style import GROUPS, describe_request, describe_style
from monitoring.text.language import covered, languages
from monitoring.text.prepared import Prepared

__all__ = [
    "BATCH",
    "ORDINARY",
    "SOURCES",
    "Described",
    "calibrate",
    "cross_fit",
    "describe",
    "find_subs",
    "fit_model",
    "leave_out",
    "read_answers",
    "to_chances",
    "to_odds",
]

SOURCES = ("arena55k", "hh_helpful", "tulu1_human", "pandalm_human", "oasst_ranks")
ORDINARY = "arena55k"
FOLDS, BATCH, ROUNDS = 5, 256, 12
# 2026-11-30: Penalties from 1,500 to 5,000 and balances from 0.2 to 0.4 all did as well, within a
# point, on sources that were left out.
PENALTY, BALANCE = 4000.0, 0.3
# Votes of the other sources have more weight, because there are fewer and their answers are
# shorter.
OTHERS_WEIGHT = 2.0
REQUEST_PENALTY = 10.0
# Pairs are balanced among those with a similar log of the ratio of lengths. These are the bounds.
LENGTH_BANDS = (0.1, 0.25, 0.5, 1.0, 2.0)
MOST_BALANCE = 4.0
# The kinds of copies on which the models of faults are fitted, in the order of
# `monitoring.evaluators.helpfulness.FAULTS`, with the share of texts that is assumed to have the
# fault. 2026-11-30: With the first share, 96 of 100 answers to other prompts rank below the real
# one.
FAULT_KINDS = {"off_topic": 0.2, "cut_off": 0.05, "flattery": 0.05}
FAULT_PENALTY = 3.0
FEWEST_WORDS, SURE = 20, 0.7
SENTENCE = re.compile(r"[^\n]{20,300}?[.!](?=\s)")

Floats = NDArray[np.float64]


class Preference(NamedTuple):
    """The part of `monitoring.evaluators.helpfulness.Model` that people's choices determine."""

    answer: Floats
    request: Floats
    ordinary: Floats


class Described(NamedTuple):
    """A source with everything that is measured of it.

    These are its rows, the features of its answers and prompts, the complete pairs, and the folds
    by prompt.
    """

    rows: Sequence[Row]
    answers: Floats
    requests: Floats
    pairs: NDArray[np.int64]
    folds: NDArray[np.int64]


def read_answers(rows: Sequence[Row]) -> tuple[list[Row], nonanswers.Others]:
    """Return the English answers to English prompts, one per prompt, and texts to replace them."""
    spoken = [_speak([row[field] or "" for row in rows]) for field in ("prompt", "response")]
    foreign = {row["response"] for row, code in zip(rows, spoken[1], strict=True) if code not in {"en", ""}}
    english = {
        row["prompt"]: row
        for row, asked, answered in zip(rows, *spoken, strict=True)
        if asked == answered == "en" and len(row["response"].split()) >= FEWEST_WORDS
    }
    answers = [row["response"] for row in english.values()]
    return list(english.values()), nonanswers.Others(answers, sorted(foreign), nonanswers.FITTED_PRAISE)


def describe_answers(prompts: Sequence[str], responses: Sequence[str]) -> Floats:
    """Return the features of answers to prompts, one row each."""
    records = [
        Record(prompt=prompt, response=response) for prompt, response in zip(prompts, responses, strict=True)
    ]
    batches = [Prepared(records[first : first + BATCH]) for first in range(0, len(records), BATCH)]
    return np.concatenate([describe_style(batch) for batch in batches]).astype(np.float64)


def describe(rows: Sequence[Row]) -> Described:
    """Measure the rows that are in English."""
    records = [Record(prompt=row["prompt"] or "", response=row["response"] or "") for row in rows]
    answers, requests, known = [], [], []
    for first in range(0, len(records), BATCH):
        batch = Prepared(records[first : first + BATCH])
        answers.append(describe_style(batch))
        requests.append(describe_request(batch))
        known.append(covered(batch, "prompt") & covered(batch, "response"))
    english = np.concatenate(known)
    pairs = find_pairs(rows)
    return Described(
        rows,
        np.concatenate(answers).astype(np.float64),
        np.concatenate(requests).astype(np.float64),
        pairs[english[pairs].all(axis=1)] if len(pairs) else pairs,
        np.array([fold_of(row["prompt"] or "", FOLDS) for row in rows]),
    )


def fit_preference(parts: Sequence[tuple[Described, NDArray[np.bool_], float]]) -> Floats:
    """Return the weights of the features, fitted on the chosen pairs of each source.

    The fit is a logistic regression with a ridge penalty.
    """
    differences, weights = [], []
    for source, keep, weight in parts:
        first, second = source.pairs[keep].T
        differences.append(source.answers[first] - source.answers[second])
        balanced = _balance(source.rows, source.pairs[keep])
        weights.append(weight * balanced / balanced.mean())
    columns, weighed = np.concatenate(differences), np.concatenate(weights)
    scale = columns.std(axis=0) + 1e-6
    fitted: Floats = fit_logistic(columns / scale, weighed, PENALTY) / scale
    return fitted


def fit_logistic(columns: Floats, weights: Floats, penalty: float) -> Floats:
    """Return the coefficients that make a positive sum of every row likely, by Newton's method."""
    found = np.zeros(columns.shape[1])
    for _ in range(ROUNDS):
        likely = to_chances(columns @ found)
        slope = columns.T @ (weights * (1 - likely)) - penalty * found
        bend = (columns * (weights * likely * (1 - likely))[:, None]).T @ columns
        found = found + np.linalg.solve(bend + penalty * np.eye(len(found)), slope)
    return found


def fit_model(
    sources: Mapping[str, Described], without: str | None = None, fold: int | None = None
) -> Preference:
    """Fit on all sources except one, or without one fold of the ordinary source's prompts."""
    parts = [
        (
            source,
            source.folds[source.pairs[:, 0]] != fold
            if name == ORDINARY
            else np.ones(len(source.pairs), np.bool_),
            1.0 if name == ORDINARY else OTHERS_WEIGHT,
        )
        for name, source in sources.items()
        if name != without
    ]
    weights = fit_preference(parts)
    grouped = _group(weights)
    ordinary = sources[ORDINARY]
    kept = (ordinary.folds != fold).nonzero()[0]
    asked = np.column_stack([ordinary.requests[kept], np.ones(len(kept))])
    usual = np.linalg.solve(
        asked.T @ asked + REQUEST_PENALTY * np.diag([*[1.0] * (asked.shape[1] - 1), 0.0]),
        asked.T @ (ordinary.answers[kept] @ grouped),
    )
    return Preference(grouped, usual[:-1], usual[-1])


def judge(model: Preference, source: Described) -> Floats:
    """Return the log-odds of every row."""
    odds: Floats = (source.answers @ model.answer - source.requests @ model.request - model.ordinary).sum(
        axis=1
    )
    return odds


def fit_faults(source: Described) -> tuple[Floats, Floats]:
    """Return the weights and biases of models that tell real answers from copies made worse.

    There is one column for each kind of copy. `FAULT_KINDS` says how often each fault is assumed to
    occur.
    """
    rows, others = read_answers(source.rows)
    prompts = [str(row["prompt"]) for row in rows]
    answers = [str(row["response"]) for row in rows]
    # The first sentence of each answer is also an example alone, so that a short text is no fault.
    brief = [found.group() for text in answers if (found := SENTENCE.match(text))]
    asked = [prompt for prompt, text in zip(prompts, answers, strict=True) if SENTENCE.match(text)]
    real = describe_answers(prompts + asked, answers + brief)
    weights, biases = [], []
    for kind, prior in FAULT_KINDS.items():
        copies = [nonanswers.make(kind, row["prompt"], row["response"], row["id"], others) for row in rows]
        columns = np.concatenate([real, describe_answers(prompts, copies)])
        mean, scale = columns.mean(axis=0), columns.std(axis=0) + 1e-6
        columns = np.column_stack([(columns - mean) / scale, np.ones(len(columns))])
        columns[: len(real)] *= -1
        fitted = fit_logistic(columns, np.ones(len(columns)), FAULT_PENALTY)
        weights.append(fitted[:-1] / scale)
        biases.append(fitted[-1] - (mean / scale) @ fitted[:-1] + np.log(prior / (1 - prior)))
    return np.column_stack(weights), np.array(biases)


def leave_out(sources: Mapping[str, Described], name: str) -> Floats:
    """Return the log-odds of a source's rows from a model that saw none of them."""
    return judge(fit_model(sources, without=name), sources[name])


def cross_fit(sources: Mapping[str, Described], name: str = ORDINARY) -> Floats:
    """Return the log-odds of the ordinary source's rows.

    They come from models that saw no answer to the same prompts.
    """
    source = sources[name]
    odds = np.zeros(len(source.rows))
    for fold in range(FOLDS):
        held = source.folds == fold
        odds[held] = judge(fit_model(sources, fold=fold), source)[held]
    return odds


def calibrate(odds: Mapping[str, Floats], sources: Mapping[str, Described]) -> float:
    """Return the factor that turns log-odds into those of being preferred.

    It is fitted on answers that were left out.
    """
    signed = [
        np.concatenate([odds[name][source.pairs[:, 0]], -odds[name][source.pairs[:, 1]]])
        for name, source in sources.items()
    ]
    weights = np.concatenate([np.full(len(one), 1 / len(one)) for one in signed])
    return float(fit_logistic(np.concatenate(signed)[:, None], weights * 1e4, 1e-9)[0])


def to_odds(values: Floats, least: float) -> Floats:
    """Return the log-odds of probabilities, which are first kept `least` away from 0 and 1."""
    bounded = np.clip(values.astype(np.float64), least, 1 - least)
    odds: Floats = np.log(bounded / (1 - bounded))
    return odds


def to_chances(odds: Floats) -> Floats:
    """Return the probabilities 0..1 that log-odds stand for."""
    chances: Floats = 1 / (1 + np.exp(-odds))
    return chances


def find_subs(rows: Sequence[Row]) -> dict[str, list[int]]:
    """Return the indexes of the rows of each part of a source; the parts are sorted by name."""
    found: dict[str, list[int]] = {}
    for at, row in enumerate(rows):
        found.setdefault(str((row.get("meta") or {}).get("sub")), []).append(at)
    return dict(sorted(found.items()))


def _speak(texts: Sequence[str]) -> list[str]:
    """Return the language of each text, or an empty text if the language is not certain."""
    records = [Record(prompt="", response=text) for text in texts]
    return [
        found.code if found.confidence >= SURE else ""
        for first in range(0, len(records), BATCH)
        for found in languages(Prepared(records[first : first + BATCH]), "response")
    ]


def _balance(rows: Sequence[Row], pairs: NDArray[np.int64]) -> Floats:
    """Return weights that bring the choices of shorter and longer answers closer together."""
    lengths = np.array([len(row["response"] or "") for row in rows]) + 20.0
    ratio = np.log(lengths[pairs[:, 0]] / lengths[pairs[:, 1]])
    band = np.digitize(np.abs(ratio), LENGTH_BANDS)
    weights = np.ones(len(pairs))
    for number in range(len(LENGTH_BANDS) + 1):
        longer, shorter = ((band == number) & (ratio > 0), (band == number) & (ratio <= 0))
        if longer.any() and shorter.any():
            half = (longer.sum() + shorter.sum()) / 2
            weights[longer], weights[shorter] = half / longer.sum(), half / shorter.sum()
    return np.minimum(weights, MOST_BALANCE) ** BALANCE


def _group(weights: Floats) -> Floats:
    grouped = np.zeros((len(weights), len(GROUPS)))
    at = 0
    for column, names in enumerate(GROUPS.values()):
        grouped[at : at + len(names), column] = weights[at : at + len(names)]
        at += len(names)
    return grouped


def main() -> None:
    """Fit, report on the sources that were left out, and write the weights."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    data = parser.parse_args().data
    sources = {name: describe(read_rows(data / "quality" / f"{name}.jsonl.gz")) for name in SOURCES}
    odds = {name: leave_out(sources, name) for name in SOURCES if name != ORDINARY} | {
        ORDINARY: cross_fit(sources)
    }
    for name in SOURCES:
        rows = sources[name].rows
        for sub, kept in find_subs(rows).items():
            found = measure_pairs([rows[at] for at in kept], odds[name][kept])
            print(f"{name} {sub}: {found.pairs} pairs, {found.score:.3f}, longer {found.longer:.3f}")
    slope = calibrate(odds, sources)
    print(f"log-odds times {slope:.3f}")
    model = fit_model(sources)
    weights = model.answer.sum(axis=1)
    spread = sources[ORDINARY].answers.std(axis=0)
    names = [name for group in GROUPS.values() for name in group]
    for at in np.argsort(-np.abs(weights * spread))[:30]:
        print(f"{names[at]:<24} {weights[at] * spread[at]:+.3f}")
    scaled = {name: (values * slope).astype(np.float32) for name, values in model._asdict().items()}
    faults, bias = fit_faults(sources[ORDINARY])
    scaled |= {"faults": faults.astype(np.float32), "fault_bias": bias.astype(np.float32)}
    from features import WEIGHTS, write_sums

    np.savez_compressed(WEIGHTS / "helpfulness.npz", **scaled)
    write_sums()


if __name__ == "__main__":
    main()
