"""Cells that a spreadsheet would compute, beside those that it would not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis.strategies import text

from app.exporting.cells import defused, original

FORMULAS = [
    "=1+1",
    "+1",
    "-1",
    "@SUM(A1)",
    "\t=1",
    "\tx",
    "\rx",
    "\nx",
    " =1",
    "\u00a0=1",
    "\u3000=1",
    "'=1",
    '"=1"',
    "\u201c=1",
    "\u200b=1",
    "\ufeff@x",
    "\uff1dHYPERLINK()",
    "\uff0b1",
    "\uff0d1",
    "\uff20x",
    "\ufe62x",
    "\u22121",
    " '\" \uff1dx",
    "-",
    "- a list",
]
HARMLESS = [
    "",
    "a",
    "1",
    "a=b",
    "x@example.org",
    "1-2",
    "(=1)",
    "'quoted'",
    '"quoted" = x',
    " leading space",
    "[1]",
    '{"a": "=1"}',
    "#=1",
    "%=1",
    "\u2014 dash",
    "\u00b11",
    "caf\u00e9 =",
]


@pytest.mark.parametrize("one", FORMULAS)
def test_what_a_spreadsheet_would_compute_gets_an_apostrophe(one: str) -> None:
    assert defused(one) == f"'{one}"
    assert original(defused(one)) == one


@pytest.mark.parametrize("one", HARMLESS)
def test_other_texts_stay_as_they_are(one: str) -> None:
    assert defused(one) == one
    assert original(one) == one


@given(text())
def test_every_text_comes_back(one: str) -> None:
    cell = defused(one)
    assert original(cell) == one
    assert cell.lstrip()[:1] not in {"=", "+", "-", "@"}
    assert defused(cell)[1:] == cell or defused(cell) == cell
