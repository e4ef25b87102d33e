from decimal import Decimal
from typing import Any

import pytest

from monitoring.spending.cheaper_models import find_cheaper_models
from monitoring.spending.sampled_calls import SampledCall
from tests.unit.spending.calls import call


def answers(count: int = 100, quality: float = 0.6, spread: float = 0.1, **fields: Any) -> list[SampledCall]:
    """Return calls of a template whose qualities are above and below a mean by `spread`."""
    fields = {"template_id": "summary", "is_safe": True, **fields}
    return [call(n, quality=quality + spread * (1 if n % 2 else -1), **fields) for n in range(count)]


CHEAP: dict[str, Any] = {"model_name": "cheap", "cost_usd": Decimal("0.001")}


def test_an_equal_cheaper_model_saves_the_difference_for_each_call() -> None:
    # 100 calls at 0.01 instead of 0.001 each. Variance of each side: 100 * 0.01 / 99. So the
    # interval of the difference of means is 0 +- 1.96 * sqrt(2 * 0.010101 / 100) = 0.0279.
    (saving,) = find_cheaper_models([*answers(), *answers(**CHEAP)])
    assert saving.amount_usd == Decimal("0.9")
    assert (saving.model_name, saving.template_id) == ("dear", "summary")
    assert saving.evidence["cheaper_model"] == "cheap"
    assert saving.evidence["quality_difference_low"] == pytest.approx(-0.0279, abs=1e-4)
    assert "(95 % interval -0.028 to +0.028, 100 and 100 calls)" in saving.text


@pytest.mark.parametrize(
    ("cheap", "found"),
    [
        ({}, True),
        ({"quality": 0.58}, True),  # the interval reaches down to -0.0479
        ({"quality": 0.57}, False),
        ({"quality": 0.9}, True),
        ({"count": 29}, False),
        ({"count": 30}, True),
        ({"count": 30, "spread": 0.15}, False),  # so few leave the interval too wide
        ({"count": 30, "spread": 0.15, "quality": 0.65}, True),
        ({"spread": 0.4}, False),
        ({"template_id": "other"}, False),
        ({"cost_usd": Decimal("0.008")}, True),
        ({"cost_usd": Decimal("0.0081")}, False),
        ({"cost_usd": None}, False),
        ({"is_safe": False}, False),
        ({"is_safe": None}, True),
        ({"failed": True}, False),
    ],
)
def test_only_proof_of_equal_quality_counts(cheap: dict[str, Any], found: object) -> None:
    calls = [*answers(), *answers(**(CHEAP | cheap))]
    assert bool(list(find_cheaper_models(calls))) is found


def test_the_best_of_several_models_is_named_once() -> None:
    middle = answers(model_name="middle", cost_usd=Decimal("0.004"))
    found = list(find_cheaper_models([*answers(), *middle, *answers(**CHEAP)]))
    assert [(one.model_name, one.evidence["cheaper_model"]) for one in found] == [
        ("dear", "cheap"), ("middle", "cheap"),
    ]  # fmt: skip
