import time
from decimal import Decimal
from typing import Any

import pytest

from monitoring.spending.paid_in_vain import find_cut_answers, find_unused_contexts
from monitoring.spending.suggestions import MOST_SUGGESTIONS, find_savings
from tests.unit.spending.calls import call, rating

ANSWER = "the shop in the city is open on every day of the week until late"
USED = "our shop in the city centre is open daily and sells bread"
UNUSED = "the annual report of the board lists revenue in euros for the fiscal period"


@pytest.mark.parametrize(
    ("cut", "whole", "amount"),
    [
        ({"stopped_at_limit": True}, {}, "0.06"),
        ({"limit": 100}, {"limit": 101}, "0.06"),
        # Unfinished answers that all have the greatest length.
        ({"breaks_off": True, "completion": 512}, {"completion": 511}, "0.06"),
        ({"breaks_off": False, "completion": 512}, {"completion": 511}, None),
        ({"breaks_off": True, "completion": 100}, {"completion": 511}, None),
        ({}, {}, None),
        ({"stopped_at_limit": True, "cost_usd": None}, {}, None),
    ],
)
def test_answers_that_were_cut_cost_what_they_cost(
    cut: dict[str, Any], whole: dict[str, Any], amount: str | None
) -> None:
    calls = [*(call(n, **cut) for n in range(6)), *(call(n, **whole) for n in range(6, 20))]
    found = [saving.amount_usd for saving in find_cut_answers(calls)]
    assert found == ([] if amount is None else [Decimal(amount)])


@pytest.mark.parametrize("count", [4, 5])
def test_five_cut_answers_are_the_fewest(count: int) -> None:
    assert len(list(find_cut_answers([call(n, stopped_at_limit=True) for n in range(count)]))) == (count == 5)


@pytest.mark.parametrize(
    ("context", "response", "unused"),
    [
        ((UNUSED,), ANSWER, True),
        ((USED,), ANSWER, False),  # "shop in the city" are more than three words in a row
        ((UNUSED, USED), ANSWER, False),
        (
            ("There were 417 in the shop of the city",),
            "I think that in all of the world the number 417 is right",
            False,
        ),
        (
            ("There were 417 in the shop of the city",),
            "I think that in all of the world no number is ever right",
            True,
        ),
        ((UNUSED, "We asked Mr Vinatieri of Surrey"), f"{ANSWER} says Vinatieri", False),  # a name
        ((UNUSED,), f"{ANSWER} [1]", False),  # it cites something
        ((UNUSED,), "No.", False),  # it tells nothing
        ((UNUSED,), "Der Laden hat an jedem Tag der Woche bis spät geöffnet", False),  # another language
        ((), ANSWER, False),
    ],
)
def test_documents_of_which_nothing_reached_the_answer(
    context: tuple[str, ...], response: str, unused: object
) -> None:
    asked = "When is it open?"
    size = sum(map(len, context))
    calls = [
        call(n, asked, prompt=1000, context=context, response=response, characters=len(asked) + size)
        for n in range(6)
    ]
    found = list(find_unused_contexts(calls, rating))
    assert bool(found) is unused
    if unused:
        # Of 1,000 tokens, the share of the characters; each costs 10 dollars a million.
        tokens = 1000 * size // (len(asked) + size)
        assert found[0].amount_usd == 6 * tokens * Decimal(10) / 1_000_000
        assert found[0].evidence["tokens"] == 6 * tokens


def test_suggestions_are_few_and_the_dearest_come_first() -> None:
    calls = [
        call(100 * model + n, stopped_at_limit=True, model_name=f"m{model}", cost_usd=Decimal(model + 1))
        for model in range(20)
        for n in range(5)
    ]
    found = find_savings(calls, rating)
    assert len(found) == MOST_SUGGESTIONS
    assert [saving.model_name for saving in found[:2]] == ["m19", "m18"]
    assert found[0].amount_usd == 100


def test_small_change_is_not_worth_a_suggestion() -> None:
    cut = [call(n, stopped_at_limit=True) for n in range(5)]
    assert len(find_savings([*cut, call(9, cost_usd=Decimal("9.95"))], rating)) == 1
    assert find_savings([*cut, call(9, cost_usd=Decimal("9.96"))], rating) == []
    assert find_savings([], rating) == []


def test_hostile_texts_take_linear_time() -> None:
    texts = ["a " * 10_000, "a" * 20_000, "\u0130 " * 6_000, ". " * 10_000]
    calls = [
        call(n, texts[n % 4], prompt=9000, response=texts[n % 4], context=(texts[(n + 1) % 4],) * 5)
        for n in range(200)
    ]
    begun = time.process_time()
    find_savings(calls, rating)
    assert time.process_time() - begun < 6
