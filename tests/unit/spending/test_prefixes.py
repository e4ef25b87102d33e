import time
from decimal import Decimal
from typing import Any

import pytest

from monitoring.spending.prefixes import find_prefixes
from monitoring.spending.sampled_calls import LONGEST_TEXT
from tests.unit.spending.calls import call, rating

RULES = "Answer as the handbook says. " * 200  # 5,800 characters
SHARE = len(RULES)


def asked(number: int) -> str:
    """Return a question of 100 characters, the first of which differ."""
    return f"{number:03} {'?' * 96}"


def test_a_shared_beginning_costs_what_a_cache_would_have_spared() -> None:
    # 30 inputs of 5,900 characters and 5,900 tokens: the first 5,800 are the same, and after them
    # "000" and "010" differ at the second character, so 5,801 are shared. The first call writes the
    # cache at 2.5 dollars a million above input; the 29 others miss 9 dollars a million.
    calls = [call(number, RULES + asked(number), prompt=SHARE + 100) for number in range(30)]
    (saving,) = find_prefixes(calls, rating)
    assert saving.kind == "use_prompt_cache"
    assert saving.amount_usd == (29 * 5801 * Decimal(9) - 5801 * Decimal("2.5")) / 1_000_000
    assert saving.evidence["first_difference_at"] == 5801
    assert saving.evidence["missed_tokens"] == 29 * 5801
    assert "share their first 5,801 characters" in saving.text


def test_what_changes_first_breaks_the_cache_of_the_rest() -> None:
    # "Time 012:00. " has 13 characters, "Time 0" is shared. After the time, ":00. " and the rules
    # are the same in all: 6 + 5,805 = 5,811 of 5,914 characters, and a token is a character.
    system = [f"Time {number:03}:00. {RULES}\n" for number in range(30)]
    calls = [
        call(number, one + "x" * 100, prompt=len(one) + 100, system_characters=len(one), template_id="t")
        for number, one in enumerate(system)
    ]
    (saving,) = find_prefixes(calls, rating)
    assert saving.kind == "move_changing_text"
    assert saving.evidence["first_difference_at"] == 6
    shared = 6 + len(":00. ") + SHARE + 1
    assert saving.evidence["shared_characters"] == shared
    assert saving.amount_usd == (29 * shared * Decimal(9) - shared * Decimal("2.5")) / 1_000_000
    assert "first differ at character 6, where prompt caching breaks" in saving.text


@pytest.mark.parametrize(
    ("change", "count"),
    [
        ({}, 1),
        ({"cached": 5801}, 0),
        ({"prompt": 1000}, 0),  # the shared part is then 983 tokens
        ({"model_name": "unpriced"}, 0),
        ({"gap": 301}, 0),  # nothing lives that long
    ],
)
def test_what_is_cached_short_unpriced_or_rare_is_no_saving(change: dict[str, Any], count: int) -> None:
    calls = [call(n, RULES + asked(n), **({"prompt": SHARE + 100} | change)) for n in range(30)]
    assert len(list(find_prefixes(calls, rating))) == count


def test_half_a_cache_saves_the_other_half() -> None:
    calls = [
        call(number, RULES + asked(number), prompt=SHARE + 100, cached=5801 * (number % 2), written=1)
        for number in range(30)
    ]
    (saving,) = find_prefixes(calls, rating)
    assert saving.evidence["missed_tokens"] == 14 * 5801
    assert saving.amount_usd == 14 * 5801 * Decimal(9) / 1_000_000


@pytest.mark.parametrize("count", [19, 20])
def test_twenty_calls_are_the_fewest(count: int) -> None:
    calls = [call(number, RULES + asked(number), prompt=SHARE + 100) for number in range(count)]
    assert len(list(find_prefixes(calls, rating))) == (count == 20)


def test_a_call_counts_for_one_group() -> None:
    calls = [
        call(n, RULES + asked(n), prompt=SHARE + 100, template_id="t", system_characters=SHARE)
        for n in range(30)
    ]
    assert [saving.template_id for saving in find_prefixes(calls, rating)] == ["t"]


def test_hostile_texts_take_linear_time() -> None:
    calls = [call(n, "a" * (LONGEST_TEXT + n), prompt=9000, system_characters=9000) for n in range(1500)]
    begun = time.process_time()
    (saving,) = find_prefixes(calls, rating)
    assert time.process_time() - begun < 2
    assert saving.evidence["first_difference_at"] is None
