"""Floors for finding personal data, per type: was a type found that is there, and only then."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest

from benchmarks import identifiers
from monitoring.benchmarking.entity_types import CHECKABLE
from monitoring.benchmarking.measurement import FEWEST_ROWS
from monitoring.entities.finder import recognizers
from monitoring.evaluators.pii import build
from monitoring.models import Record
from tests.quality import harness

EVALUATOR = build()


def types_found(rows: Sequence[harness.Row]) -> list[set[str]]:
    """Return the types found in each row's text, put where a model's answer stands."""
    scores = harness.run(EVALUATOR, [Record(prompt="", response=row["prompt"]) for row in rows])
    return [{evidence.reason.split()[0] for evidence in score.evidence} & CHECKABLE for score in scores]


def f2(hits: int, missed: int, wrong: int) -> float:
    return 5 * hits / (5 * hits + 4 * missed + wrong)


def f2_of_spans(rows: Sequence[harness.Row]) -> float:
    """Score fully labelled rows by the types that occur in each."""
    hits = missed = wrong = 0
    for row, found in zip(rows, types_found(rows), strict=True):
        labelled = {span[2] for span in row["spans"] or []} & CHECKABLE
        hits += len(labelled & found)
        missed += len(labelled - found)
        wrong += len(found - labelled)
    return f2(hits, missed, wrong)


def flagged(rows: Sequence[harness.Row]) -> float:
    """Return the share of rows at or above the threshold."""
    scores = harness.run(EVALUATOR, [Record(prompt="", response=row["prompt"]) for row in rows])
    return sum((score.value or 0.0) >= EVALUATOR.threshold for score in scores) / len(rows)


@pytest.mark.parametrize("source", ["presidio_synth_v2", "presidio_generated_large"])
def test_types_are_found_in_sentences(source: str) -> None:
    assert f2_of_spans(harness.load_source("pii", source)) >= 0.98


def test_types_are_found_bare_and_near_misses_are_not() -> None:
    rows = [
        row
        for row in harness.load_source("pii", "presidio_recognizer_cases")
        if row["meta"]["entity"] in CHECKABLE
    ]
    hits = missed = wrong = 0
    for row, found in zip(rows, types_found(rows), strict=True):
        present = row["meta"]["entity"] in found
        hits += row["label"] == 1 and present
        missed += row["label"] == 1 and not present
        wrong += row["label"] == 0 and present
    assert f2(hits, missed, wrong) >= 0.95


def test_lines_of_technical_documents_are_not_flagged() -> None:
    assert flagged(harness.load_source("pii", "docs_numeric_negatives")) <= 0.005


def test_the_sample_that_ships_keeps_its_floor() -> None:
    rows = harness.load_sample("pii")
    assert f2_of_spans([row for row in rows if row["label"]]) >= 0.97
    assert flagged([row for row in rows if not row["label"]]) <= 0.02


def test_no_type_can_flag_that_was_never_measured() -> None:
    # Street addresses have 692 labelled texts; of everything else the generator makes enough.
    measured = {*identifiers.KINDS, "STREET_ADDRESS"}
    assert {one.type for one in recognizers()} == measured
    assert identifiers.ROWS >= FEWEST_ROWS


@pytest.mark.parametrize("kind", identifiers.KINDS)
def test_a_type_is_found_in_sentences_and_its_near_misses_are_not(kind: str) -> None:
    rows = list(identifiers.make_rows(kind, random.Random(kind), rows=20))  # noqa: S311 a reproducible choice
    scores = harness.run(EVALUATOR, [Record(prompt="", response=row.text) for row in rows])
    found = [any(one.reason.split()[0] == kind for one in score.evidence) for score in scores]
    assert sum(hit for row, hit in zip(rows, found, strict=True) if row.label) >= 19
    assert sum(hit for row, hit in zip(rows, found, strict=True) if not row.label) <= 1
