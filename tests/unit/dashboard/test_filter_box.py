from __future__ import annotations

from typing import Any

import pytest
from plotly.io.json import to_json_plotly

from app.errors import InvalidParameter
from app.filters import parse_filter
from app.filters.fields import FAMILIES, FIELDS
from dashboard.drawing.filter_box import filter_box, filter_words

WORDS = filter_words()


def test_every_field_is_proposed_with_what_may_follow_it() -> None:
    assert {word["name"] for word in WORDS} == {field.name for field in (*FIELDS, *FAMILIES)}
    assert all(word["signs"] and word["about"] for word in WORDS)


@pytest.mark.parametrize("word", WORDS, ids=lambda word: word["name"])
def test_what_is_proposed_can_be_read(word: dict[str, Any]) -> None:
    name = str(word["name"]) + ("key" if str(word["name"]).endswith(".") else "")
    values = list(word["values"]) or [
        '"2026-11-30T14:00:00Z"',
        "1",
        "01a21640-82db-7fe4-9a11-2837efa28200",
        "ab",
    ]
    for sign in word["signs"]:
        ends = [""] if "null" in sign else [f" {value}{')' if '(' in sign else ''}" for value in values]
        assert any(_reads(f"{name} {sign}{end}") for end in ends), sign


def _reads(text: str) -> bool:
    try:
        return bool(parse_filter(text).condition)
    except InvalidParameter:
        return False


def test_the_box_has_a_name_and_reads_nothing() -> None:
    shown = to_json_plotly(filter_box())
    assert '"aria-label":"Filter"' in shown
