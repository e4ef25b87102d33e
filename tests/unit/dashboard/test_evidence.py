from __future__ import annotations

import pytest
from dash import html

from dashboard.drawing.evidence import SHOWN_CHARACTERS, Highlight, Segment, cut, marked


def _pii(start: int, end: int) -> Highlight:
    return Highlight(start, end, "pii", "email address")


def _toxic(start: int, end: int) -> Highlight:
    return Highlight(start, end, "toxicity", "insult")


@pytest.mark.parametrize(
    ("highlights", "pieces"),
    [
        ([], [("0123456789", 0)]),
        ([_pii(2, 4)], [("01", 0), ("23", 1), ("456789", 0)]),
        ([_pii(0, 10)], [("0123456789", 1)]),
        ([_pii(2, 6), _toxic(4, 8)], [("01", 0), ("23", 1), ("45", 2), ("67", 1), ("89", 0)]),
        ([_toxic(4, 5), _pii(2, 8)], [("01", 0), ("23", 1), ("4", 2), ("567", 1), ("89", 0)]),
        ([_pii(2, 4), _pii(4, 6)], [("01", 0), ("23", 1), ("45", 1), ("6789", 0)]),
        ([_pii(8, 99)], [("01234567", 0), ("89", 1)]),
        ([_pii(-5, 1)], [("0", 1), ("123456789", 0)]),
        ([_pii(4, 4), _pii(6, 5), _pii(20, 30)], [("0123456789", 0)]),
    ],
)
def test_a_text_is_cut_at_every_border_of_a_finding(
    highlights: list[Highlight], pieces: list[tuple[str, int]]
) -> None:
    assert [(segment.text, len(segment.highlights)) for segment in cut("0123456789", highlights)] == pieces


def test_an_empty_text_has_no_segments() -> None:
    assert cut("", [_pii(0, 3)]) == []


def test_an_overlap_names_both_highlights() -> None:
    assert cut("0123", [_pii(0, 4), _toxic(0, 4)]) == [Segment("0123", (_pii(0, 4), _toxic(0, 4)))]


def test_a_mark_says_who_found_it_and_why() -> None:
    before, mark = marked("write to a@b.org", [_pii(9, 16)])
    assert before == "write to "
    assert isinstance(mark, html.Mark)
    assert mark.children == "a@b.org"
    assert mark.to_plotly_json()["props"]["title"] == "PII: email address"


def test_a_megabyte_is_cut_short_and_says_so() -> None:
    text = "x" * (SHOWN_CHARACTERS + 1500)
    first, rest = marked(text, [_pii(SHOWN_CHARACTERS + 5, SHOWN_CHARACTERS + 9)])
    assert len(first) == SHOWN_CHARACTERS
    assert "1,500 more characters" in rest.children
