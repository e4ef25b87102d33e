from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from monitoring.spending.pricing import Rates, rates_of
from monitoring.spending.savings import CostGroup, suggest

AT = datetime(2026, 11, 23, tzinfo=UTC)
NAMES = ("gpt-4", "gpt-4o", "gpt-4o-mini", "claude-opus-4-5")
RATES = {name: rates for name in NAMES if (rates := rates_of(None, name, AT))}
BIG = CostGroup(
    model_name="claude-opus-4-5",
    requests=100,
    priced=100,
    cost_usd=Decimal("7.5"),
    prompt_tokens=1_000_000,
    completion_tokens=100_000,
)
SMALL = CostGroup(
    model_name="gpt-4o-mini",
    requests=100,
    priced=100,
    cost_usd=Decimal("0.01"),
    prompt_tokens=20_000,
    completion_tokens=10_000,
)


def change(group: CostGroup, **fields: Any) -> CostGroup:
    return msgspec.structs.replace(group, **fields)


def kinds(*groups: CostGroup, rates: Any = RATES) -> list[tuple[str, ...]]:
    return [(found.kind, found.model_name) for found in suggest(groups, rates)]


def test_ordinary_traffic_suggests_nothing() -> None:
    assert kinds(BIG, SMALL) == []
    assert kinds() == []


def test_repeated_prompts_suggest_keeping_answers() -> None:
    (found,) = suggest([change(BIG, repeated_requests=40)], RATES)
    assert found.kind == "cache_answers"
    assert found.saving_usd == Decimal("3.0")
    assert "40% of 100 requests" in found.text
    assert "$3.00 of $7.50" in found.text


def test_shared_text_outside_the_cache_suggests_the_prompt_cache() -> None:
    (found,) = suggest([change(BIG, template_tokens=600_000, operation="support")], RATES)
    assert found.kind == "use_prompt_cache"
    assert found.saving_usd == 600_000 * (Decimal("0.000005") - Decimal("0.0000005"))
    assert "claude-opus-4-5 (support): 60%" in found.text


@pytest.mark.parametrize(
    "fields",
    [
        {"template_tokens": 600_000, "cache_read_tokens": 590_000},
        {"template_tokens": 100_000},
        {"template_tokens": 600_000, "requests": 19, "priced": 19},
        {"repeated_requests": 9},
        {"repeated_requests": 90, "cost_usd": Decimal(0)},
    ],
    ids=["already cached", "little shared", "few calls", "few repeats", "free"],
)
def test_what_would_save_little_is_not_suggested(fields: dict[str, Any]) -> None:
    assert kinds(change(BIG, **fields)) == []


def test_a_model_without_a_cache_price_gets_no_cache_advice() -> None:
    assert kinds(change(BIG, model_name="gpt-4", template_tokens=900_000)) == []


def test_short_answers_of_an_expensive_model_suggest_a_cheaper_one_in_use() -> None:
    short = change(BIG, model_name="gpt-4", completion_tokens=2_000, cost_usd=Decimal("30.12"))
    (found,) = suggest([short, SMALL], RATES)
    assert (found.kind, found.model_name) == ("try_cheaper_model", "gpt-4")
    assert "gpt-4o-mini, already in use, would cost $0.15" in found.text
    assert found.saving_usd == pytest.approx(Decimal("29.97"), abs=Decimal("0.01"))


@pytest.mark.parametrize(
    "groups",
    [
        [change(BIG, completion_tokens=2_000)],
        [change(BIG, completion_tokens=20_000), change(SMALL, model_name="gpt-4o")],
        [change(BIG, completion_tokens=2_000, priced=50), SMALL],
    ],
    ids=["no other model", "not five times cheaper", "half unpriced"],
)
def test_no_cheaper_model_is_made_up(groups: list[CostGroup]) -> None:
    assert ("try_cheaper_model", "claude-opus-4-5") not in kinds(*groups)


def test_a_small_share_of_the_bill_is_left_alone() -> None:
    assert kinds(change(SMALL, repeated_requests=100), change(BIG, cost_usd=Decimal(1000))) == []


def test_unpriced_models_are_named_once_and_last() -> None:
    mystery = change(SMALL, model_name="mystery", priced=0, cost_usd=Decimal(0))
    found = suggest(
        [mystery, change(mystery, operation="other", requests=5), change(BIG, repeated_requests=40)], RATES
    )
    assert [one.kind for one in found] == ["cache_answers", "set_price"]
    assert "105 requests" in found[-1].text


def test_the_largest_saving_comes_first() -> None:
    groups = [change(BIG, repeated_requests=20, template_tokens=900_000)]
    savings = [found.saving_usd for found in suggest(groups, RATES)]
    assert savings == sorted(savings, reverse=True)
    assert len(savings) == 2


def test_prices_may_be_unknown() -> None:
    assert suggest([change(BIG, template_tokens=900_000)], {}) == []
    free = Rates(source="x", input=None, output=None)
    assert suggest([change(BIG, template_tokens=900_000)], {"claude-opus-4-5": free}) == []
