from decimal import Decimal

import pytest

from monitoring.spending.savings import CostGroup, suggest


def group(model: str, requests: int, priced: int) -> CostGroup:
    return CostGroup(
        model_name=model,
        requests=requests,
        priced=priced,
        cost_usd=Decimal(priced),
        prompt_tokens=100,
        completion_tokens=10,
    )


@pytest.mark.parametrize(
    ("groups", "count"),
    [
        ([], 0),
        ([group("a", 5, 5)], 0),
        ([group("a", 5, 4)], 1),
        ([group("a", 5, 4), group("a", 5, 0)], 1),
    ],
)
def test_calls_without_a_price_are_named(groups: list[CostGroup], count: int) -> None:
    found = suggest(groups)
    assert [one.kind for one in found] == ["set_price"] * count
    assert all(one.saving_usd is None for one in found)


def test_many_models_are_one_line_with_a_count_and_the_way_to_a_price() -> None:
    (found,) = suggest([*(group(f"mystery-{n}", n, 0) for n in range(1, 177)), group("known", 9, 9)])
    assert found.text == (
        "15576 requests of 176 models have no known price and are missing from every total, most of mystery-176, "
        "mystery-175, mystery-174; set what such a model costs with POST /prices or `llm-monitor prices set`."
    )
    assert (found.kind, found.model_name, found.saving_usd) == ("set_price", "mystery-176", None)


def test_a_model_is_counted_for_all_its_operations() -> None:
    (found,) = suggest([group("mystery", 100, 0), group("mystery", 5, 0)])
    assert "105 requests of 1 model " in found.text
