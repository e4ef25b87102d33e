from __future__ import annotations

import pytest
from dash import html

from dashboard.drawing.evidence import SHOWN_CHARACTERS, Highlight, Segment, cut, finding_id, marked


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
    first, rest = marked("x" * (SHOWN_CHARACTERS + 1500), [])
    assert len(first) == SHOWN_CHARACTERS
    assert "1,500 more characters" in rest.children


def test_what_was_found_deep_in_a_long_text_is_shown_with_its_surroundings() -> None:
    begin = SHOWN_CHARACTERS + 5_000
    text = f"{'x' * begin}secret{'y' * 9_000}"
    _, left_out, before, mark, after, rest = marked(text, [_pii(begin, begin + 6)], "response")
    assert left_out.children.strip(" …") == "4,800 characters are left out"
    assert (before, mark.children, after) == ("x" * 200, "secret", "y" * 200)
    assert mark.id == finding_id("response", begin)
    assert "8,800 more characters" in rest.children


def test_every_finding_has_a_place_of_its_own() -> None:
    marks = [
        one
        for one in marked("0123456789", [_pii(2, 6), _toxic(4, 8)], "prompt")
        if isinstance(one, html.Mark)
    ]
    assert [getattr(mark, "id", None) for mark in marks] == ["finding-prompt-2", "finding-prompt-4", None]
