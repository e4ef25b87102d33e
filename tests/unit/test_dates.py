"""Days that no calendar has, beside those that look alike."""

from __future__ import annotations

import time

import pytest

from monitoring.models import Record
from monitoring.signals.dates import find_impossible_dates, find_suspects
from monitoring.text.prepared import Prepared


def found_in(text: str) -> list[str]:
    return [text[start:end] for start, end in find_impossible_dates(text)]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("On February 30 it rained.", ["February 30"]),
        ("On FEBRUARY 30TH, 2020 it rained.", ["FEBRUARY 30TH, 2020"]),
        ("On Feb. 29, 2023 it rained.", ["Feb. 29, 2023"]),
        ("On Feb 29, 1900 it rained.", ["Feb 29, 1900"]),
        ("On Feb 29, 2000 it rained.", []),
        ("On February 29 it rained.", []),
        ("On April 31 and June 31.", ["April 31", "June 31"]),
        ("On July 31 and August 31.", []),
        ("On may 45th it rained.", []),
        ("On May 45th it rained.", ["May 45th"]),
        ("In May 45 people came.", []),
        ("On May 45, 2020 it rained.", ["May 45, 2020"]),
        ("On October 311 it rained.", []),
        ("The 31st of September came.", ["31st of September"]),
        ("The 31st\nof Sept 2001 came.", ["31st\nof Sept 2001"]),
        ("The 31 March came.", []),
        ("The 32 March 2020 came.", []),
        ("The 32nd March 2020 came.", ["32nd March 2020"]),
        ("The 131 April came.", []),
        ("The 30 June 31 came.", ["June 31"]),
        ("Grüße am 31 November.", ["31 November"]),
        ("2023-02-29", ["2023-02-29"]),
        ("2024-02-29", []),
        ("2023-04-31 2023-13-31 2023-12-31", ["2023-04-31"]),
        ("2023-04-31T10:00", []),
        ("x-2023-04-31", []),
        ("2023-04-31/5", []),
        ("2023-04-31.", ["2023-04-31"]),
        ("from 31/4/2022 to 4/31/2022", ["31/4/2022", "4/31/2022"]),
        ("from 30/4/2022 to 12/31/2022", []),
        ("from 29/02/2023 to 02/29/2024", ["29/02/2023"]),
        ("on 31/31/2022", []),
        ("on 1/31/4/2022", []),
        ("on 31/4/22", []),
    ],
)
def test_a_day_that_no_calendar_has_is_found(text: str, found: list[str]) -> None:
    assert found_in(text) == found


def test_texts_that_lie_end_to_end_are_told_apart() -> None:
    texts = ["It was February", "30 degrees", "", "x", "31/04/2022", "1 May", "2", "On April 31", "st", "ok"]
    batch = Prepared([Record(prompt="", response=text) for text in texts])
    suspects = find_suspects(*batch.encoded("response"))
    assert {4, 7} <= set(suspects)
    assert [number for number in suspects if found_in(texts[number])] == [4, 7]


def test_without_any_date_nothing_is_suspected() -> None:
    texts = ["The 31st of March, 12/24/2022.", "Call 555-1234 in May.", ""]
    assert (
        find_suspects(*Prepared([Record(prompt="", response=text) for text in texts]).encoded("response"))
        == []
    )


@pytest.mark.parametrize(
    "unit", ["February 30, ", "30/02/", "2023-02-", "February ", "3", "31 of ", "April 31st ", "2024-02-29 "]
)
def test_a_hostile_text_takes_time_in_proportion(unit: str) -> None:
    text = unit * (400_000 // len(unit))
    before = time.thread_time()
    batch = Prepared([Record(prompt="", response=text)])
    for _ in find_suspects(*batch.encoded("response")):
        assert sum(1 for _ in find_impossible_dates(text)) <= 200
    assert time.thread_time() - before < 0.5
