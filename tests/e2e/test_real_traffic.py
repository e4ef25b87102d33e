"""All recorded traffic through one stack.

Every record is stored exactly once, scored by every evaluator, and counted right.
"""

from __future__ import annotations

import gzip
import re
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e import figures
from tests.e2e.stack import Stack, running_stack
from tests.quality.harness import DATA_VARIABLE, data_folder

SETTLE_SECONDS = 900.0


def traffic() -> Path:
    """The recorded calls; the test is skipped if they are absent."""
    folder = data_folder()
    if folder is None or not (folder / "traffic" / "llm_traffic.jsonl.gz").is_file():
        pytest.skip(f"recorded traffic is absent: set {DATA_VARIABLE} to the folder of labelled data")
    return folder / "traffic" / "llm_traffic.jsonl.gz"


def sent(stack: Stack, file: Path) -> dict[str, int]:
    """Ingest the file; returns the counts that the command prints."""
    done = stack.command("ingest", str(file))
    assert done.returncode == 0, done.stdout + done.stderr
    found = re.findall(r"(sent|accepted|duplicates|rejected) ([\d,]+)", done.stdout)
    return {name: int(number.replace(",", "")) for name, number in found}


@pytest.mark.long
def test_recorded_traffic_is_stored_once_and_scored_by_everything(report: Callable[[str], None]) -> None:
    file = traffic()
    with gzip.open(file, "rt") as lines:
        number = sum(1 for _ in lines)
    assert number > 20_000
    with running_stack() as stack:
        begun = time.monotonic()
        assert sent(stack, file) == {"sent": number, "accepted": number, "duplicates": 0, "rejected": 0}
        taken = time.monotonic() - begun
        ledger = stack.wait_until_settled(SETTLE_SECONDS)
        seconds = time.monotonic() - begun
        report(
            f"recorded traffic: {number:,} records accepted in {taken:.1f} s ({number / taken:,.0f}/s), "
            f"scored and stored after {seconds:.1f} s ({number / seconds:,.0f}/s)"
        )
        assert ledger == {
            "accepted": number,
            "stored": number,
            "duplicate": 0,
            "dead": 0,
            "in_flight": 0,
            "unaccounted": 0,
        }
        check_rows(stack, number)
        check_figures(stack)
        assert sent(stack, file) == {"sent": number, "accepted": 0, "duplicates": number, "rejected": 0}
        again = stack.wait_until_settled(SETTLE_SECONDS)
        assert (again["stored"], again["duplicate"], again["dead"]) == (number, number, 0)
        check_rows(stack, number)
        check_figures(stack)


def check_rows(stack: Stack, number: int) -> None:
    (row,) = stack.rows("SELECT count(*), count(DISTINCT client_id), count(DISTINCT trace_id) FROM traces")
    assert tuple(row) == (number, number, number)
    assert stack.value("SELECT count(*) FROM dead_letters") == 0
    figures.check_scores_complete(stack, number)


def check_figures(stack: Stack) -> None:
    for check in (figures.check_quality, figures.check_safety, figures.check_cost, figures.check_relevance):
        check(stack)
