"""Runs an evaluator on labelled sources, which tests then hold to floors."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from monitoring.benchmarking.feeds import Row, to_record
from monitoring.benchmarking.measurement import BATCH
from monitoring.benchmarking.metrics import (
    auroc,
    average_precision,
    recall_at_false_positive_rate,
    spearman,
)
from monitoring.benchmarking.sources import read_rows
from monitoring.evaluator import Evaluator
from monitoring.models import Record, Score
from monitoring.text.prepared import Prepared

__all__ = [
    "DATA_VARIABLE",
    "SAMPLES",
    "Row",
    "auroc",
    "average_precision",
    "data_folder",
    "labels",
    "load_sample",
    "load_source",
    "read_rows",
    "recall_at_false_positive_rate",
    "records",
    "run",
    "spearman",
    "values",
]

DATA_VARIABLE = "LLM_MONITOR_BENCHMARK_DATA"
SAMPLES = Path(__file__).parent / "samples"
_BESIDE_CHECKOUT = Path(__file__).resolve().parents[3] / "shared" / "data"


def data_folder() -> Path | None:
    """Return the folder of labelled data, if there is any.

    The environment names it, or it lies beside the checkout.
    """
    named = os.environ.get(DATA_VARIABLE)
    folder = Path(named) if named else _BESIDE_CHECKOUT
    return folder if folder.is_dir() else None


def load_source(task: str, source: str) -> list[Row]:
    """Return the rows of one labelled source; skips the test if the data is not on this machine."""
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
        for first in range(0, len(items), BATCH)
        for score in evaluator.evaluate(Prepared(items[first : first + BATCH]))
    ]


def values(scores: Sequence[Score], *, unknown: float) -> NDArray[np.float64]:
    """Return the values of the scores; `unknown` replaces None, so that no row is left out."""
    return np.array([unknown if score.value is None else score.value for score in scores])
