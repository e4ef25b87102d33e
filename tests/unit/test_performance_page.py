from __future__ import annotations

from datetime import UTC, datetime

from app.schemas.records import read_records
from benchmarks.performance.figure import Figure, Report
from benchmarks.performance.traffic import SIZE, make_lines, read_texts
from benchmarks.performance_page import write_page
from monitoring.models import Record


def test_records_of_the_benchmark_are_valid_of_one_size_and_half_have_a_context() -> None:
    lines = make_lines(read_texts(None), 40)
    records = read_records(b"\n".join(lines), "ndjson")
    assert all(isinstance(record, Record) for record in records)
    assert [bool(record.context) for record in records if isinstance(record, Record)] == [False, True] * 20
    assert all(0.85 * SIZE < len(line) < 1.15 * SIZE for line in lines)


def test_the_page_says_what_was_reached_and_what_was_missed() -> None:
    figures = [
        Figure(name="fast", value=200.0, unit="records/s", yardstick=100.0, yardstick_name="bare", goal="1.5 x", met=True, group="flow"),
        Figure(name="slow", value=9.5, unit="ms", goal="under 5 ms", met=False, group="reads", details={"1h": 0.25}),
    ]  # fmt: skip
    report = Report(
        taken=datetime(2026, 11, 26, tzinfo=UTC),
        cores=2,
        python="3.11.7",
        machine="x86_64",
        records_from="texts of the tests",
        loops_per_second=5e6,
        figures=figures,
    )
    page = write_page(report)
    assert "| fast | 200 records/s | bare: 100 | 2.00 | 1.5 x | yes |" in page
    assert "| slow | 9.5 ms |  |  | under 5 ms | **no** |" in page
    assert "- slow: 1h 0.25" in page
    assert "2026-11-26 on 2 x86_64 cores" in page
