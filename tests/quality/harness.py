"""Reads labelled sources and measures an evaluator on them with numpy alone."""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import ArrayLike, NDArray

from monitoring.evaluator import Evaluator
from monitoring.models import Record, Score
from monitoring.prepared import Prepared

DATA_VARIABLE = "LLM_MONITOR_BENCHMARK_DATA"
SAMPLES = Path(__file__).parent / "samples"
_BESIDE_CHECKOUT = Path(__file__).resolve().parents[3] / "shared" / "data"
_BATCH = 256

Row = Mapping[str, Any]


def data_folder() -> Path | None:
    """Return the folder of labelled data named by the environment or beside the checkout, if any."""
    named = os.environ.get(DATA_VARIABLE)
    folder = Path(named) if named else _BESIDE_CHECKOUT
    return folder if folder.is_dir() else None


def read_rows(path: Path) -> list[Row]:
    """Read JSON lines, gzipped when the name says so; lines that start with # are attributions."""
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines if line.strip() and not line.startswith("#")]


def load_source(task: str, source: str) -> list[Row]:
    """Return the rows of one labelled source; skips the test when the data is not on this machine."""
    folder = data_folder()
    if folder is None:
        pytest.skip(f"labelled data is absent: set {DATA_VARIABLE} to its folder")
    path = folder / task / f"{source}.jsonl.gz"
    if not path.is_file():
        pytest.skip(f"labelled data has no {task}/{source}")
    return read_rows(path)


def load_sample(name: str) -> list[Row]:
    """Return the rows of `samples/<name>.jsonl`, which ships with the tests."""
    return read_rows(SAMPLES / f"{name}.jsonl")


def to_record(row: Row) -> Record:
    """Turn a row into the record an application would have posted."""
    context = row.get("context")
    return Record(
        prompt=row.get("prompt") or "",
        response=row.get("response") or "",
        context=(context,) if context else (),
        reference=row.get("reference") or None,
    )


def records(rows: Sequence[Row]) -> list[Record]:
    """Turn rows into records."""
    return [to_record(row) for row in rows]


def labels(rows: Sequence[Row]) -> NDArray[np.float64]:
    """Return the rows' labels."""
    return np.array([row["label"] for row in rows], dtype=np.float64)


def run(evaluator: Evaluator, items: Sequence[Record]) -> list[Score]:
    """Score records in batches as a worker would."""
    return [
        score
        for first in range(0, len(items), _BATCH)
        for score in evaluator.evaluate(Prepared(items[first : first + _BATCH]))
    ]


def values(scores: Sequence[Score], *, unknown: float) -> NDArray[np.float64]:
    """Return the scores' values; `unknown` stands for those that are None, so that none is left out."""
    return np.array([unknown if score.value is None else score.value for score in scores])


def ranks(numbers: ArrayLike) -> NDArray[np.float64]:
    """Return 1-based ranks, ties sharing the mean of theirs."""
    _, position, counts = np.unique(np.asarray(numbers), return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return (last - (counts - 1) / 2.0)[position.ravel()]


def auroc(truth: ArrayLike, scores: ArrayLike) -> float:
    """Return the probability that a positive outranks a negative, ties counting half.

    Raises ValueError unless both classes occur.
    """
    positive = np.asarray(truth) > 0.5
    count = int(positive.sum())
    others = positive.size - count
    if not count or not others:
        raise ValueError("AUROC needs both classes")
    return float((ranks(scores)[positive].sum() - count * (count + 1) / 2) / (count * others))


def average_precision(truth: ArrayLike, scores: ArrayLike) -> float:
    """Return the area under precision over recall as a step function; tied scores enter together."""
    positive = np.asarray(truth) > 0.5
    if not positive.any():
        raise ValueError("average precision needs a positive")
    numbers = np.asarray(scores, dtype=np.float64)
    order = np.argsort(-numbers, kind="stable")
    last_of_tie = np.append(np.diff(numbers[order]) != 0, True)
    hits = np.cumsum(positive[order])[last_of_tie]
    taken = np.arange(1, numbers.size + 1)[last_of_tie]
    return float(np.sum(np.diff(hits, prepend=0) / hits[-1] * (hits / taken)))


def spearman(first: ArrayLike, second: ArrayLike) -> float:
    """Return the rank correlation with average ranks for ties."""
    return float(np.corrcoef(ranks(first), ranks(second))[0, 1])


def recall_at_false_positive_rate(truth: ArrayLike, scores: ArrayLike, rate: float) -> float:
    """Return the share of positives above the score that at most `rate` of the negatives exceed."""
    positive = np.asarray(truth) > 0.5
    numbers = np.asarray(scores, dtype=np.float64)
    negatives = np.sort(numbers[~positive])[::-1]
    bound = negatives[int(rate * negatives.size)]
    return float(np.mean(numbers[positive] > bound))
