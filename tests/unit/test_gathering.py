"""What a call takes from a span that tells of it once more, and what that makes of its price."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from app.schemas.traces import Trace
from tests.unit.test_aggregation import trace
from workers.spans.gathering import complete

TOKENS = {"prompt_tokens": 100, "completion_tokens": 10}
HOUSE: dict[str, Any] = {"provider": "my-gateway", "model_name": "house-model"}
KNOWN: dict[str, Any] = {"provider": "openai", "model_name": "gpt-4o"}
SILENT: dict[str, Any] = {"token_source": "estimated", "prompt_tokens": 7, "completion_tokens": 3}
PAID: dict[str, Any] = {
    "cost_usd": Decimal("0.012"),
    "pricing_status": "priced",
    "price_source": "reported",
    "reported_cost_usd": Decimal("0.012"),
}
FREE: dict[str, Any] = {"cost_usd": None, "pricing_status": "unknown", "price_source": None}


def told(**fields: Any) -> Trace:
    return trace(**{"token_source": "reported", **TOKENS, **fields})


@pytest.mark.parametrize(
    ("call", "span", "expected"),
    [
        # The cost that the call's client reported still counts if no table knows the model, whoever
        # reports the tokens.
        (HOUSE | PAID | SILENT, HOUSE | FREE, ("0.012", "reported", "0.012")),
        (HOUSE | FREE | SILENT, HOUSE | PAID, ("0.012", "reported", "0.012")),
        (HOUSE | FREE, HOUSE | PAID, ("0.012", "reported", "0.012")),
        (HOUSE | FREE, HOUSE | FREE, (None, None, None)),
        # A call's own report is kept, and counts even if the table knows the model.
        (HOUSE | PAID, HOUSE | PAID | {"reported_cost_usd": Decimal(9)}, ("0.012", "reported", "0.012")),
        (KNOWN | FREE | SILENT, KNOWN | PAID, ("0.012", "reported", "0.012")),
    ],
)
def test_a_told_cost_is_kept(
    call: dict[str, Any], span: dict[str, Any], expected: tuple[str | None, str | None, str | None]
) -> None:
    found = complete(told(**call), [told(**span)])
    source = found.price_source if found.price_source in {None, "reported"} else "table"
    shown = (found.cost_usd, source, found.reported_cost_usd)
    assert shown == tuple(Decimal(one) if one and one[0].isdigit() else one for one in expected)


@pytest.mark.parametrize(
    ("because", "completion", "kept"),
    [
        ("same_response_id", 9, 9),  # the first event of the stream was added
        ("same_response_id", 2, 2),
        ("same_response_id", 1, 10),  # by more than that it is another count
        ("same_response_id", 11, 10),
        ("same_usage", 9, 10),
    ],
)
def test_what_the_first_event_of_a_stream_counted_is_not_counted_again(
    because: str, completion: int, kept: int
) -> None:
    span = told(**KNOWN, restates_because=because, completion_tokens=completion)
    assert complete(told(**KNOWN), [span]).completion_tokens == kept
