"""The page of the detectors says what was measured, and which figures flatter."""

from pathlib import Path
from typing import Any

import pytest

from benchmarks.detectors_page import read_origins, show, write_page
from monitoring.benchmarking.entity_types import EntityCount
from monitoring.benchmarking.measurement import Measurement
from monitoring.evaluation import find_evaluators

README = """
| file | rows | balance (1 / 0) | label 1 means | source | licence | quirks | trivial baselines |
|---|---|---|---|---|---|---|---|
| toxicity/ethos.jsonl.gz | 692 | 295 / 397 | isHate >= 0.5 | intelligence-csd | GPL-3.0 | graded | length 0.55 |
"""
PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "detectors.md"


@pytest.fixture(name="origins")
def fixture_origins(tmp_path: Path) -> Any:
    (tmp_path / "README.md").write_text(README)
    return read_origins(tmp_path / "README.md")


def line_of(page: str, start: str) -> str:
    return next(line for line in page.splitlines() if line.startswith(start))


def measured(source: str = "ethos", n: int = 692, **figures: Any) -> Measurement:
    return Measurement(
        task="toxicity", source=source, evaluator="toxicity", n=n, positives=n // 2, threshold=0.5, **figures
    )


def test_a_source_stands_with_its_licence_its_baseline_and_an_empty_sealed_column(origins: Any) -> None:
    page = write_page([measured(auroc=0.674, false_positive_rate=0.0123)], [], origins)
    assert line_of(page, "| toxicity/ethos | 692") == (
        "| toxicity/ethos | 692 (346) | no | 0.67 | 0.012 | length 0.55 | GPL-3.0 |  |"
    )
    assert line_of(page, "| toxicity/ethos | isHate") == (
        "| toxicity/ethos | isHate >= 0.5 | intelligence-csd | GPL-3.0 |"
    )


def test_figures_of_fitted_rows_are_called_in_sample_or_held_out(origins: Any) -> None:
    refusals = Measurement(task="relevance", source="refusals", evaluator="relevance", n=1490, auroc=0.92)
    page = write_page([refusals, measured("hatecheck", auroc=0.5)], [], origins)
    assert "| **yes, in-sample** | 0.92 |" in line_of(page, "| relevance/refusals")
    assert "| held-out rows | 0.50 |" in line_of(page, "| toxicity/hatecheck")


def test_sealed_figures_fill_the_last_column_also_of_sources_only_they_have(origins: Any) -> None:
    page = write_page(
        [measured(auroc=0.67)], [measured(auroc=0.71, recall=0.4), measured("other", auroc=0.8)], origins
    )
    assert line_of(page, "| toxicity/ethos | 692").endswith("| AUROC 0.71, recall 0.40 |")
    assert line_of(page, "| toxicity/other").endswith("| AUROC 0.80 |")


def test_few_rows_are_called_unmeasured(origins: Any) -> None:
    page = write_page([measured(n=99, auroc=0.9)], [], origins)
    assert "| unmeasured |" in line_of(page, "| toxicity/ethos | 99")
    assert "0.90" not in page


def test_types_of_personal_data_are_listed_found_and_missed(origins: Any) -> None:
    counts = {
        "US_SSN": EntityCount(400, 300, 100, 100),
        "US_MBI": EntityCount(99, 99, 0, 0),
        "PERSON": EntityCount(9, 0, 0, 9),
    }
    page = write_page(
        [Measurement(task="pii", source="mine", evaluator="pii", n=200, by_entity=counts)], [], origins
    )
    assert "| US_SSN | 400 | 300 | 100 | 100 | 0.75 | 0.75 | 0.75 |" in page
    assert "| US_MBI | 99 | 99 | 0 | 0 | unmeasured | unmeasured | unmeasured |" in page
    assert "Labelled, and never found: PERSON (9)." in page


def test_every_evaluator_has_a_section_that_ends_in_figures_or_says_there_are_none(origins: Any) -> None:
    page = write_page([], [], origins)
    sections = page.split("\n## ")[1:]
    names = [one.name for one in find_evaluators()]
    assert [section.splitlines()[0] for section in sections] == [*names, "Sources"]
    assert all("Unmeasured: no labelled source is about it." in section for section in sections[:-1])


def test_the_committed_page_has_every_evaluator_with_its_description() -> None:
    text = PAGE.read_text(encoding="utf-8")
    evaluators = find_evaluators()
    assert evaluators
    for evaluator in evaluators:
        first = (type(evaluator).__doc__ or "").strip().splitlines()[0]
        assert f"\n## {evaluator.name}\n" in text
        assert first in text


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0.5, "0.50"), (0.994, "0.994"), (0.004, "0.004"), (-0.3, "-0.30"), (None, "\N{EN DASH}")],
)
def test_figures_near_the_ends_keep_a_digit_more(value: float | None, shown: str) -> None:
    assert show(value) == shown
