from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest

from monitoring.models import Record
from monitoring.signals.style import GROUPS, describe_request, describe_style
from monitoring.text.prepared import Prepared

NAMES = [name for names in GROUPS.values() for name in names]


def describe(prompt: str, response: str) -> dict[str, float]:
    row = describe_style(Prepared([Record(prompt=prompt, response=response)]))[0]
    return dict(zip(NAMES, row.tolist(), strict=True))


def counted(name: str, response: str) -> float:
    return round(float(np.expm1(describe("", response)[name])), 3)


@pytest.mark.parametrize(
    ("name", "response", "count"),
    [
        ("lines", "one\n\n  \ntwo\nthree", 3),
        ("paragraphs", "one\ntwo\n\nthree", 2),
        ("bullets", "- one\n* two\n+ three\n\N{BULLET} four\n-five", 4),
        ("bullets", "**bold** and so on\n-5 degrees", 0),
        ("numbered", "1. one\n 2) two\n10. ten", 3),
        ("numbered", "1.5 litres\n2024 was warm\n1", 0),
        ("headings", "# One\n## Two\n**Three**\n#hashtag", 3),
        ("table_rows", "| a | b |\n|---|---|", 2),
        ("fences", "```python\nx = 1\n```", 2),
        ("bold", "**one** two", 2),
        ("bold", "2 * 3 * 4", 0),
        ("questions", "Why? How?", 2),
        ("exclamations", "No! Yes!", 2),
        ("colons", "Here it is:\none: two", 1),
        ("digits", "10 of 20", 4),
        ("commas", "a, b, c", 2),
        ("brackets", "f(x) (y)", 2),
        ("quotes", '"one" \N{LEFT DOUBLE QUOTATION MARK}two\N{RIGHT DOUBLE QUOTATION MARK}', 3),
        ("addresses", "see https://example.com/a//b", 1),
        ("dashes", "one - two \N{EM DASH} three-four", 2),
        ("dashes", "-- - a", 1),
        ("formulas", "$x$ and \\(y\\)", 4),
        ("questions", "```\nwhat?\n```", 0),
    ],
)
def test_lines_and_marks_are_counted(name: str, response: str, count: Any) -> None:
    assert counted(name, response) == count


@pytest.mark.parametrize(
    ("prompt", "response", "name", "value"),
    [
        ("Where is the old bridge?", "The old bridge is in Mostar.", "taken", 2),
        ("Where is the old bridge?", "Ask a pilot.", "taken", 0),
        ("", "the bridge, the bridge", "new", 1),
    ],
)
def test_words_of_the_prompt_are_told_from_new_ones(
    prompt: str, response: str, name: str, value: Any
) -> None:
    assert round(float(np.expm1(describe(prompt, response)[name]))) == value


@pytest.mark.parametrize(
    ("prompt", "right", "short", "none"),
    [
        ("Give me three tips.", "- a\n- b\n- c", "- a", "a and b"),
        ("List 2 books", "1. a\n2. b", "1. a", "a, b"),
    ],
)
def test_asked_items_are_held_against_those_given(prompt: str, right: Any, short: Any, none: Any) -> None:
    assert (describe(prompt, right)["items_right"], describe(prompt, right)["items_short"]) == (1, 0)
    assert describe(prompt, short)["items_right"] == 0
    assert describe(prompt, short)["items_short"] > 0
    assert describe(prompt, none)["items_none"] == 1


def test_a_number_of_words_is_held_against_those_written() -> None:
    asked = "Describe the sea in 5 words."
    assert describe(asked, "Wide, blue, cold and deep.")["words_off"] == 0
    assert describe(asked, "It is wide and blue. " * 4)["words_off"] > 1
    assert describe("Describe the sea.", "It is wide.")["words_off"] == 0


@pytest.mark.parametrize("text", ["", " ", "\xe2", "*", "```", "- ", "1.", "\n\n"])
def test_nothing_to_describe_gives_finite_numbers(text: str) -> None:
    batch = Prepared([Record(prompt=text, response=text)])
    assert np.isfinite(describe_style(batch)).all()
    assert np.isfinite(describe_request(batch)).all()


def test_a_hostile_text_takes_time_in_proportion() -> None:
    def seconds(text: str) -> float:
        batch = Prepared([Record(prompt=text, response=text)])
        before = time.thread_time()
        describe_style(batch)
        return time.thread_time() - before

    for piece in ("a b ", "- 1 tips ", "//", "three tips ", "**", "`"):
        seconds(piece * 1000)
        small, large = (min(seconds(piece * times) for _ in range(2)) for times in (20_000, 80_000))
        assert large < 16 * small + 0.05, piece
