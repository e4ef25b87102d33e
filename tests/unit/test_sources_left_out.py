"""What the page of aims says about sources left out, before and after a change."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.detectors_page import RESULTS, read_left_out
from benchmarks.sources_left_out import (
    compare,
    describe_sources_left_out,
    describe_worst_and_median,
)
from monitoring.benchmarking.left_out import LeftOut
from monitoring.benchmarking.measurement import Measurement

REPOSITORY = Path(__file__).parents[2]


def left_out(source: str, accuracy: float) -> LeftOut:
    measured = Measurement(
        task="toxicity",
        source=source,
        evaluator="toxicity",
        n=200,
        positives=100,
        balanced_accuracy=accuracy,
    )
    return LeftOut(measured=measured, refitted=False, rules={})


BEFORE = [left_out("a", 0.6), left_out("b", 0.7), left_out("c", 0.8), left_out("gone", 0.9)]


@pytest.mark.parametrize(
    ("after", "cells"),
    [
        ((0.6, 0.7, 0.8), "0 | 3 | 0 | none | 0.700 | 0.700"),
        ((0.605, 0.75, 0.8), "1 | 2 | 0 | none | 0.700 | 0.750"),
        ((0.58, 0.65, 0.9), "1 | 0 | 2 | b 0.700 to 0.650 | 0.700 | 0.650"),
    ],
)
def test_sources_that_were_left_out_before_and_after_are_compared(
    after: tuple[float, ...], cells: str
) -> None:
    found = [left_out(name, value) for name, value in zip("abc", after, strict=True)]
    *_, row, _ = compare(BEFORE, [*found, left_out("new", 0.1)])
    assert row == f"| toxicity | balanced accuracy | {cells} |"


def test_nothing_is_said_where_no_source_was_left_out() -> None:
    assert not describe_sources_left_out([], [])


def test_the_worst_and_the_median_come_before_what_changed() -> None:
    text = describe_sources_left_out([left_out("a", 0.5), left_out("b", 0.7)], BEFORE)
    assert "| toxicity | balanced accuracy | a | 0.50 | 0.60 | 2 |" in text
    assert text.index("| 0.50 |") < text.index("2026-11-26")


def test_the_page_about_scores_tells_the_figures_that_were_measured() -> None:
    text = (REPOSITORY / "docs/explanation/scores.md").read_text()
    rows = [line.split(" | ") for line in text.splitlines() if line.startswith("| `")]
    told = {row[0].strip("| `"): row[2] for row in rows}
    measured = describe_worst_and_median(read_left_out(RESULTS))
    assert {name: told[name] for name in measured} == measured
