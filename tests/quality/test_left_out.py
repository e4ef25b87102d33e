"""Floors for sources that were left out of fitting, thresholds and calibration.

The measured figures stand beside them.
"""

from __future__ import annotations

import importlib
import math
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from benchmarks.detectors_page import RESULTS, read_left_out
from monitoring.benchmarking.feeds import FEEDS
from monitoring.benchmarking.fitting import standing
from monitoring.benchmarking.left_out import Trainer, relatives, summarise_headlines
from monitoring.benchmarking.measurement import FEWEST_ROWS, Measurement, measure
from monitoring.benchmarking.sources import LabelledSource
from monitoring.evaluation import find_evaluators
from tests.quality import harness

TRAINING = Path(__file__).resolve().parents[2] / "benchmarks" / "train"
STORED = read_left_out(RESULTS)
# Their shipped weights are those that were measured, so a sample of the tests can be scored again.
UNSEEN = [
    one.measured
    for one in STORED
    if one.measured.source in {"halueval_qa_sample", "injecagent", "presidio_recognizer_cases"}
]

# The figures of 2026-11-30, less a margin of .02.
GROUNDING = {  # balanced accuracy
    "wice": 0.67,  # 0.697
    "attrib_hagrid": 0.75,  # 0.776
    "attrib_gensearch": 0.71,  # 0.734
    "attrib_attributedqa": 0.66,  # 0.691, 116 rows
    "defacto_xsum": 0.67,  # 0.695
    "faithdial_audit": 0.72,  # 0.740
    "begin": 0.75,  # 0.778
}


@pytest.fixture(name="trainers", scope="module")
def fixture_trainers() -> Iterator[Mapping[str, Trainer]]:
    """Return the trainers of evaluators; skips if the data or the train extra is absent."""
    folder = harness.data_folder()
    if folder is None:
        pytest.skip(f"labelled data is absent: set {harness.DATA_VARIABLE} to its folder")
    pytest.importorskip("sklearn")
    sys.path.insert(0, str(TRAINING))
    try:
        yield importlib.import_module("trainers").load_trainers(folder)
    finally:
        sys.path.remove(str(TRAINING))


@pytest.mark.parametrize("name", GROUNDING)
def test_grounding_holds_on_a_source_that_stayed_out(trainers: Mapping[str, Trainer], name: str) -> None:
    source = LabelledSource("hallucination", name, harness.load_source("hallucination", name))
    evaluator = trainers["hallucination"].fit(relatives(f"hallucination/{name}"))
    feed = next(feed for feed in FEEDS["hallucination"] if feed.evaluator == "hallucination")
    (measured,) = measure(source, evaluator, feed, lambda: 0.0, lambda _: None)
    assert measured.balanced_accuracy >= GROUNDING[name]


@pytest.mark.parametrize(
    ("evaluator", "figure", "floor"),
    [
        ("hallucination", "balanced accuracy", 0.55),  # 0.563
        ("hallucination", "AUROC", 0.65),  # 0.668
        ("prompt_injection", "balanced accuracy", 0.63),  # 0.654
        ("prompt_injection", "AUROC", 0.74),  # 0.763
        ("prompt_injection", "recall", 0.38),  # of sources that are attacks alone
        ("relevance", "MAP", 0.79),  # 0.810
        ("coherence", "Spearman", 0.34),  # 0.366, of one source
        ("toxicity", "AUROC", 0.65),  # 0.679
    ],
)
def test_the_median_of_the_published_figures_holds(evaluator: str, figure: str, floor: float) -> None:
    found = {(one.evaluator, one.figure): one for one in summarise_headlines(STORED)}
    assert found[evaluator, figure].median >= floor


@pytest.mark.parametrize("published", UNSEEN, ids=lambda one: f"{one.source}-{one.evaluator}")
def test_the_shipped_weights_reach_what_is_published_of_sources_they_never_saw(
    published: Measurement,
) -> None:
    """Half of the rows are positives; the figures of so few may differ by three standard errors."""
    rows = [row for row in harness.load_sample("unseen_sources") if row["source"] == published.source]
    source = LabelledSource(published.task, published.source, rows)
    feed = next(feed for feed in FEEDS[published.task] if feed.evaluator == published.evaluator)
    (evaluator,) = (one for one in find_evaluators() if one.name == published.evaluator)
    (measured,) = measure(source, evaluator, feed, lambda: 0.0, lambda _: None)
    for figure in ("auroc", "recall", "false_positive_rate"):
        told = getattr(published, figure)
        error = math.sqrt(max(told * (1 - told), 0.01) / (len(rows) / 2))
        assert getattr(measured, figure) == pytest.approx(told, abs=3 * error), figure


def test_the_published_grounding_beats_overlap_on_most_sources() -> None:
    """At the shipped bound and at overlap's best one, for sources with both classes and values."""
    pairs = [
        (one.measured.balanced_accuracy, one.rules["overlap"].balanced_accuracy)
        for one in STORED
        if one.measured.evaluator == "hallucination"
        and one.measured.n >= FEWEST_ROWS
        and one.measured.balanced_accuracy is not None
        and "overlap" in one.rules
    ]
    assert len(pairs) >= 15
    assert sum(own >= rule for own, rule in pairs) / len(pairs) >= 0.6


@pytest.mark.parametrize("task", sorted({one.measured.task for one in STORED}))
def test_every_source_that_needs_no_fit_is_published(task: str) -> None:
    folder = harness.data_folder()
    if folder is None:
        pytest.skip(f"labelled data is absent: set {harness.DATA_VARIABLE} to its folder")
    published = {one.measured.source for one in STORED if one.measured.task == task}
    names = {path.name.removesuffix(".jsonl.gz") for path in (folder / task).glob("*.gz")}
    free = {name for name in names if standing(FEEDS[task][0].evaluator, task, name) == "unseen"}
    relatives_of_fitted = {name for name in free if relatives(f"{task}/{name}") != {f"{task}/{name}"}}
    assert free - relatives_of_fitted <= published
