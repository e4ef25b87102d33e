from decimal import Decimal
from typing import Any

import pytest

from monitoring.spending.repeats import find_repeats, find_retries, normal_form
from tests.unit.spending.calls import call

ASKED = "What is your refund policy?"


@pytest.mark.parametrize(
    ("texts", "exact", "near"),
    [
        ([ASKED] * 6, 5, 0),
        ([ASKED, *["what is your  refund policy"] * 5], 4, 1),
        ([ASKED, *[f"{ASKED}\n"] * 5], 4, 1),
        ([ASKED, *["“What is your refund policy”!"] * 3, *[ASKED] * 2], 4, 1),
    ],
)
def test_repeated_prompts_cost_what_their_answers_cost(texts: list[str], exact: int, near: int) -> None:
    (saving,) = find_repeats([call(number, text) for number, text in enumerate(texts)])
    assert saving.amount_usd == (exact + near) * Decimal("0.01")
    assert (saving.evidence["exact"], saving.evidence["near"]) == (exact, near)
    assert saving.evidence["of_calls"] == len(texts)
    assert saving.text.startswith("dear: 5 of 6 calls")
    assert len(saving.trace_ids) == exact + near


@pytest.mark.parametrize(
    "texts",
    [
        # Too few to be worth a cache.
        [ASKED] * 5,
        # A number, a sign or another word asks something else.
        [f"What does order {n} cost today?" for n in range(9)],
        [f"What is {n} {sign} 7 in all of it?" for n in range(5) for sign in "+-"],
        ["Does A beat B in chess?", "Does B beat A in chess?"] * 2,
        # What "yes" means depends on what was said before.
        ["yes"] * 20,
        [""] * 20,
    ],
)
def test_what_asks_something_else_is_no_repeat(texts: list[str]) -> None:
    assert list(find_repeats([call(number, text) for number, text in enumerate(texts)])) == []


def differing(number: int) -> dict[str, Any]:
    return {"documents_digest": str(number)}


@pytest.mark.parametrize(
    ("fields", "found"),
    [
        (lambda _: {}, True),
        (lambda number: {"model_name": f"model {number}"}, False),
        (differing, False),
        (lambda _: {"failed": True}, False),
        (lambda _: {"cost_usd": None}, False),
    ],
)
def test_only_the_same_model_with_the_same_documents_repeats(fields: Any, found: object) -> None:
    calls = [call(number, ASKED, **fields(number)) for number in range(9)]
    assert bool(list(find_repeats(calls))) is found


@pytest.mark.parametrize(
    ("fields", "gap", "wasted"),
    [
        # Nine attempts: each but the last was sent again.
        ({"failed": True}, 60, 8),
        ({"response": " "}, 60, 8),
        ({"failed": True}, 601, None),
        ({"owner": "ann"}, 30, 8),
        ({"owner": "ann"}, 61, None),
        # Without a user, several answers to one question may be wanted.
        ({}, 0, None),
    ],
)
def test_a_retry_pays_the_first_attempt_in_vain(
    fields: dict[str, Any], gap: float, wasted: int | None
) -> None:
    found = list(find_retries([call(number, ASKED, gap=gap, **fields) for number in range(9)]))
    assert [saving.amount_usd for saving in found] == ([] if wasted is None else [wasted * Decimal("0.01")])


def test_no_call_is_both_a_retry_and_a_repeat() -> None:
    calls = [call(number, ASKED, gap=10, owner="ann") for number in range(9)]
    assert len(list(find_retries(calls))) == 1
    assert list(find_repeats(calls)) == []


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("  Hello,\tWorld!  ", "hello world"),
        ("3.5 is not 35", "3.5 is not 35"),
        ("C++ or C?", "c++ or c"),
        ("... ?!", ""),
        ("STRASSE straße", "strasse strasse"),
    ],
)
def test_the_normal_form_keeps_what_matters(text: str, form: str) -> None:
    assert normal_form(text) == form
