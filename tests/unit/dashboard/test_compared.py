"""Two traces side by side: words and figures that differ, and addresses that lead there."""

from __future__ import annotations

import time
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from dash import html
from plotly.io.json import to_json_plotly

from app.reports.one_trace import OneTrace
from dashboard.drawing.compared import compared
from dashboard.drawing.links import trace_address
from dashboard.drawing.word_changes import MOST_WORDS, changed_words
from monitoring.models import Score
from tests.unit.dashboard.components import links, text
from tests.unit.dashboard.test_trace_detail import a_trace

EVIL = "<script>window.pwned = 1</script> \u202e"
A, B = UUID(int=7), UUID(int=8)


def marked(parts: list[Any]) -> list[str]:
    return [part.children for part in parts if isinstance(part, html.Del | html.Ins)]


@pytest.mark.parametrize(
    ("one", "other", "gone", "new"),
    [
        ("the red door", "the blue door", ["red"], ["blue"]),
        ("the door", "the door opens", [], [" opens"]),
        ("a b", "a  b", [" "], ["  "]),
        ("yes.", "yes!", ["."], ["!"]),
        ("", "new", [], ["new"]),
        (EVIL, EVIL + "!", [], ["!"]),
    ],
)
def test_only_the_words_that_differ_are_marked(one: str, other: str, gone: list[str], new: list[str]) -> None:
    mine, others, whole = changed_words(one, other)
    assert (marked(mine), marked(others), whole) == (gone, new, True)
    assert (text(mine), text(others)) == (one, other)


def test_equal_texts_have_no_mark() -> None:
    mine, others, _ = changed_words("the same words", "the same words")
    assert marked(mine) == marked(others) == []


@pytest.mark.parametrize("word", ["a ", "a b ", "word{} "])
def test_long_texts_are_compared_in_part_and_in_bounded_time(word: str) -> None:
    one = "".join(word.format(number) for number in range(100_000))
    other = "".join(word.format(number * 7) for number in range(100_000))
    begun = time.process_time()
    mine, others, whole = changed_words(one, other)
    assert time.process_time() - begun < 5
    assert not whole
    assert len(text(mine).split()) <= MOST_WORDS
    assert text(others)


def show(one: OneTrace, other: OneTrace, path: str = "/traces", search: str | None = None) -> str:
    return text(compared(one, other, path, search))


def test_figures_stand_beside_each_other_with_their_difference() -> None:
    scored = {"relevance": Score(value=0.5, label="x", confidence=1.0, version="1")}
    first = a_trace(model_name="a", cost_usd=Decimal("0.5"), response_time_ms=2000.0, scores=scored)
    second = a_trace(model_name="b", cost_usd=Decimal("0.75"), response_time_ms=500.0, trace_id=B)
    shown = show(OneTrace(first), OneTrace(second))
    for told in ("Modelabdiffers", "$0.50$0.75+$0.25", "2.0 s500 ms−1.5 s", "Relevance0.50––"):  # noqa: RUF001 as people read it
        assert told in shown
    assert "the same in both" in shown  # both were asked the same


def test_hostile_texts_are_compared_as_texts() -> None:
    one, other = OneTrace(a_trace(response=EVIL)), OneTrace(a_trace(response="safe", trace_id=B))
    assert EVIL in show(one, other)
    assert "dangerously" not in to_json_plotly(compared(one, other, "/traces", ""))


@pytest.mark.parametrize(
    ("path", "search", "swap"),
    [
        ("/traces", f"?period=7d&trace={A}&with={B}", f"/traces?period=7d&trace={B}&with={A}"),
        (f"/traces/{A}", f"?period=7d&with={B}", f"/traces/{B}?period=7d&with={A}"),
        ("/", f"?trace={A}&with={B}", f"/?trace={B}&with={A}"),
    ],
)
def test_the_two_can_be_swapped_in_the_address(path: str, search: str, swap: str) -> None:
    found = dict(links(compared(OneTrace(a_trace()), OneTrace(a_trace(trace_id=B)), path, search)))
    assert found["Swap them"] == swap


@pytest.mark.parametrize(
    ("path", "search", "address"),
    [
        ("/quality", f"?by=model&trace={A}&with={A}", f"/quality?by=model&trace={B}"),
        (f"/traces/{A}", f"?period=7d&with={A}", f"/traces/{B}?period=7d"),
        (None, None, f"/?trace={B}"),
        ("/traces", "", f"/traces?trace={B}"),
    ],
)
def test_a_trace_is_shown_where_the_reader_is(path: str | None, search: str | None, address: str) -> None:
    assert trace_address(path, search, B) == address
