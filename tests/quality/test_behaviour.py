"""Behaviour tables: everyday hits and near misses of each detector, and what is missed today."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest

from benchmarks import behaviour

TABLES = behaviour.read_tables()
PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "behaviour.md"
FEWEST = 90


@cache
def find_missed(detector: str) -> list[bool]:
    """Return for each row of a table whether the detector gets it wrong; all rows are one batch."""
    return behaviour.find_missed(TABLES[detector])


def places(*, missed: bool) -> list[object]:
    """Return the detector and the number of each row that is marked so."""
    return [
        pytest.param(
            detector, number, id=f"{detector}-{row.kind}-{'hit' if row.hit else 'near miss'}-{number}"
        )
        for detector, rows in TABLES.items()
        for number, row in enumerate(rows)
        if row.missed == missed
    ]


@pytest.mark.parametrize(("detector", "number"), places(missed=False))
def test_a_row_that_works_keeps_working(detector: str, number: int) -> None:
    assert not find_missed(detector)[number], TABLES[detector][number]


@pytest.mark.parametrize(("detector", "number"), places(missed=True))
def test_a_known_miss_is_still_missed(detector: str, number: int) -> None:
    """A row that begins to work loses its mark.

    `benchmarks/behaviour.py --mark` sets all marks anew.
    """
    assert find_missed(detector)[number], TABLES[detector][number]


@pytest.mark.parametrize("detector", TABLES)
def test_a_row_alone_is_judged_as_in_its_batch(detector: str) -> None:
    rows = TABLES[detector][:: len(TABLES[detector]) // 12]
    alone = [behaviour.find_missed([row])[0] for row in rows]
    assert alone == [row.missed for row in rows]


@pytest.mark.parametrize("detector", TABLES)
def test_a_table_has_about_a_hundred_of_each_and_no_row_twice(
    detector: str, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = TABLES[detector]
    assert sum(row.hit for row in rows) >= FEWEST
    assert sum(not row.hit for row in rows) >= FEWEST
    assert len({tuple(row.fields.items()) for row in rows}) == len(rows)
    with capsys.disabled():
        print(f"\n{detector}")  # noqa: T201 the counts are what a reader of the run wants to see
        for kind in dict.fromkeys(row.kind for row in rows):
            chosen = [row for row in rows if row.kind == kind]
            hits, spared = (behaviour.count_rows(chosen, hit=hit) for hit in (True, False))
            print(f"  {kind}: hits found {hits}, near misses left alone {spared}")  # noqa: T201 as above


@pytest.mark.parametrize("detector", TABLES)
def test_a_table_is_written_as_its_script_writes_it(detector: str) -> None:
    path = behaviour.FOLDER / f"{detector}.yaml"
    written = behaviour.write_table(TABLES[detector], behaviour.read_head(path))
    assert path.read_text(encoding="utf-8") == written


def test_the_page_counts_the_tables_of_today() -> None:
    assert PAGE.read_text(encoding="utf-8") == behaviour.write_page(TABLES)
