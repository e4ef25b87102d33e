"""Each source in turn is left out with its relatives.

Trivial rules are measured beside the detector.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from monitoring.benchmarking.left_out import (
    LeftOut,
    Trainer,
    leave_out,
    relatives,
    summarise_headlines,
)
from monitoring.benchmarking.measurement import Measurement
from monitoring.benchmarking.sources import LabelledSource
from monitoring.evaluator import Evaluator
from monitoring.evaluators.toxicity import build


def source(name: str, texts: Sequence[tuple[str, int]]) -> LabelledSource:
    rows: list[dict[str, Any]] = [{"prompt": text, "label": label} for text, label in texts]
    return LabelledSource("toxicity", name, rows)


SOURCES = [
    source("one", [("you idiot", 1), ("good morning to all", 0)] * 60),
    source("two", [("what an idiot he is", 1), ("the weather is fine today", 0)] * 60),
    source("three", [("a good day", 0)] * 120),
]


class Recorder:
    def __init__(self, fitted: set[str]) -> None:
        self.fitted = frozenset(fitted)
        self.asked: list[frozenset[str]] = []

    def fit(self, without: frozenset[str]) -> Evaluator:
        self.asked.append(without)
        return build()


def run(trainers: Mapping[str, Trainer]) -> list[LeftOut]:
    return list(leave_out(SOURCES, {"toxicity": build()}, trainers, lambda: 0.0, lambda _: None))


def test_only_sources_that_were_fitted_on_are_fitted_without() -> None:
    trainer = Recorder({"toxicity/one"})
    found = run({"toxicity": trainer})
    assert trainer.asked == [frozenset({"toxicity/one"})]
    assert [one.refitted for one in found] == [True, False, False]


def test_a_relative_of_what_was_fitted_on_asks_for_a_fit_without_both() -> None:
    assert "toxicity/hatecheck" in relatives("toxicity/multilingual_hatecheck")
    assert relatives("toxicity/one") == {"toxicity/one"}


def test_trivial_rules_are_fitted_on_the_other_sources_and_measured_on_the_same_rows() -> None:
    one, two, three = run({})
    assert set(one.rules) == {"length", "bag of words"}
    assert one.rules["bag of words"].n == one.measured.n == 120
    assert two.rules["bag of words"].auroc == 1.0
    assert three.rules["bag of words"].false_positive_rate == 0.0


def left_out(name: str, n: int = 200, positives: int = 100, **figures: Any) -> LeftOut:
    measured = Measurement(
        task="toxicity", source=name, evaluator="toxicity", n=n, positives=positives, **figures
    )
    return LeftOut(measured=measured, refitted=False, rules={})


def test_the_headline_is_the_worst_and_the_median_source() -> None:
    found = [
        left_out("a", balanced_accuracy=0.9),
        left_out("b", balanced_accuracy=0.6),
        left_out("c", balanced_accuracy=0.7),
        left_out("few", n=99, balanced_accuracy=0.1),
    ]
    (headline,) = summarise_headlines(found)
    assert (headline.worst, headline.worst_value, headline.median, headline.sources) == ("b", 0.6, 0.7, 3)


@pytest.mark.parametrize(
    ("positives", "figures", "expected"),
    [
        (200, {"recall": 0.4}, [("recall", 0.4)]),
        (0, {"false_positive_rate": 0.2}, [("false-positive rate", 0.2)]),
        (100, {"recall": 0.4, "false_positive_rate": 0.2}, []),
    ],
)
def test_recall_and_false_alarms_are_headlines_of_sources_with_one_class(
    positives: int, figures: dict[str, Any], expected: list[tuple[str, float]]
) -> None:
    found = [left_out("a", positives=positives, **figures)]
    assert [(one.figure, one.worst_value) for one in summarise_headlines(found)] == expected


def test_the_worst_rate_of_false_alarms_is_the_highest() -> None:
    found = [left_out(name, positives=0, false_positive_rate=rate) for name, rate in (("a", 0.1), ("b", 0.3))]
    (headline,) = summarise_headlines(found)
    assert headline.worst == "b"
