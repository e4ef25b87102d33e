from __future__ import annotations

from dataclasses import replace
from typing import Any
from uuid import UUID

import msgspec
import pytest

from app.channels import examples
from app.channels.examples import fill_examples
from app.schemas.alerts import AlertExample
from app.schemas.traces import Trace
from tests.unit.channels.notices import message

KNOWN, GONE = UUID(int=3), UUID(int=4)
ASKED = replace(
    message(),
    examples=tuple(AlertExample(trace_id=one, prompt=None, response=None) for one in (KNOWN, GONE)),
)


class Stored(msgspec.Struct):
    trace_id: UUID
    prompt: str
    response: str


def shown(prompt: str, response: str) -> tuple[str | None, str | None]:
    stored: Any = Stored(KNOWN, prompt, response)
    (example,) = fill_examples(ASKED, [stored]).examples
    assert example.trace_id == KNOWN
    return example.prompt, example.response


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Write to jane.doe@example.com today.", "Write to [EMAIL_ADDRESS] today."),
        ("My card is 4556 7375 8689 9855.", None),
        ("The bridge is old.", "The bridge is old."),
        ("two\n\nlines", "two lines"),
        ("", None),
        ("word " * 100, None),
    ],
)
def test_examples_are_masked_and_short(text: str, expected: str | None) -> None:
    for found in shown(text, text):
        assert "4556" not in (found or "")
        assert found is None or len(found) <= 240
        if expected is not None:
            assert found == expected


def test_no_half_of_a_name_is_left_where_a_text_is_cut() -> None:
    for lead in range(200, 260):
        prompt, _ = shown("x" * lead + " jane.doe@acme.io", "")
        assert "jane" not in prompt


def test_what_was_erased_is_not_told() -> None:
    assert fill_examples(ASKED, []).examples == ()


def test_nothing_leaves_that_could_not_be_searched(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: list[Trace]) -> None:
        raise ValueError("jane.doe@example.com")

    monkeypatch.setattr(examples, "_redacted", fail)
    assert shown("a", "b") == (None, None)
