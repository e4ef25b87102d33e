from decimal import Decimal

import pytest

from monitoring.spending.charging import Rates
from monitoring.spending.division import Billed, divide
from monitoring.spending.usage import Usage


def steps(*prices: tuple[int, str]) -> tuple[tuple[int, Decimal], ...]:
    return tuple((bound, Decimal(price) / 1_000_000) for bound, price in prices)


RATES = Rates(
    source="test",
    input=steps((200_000, "20"), (-1, "10")),
    output=steps((-1, "40")),
    cache_read=steps((-1, "1")),
    request=Decimal("0.001"),
    web_search=Decimal("0.01"),
)
PLAIN = Usage(1000, 100)


@pytest.mark.parametrize(
    ("usage", "count", "cost", "parts"),
    [
        # 1,000 at 10 and 100 at 40 dollars a million, and a tenth of a cent for the request.
        (PLAIN, 1, "0.015", ("0.01", "0", "0.004", "0.001")),
        # The cost that was reported is twice ours, and divides alike.
        (PLAIN, 1, "0.03", ("0.02", "0", "0.008", "0.002")),
        # 600 of the 1,000 were read from the cache at 1 dollar a million.
        (Usage(1000, 100, 600), 1, "0.0096", ("0.004", "0.0006", "0.004", "0.001")),
        # Writes have no price of their own, and cost what input costs.
        (Usage(1000, 0, 0, 500), 1, "0.011", ("0.005", "0.005", "0", "0.001")),
        # Reasoning is output, and audio costs what text costs.
        (Usage(1000, 300, 0, 0, 200, 0, 50), 1, "0.023", ("0.01", "0", "0.012", "0.001")),
        # Two searches are fees.
        (Usage(1000, 100, web_searches=2), 1, "0.035", ("0.01", "0", "0.004", "0.021")),
        # Ten calls with 300,000 tokens together are short ones.
        (Usage(300_000, 0), 10, "3.01", ("3", "0", "0", "0.01")),
        (Usage(300_000, 0), 1, "6.001", ("6", "0", "0", "0.001")),
    ],
)
def test_costs_divide_as_prices_do(usage: Usage, count: int, cost: str, parts: tuple[str, ...]) -> None:
    found = divide([Billed(count, Decimal(cost), usage, RATES)])
    amounts = (found.input, found.cached, found.output, found.other)
    assert [float(amount) for amount in amounts] == pytest.approx([float(part) for part in parts])
    assert sum(amounts) == Decimal(cost)


@pytest.mark.parametrize("rates", [None, Rates(source="none", input=None, output=None)])
def test_costs_without_prices_are_other(rates: Rates | None) -> None:
    found = divide([Billed(1, Decimal("0.5"), PLAIN, rates)])
    assert (found.other, found.input) == (Decimal("0.5"), 0)
