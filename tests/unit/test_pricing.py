import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from genai_prices import Usage as TableUsage
from genai_prices import calc_price
from hypothesis import given
from hypothesis import strategies as st

from monitoring.spending.pricing import MODEL_COSTS, Priced, PricingStatus, Usage, price, rates_of

AT = datetime(2026, 11, 20, 12, 34, 56, tzinfo=UTC)
CALL = Usage(prompt=1000, completion=500)


def cost(
    model: str,
    provider: str | None = None,
    usage: Usage = CALL,
    at: datetime = AT,
    overrides: dict[str, Any] | None = None,
) -> Decimal:
    return price(usage, provider, model, at, overrides).cost_usd


@pytest.mark.parametrize(
    ("provider", "model"),
    [
        (None, "gpt-4o"),
        ("openai", "gpt-4o-2024-08-06"),
        ("anthropic", "claude-sonnet-4-20250514"),
        ("google", "gemini-2.5-pro"),
        ("groq", "llama-3.1-8b-instant"),
        ("openrouter", "anthropic/claude-3.5-sonnet"),
        ("deepseek", "deepseek-chat"),
        ("mistral", "mistral-large-latest"),
    ],
)
def test_prices_agree_with_the_tables_own_calculation(provider: str | None, model: str) -> None:
    for usage in (CALL, Usage(300_000, 2_000), Usage(8_000, 100, cache_read=6_000), Usage(0, 0)):
        expected = calc_price(
            TableUsage(
                input_tokens=usage.prompt,
                output_tokens=usage.completion,
                cache_read_tokens=usage.cache_read,
            ),
            model,
            provider_id=provider,
            genai_request_timestamp=AT,
        )
        assert cost(model, provider, usage) == expected.total_price


@pytest.mark.parametrize(
    ("provider", "model", "same_as"),
    [
        (None, "azure/gpt-4o", ("azure", "gpt-4o")),
        ("azure", "azure/gpt-4o", ("azure", "gpt-4o")),
        ("azure.ai.openai", "gpt-4o", ("azure", "gpt-4o")),
        (None, "openai/gpt-4o", ("openai", "gpt-4o")),
        (None, "GPT-4o", ("openai", "gpt-4o")),
        ("litellm", "anthropic/claude-opus-4-5", ("anthropic", "claude-opus-4-5")),
        (None, "bedrock/anthropic.claude-3-5-sonnet-20240620-v1:0", "bedrock"),
        (None, "bedrock/us-east-1/anthropic.claude-3-5-sonnet-20240620-v1:0", "bedrock"),
        (None, "anthropic.claude-3-5-sonnet-20240620-v1:0", "bedrock"),
        ("aws.bedrock", "us.anthropic.claude-3-5-sonnet-20240620-v1:0", "bedrock"),
        ("x_ai", "grok-3", ("x-ai", "grok-3")),
        ("gcp.vertex_ai", "gemini-2.5-pro", ("google", "gemini-2.5-pro")),
    ],
)
def test_other_spellings_mean_the_same_model(
    provider: str | None, model: str, same_as: str | tuple[str, ...]
) -> None:
    known = ("aws", "anthropic.claude-3-5-sonnet-20240620-v1:0") if same_as == "bedrock" else same_as
    expected = price(CALL, known[0], known[1], AT)
    assert expected.status == "priced"
    assert price(CALL, provider, model, AT) == expected


@pytest.mark.parametrize(
    ("provider", "model"),
    [
        (None, "unknown"),
        (None, ""),
        (None, "/"),
        (None, "my-fine-model"),
        (None, "gpt-4-my-own-thing"),
        (None, "llama3:8b"),
        (None, "llama3.1:8b"),
        (None, "nobody/gpt-4o"),
        ("ollama", "llama3:8b"),
        ("my-gateway", "gpt-4o"),
        ("anthropic", "gpt-4o"),
        (None, "gpt-4o" + "x" * 1_000_000),
        (None, "\x00"),
    ],
)
def test_an_unknown_model_has_no_price(provider: str | None, model: str) -> None:
    assert price(CALL, provider, model, AT) == Priced(None, PricingStatus.UNKNOWN, "")


def test_the_source_names_the_table_its_version_and_the_model() -> None:
    assert price(CALL, None, "gpt-4o-2024-08-06", AT).source == "genai-prices 0.2.3:openai/gpt-4o"


def test_prices_are_those_of_the_day() -> None:
    before = cost("o3", "openai", at=datetime(2025, 5, 1, tzinfo=UTC))
    after = cost("o3", "openai", at=AT)
    assert before is not None
    assert after is not None
    assert before > 4 * after


def test_peak_hours_that_begin_at_half_past_are_honoured_in_any_time_zone() -> None:
    quiet = datetime(2025, 8, 1, 0, 29, tzinfo=UTC)
    peak = quiet + timedelta(minutes=2)
    assert cost("deepseek-chat", "deepseek", at=quiet) < cost("deepseek-chat", "deepseek", at=peak)
    elsewhere = peak.astimezone(timezone(timedelta(hours=5, minutes=45)))
    assert cost("deepseek-chat", "deepseek", at=elsewhere) == cost("deepseek-chat", "deepseek", at=peak)


def test_tiers_are_chosen_by_all_input_tokens_cached_ones_included() -> None:
    plain = Usage(prompt=200_001)
    mostly_cached = Usage(prompt=200_001, cache_read=200_000)
    rates = rates_of("google", "gemini-2.5-pro", AT)
    assert rates is not None
    assert rates.input is not None
    assert rates.cache_read is not None
    assert cost("gemini-2.5-pro", "google", plain) == 200_001 * rates.input[0][1]
    assert (
        cost("gemini-2.5-pro", "google", mostly_cached)
        == rates.input[0][1] + 200_000 * rates.cache_read[0][1]
    )


def test_cached_tokens_are_part_of_the_prompt_unless_they_exceed_it() -> None:
    inclusive = Usage(prompt=10_000, completion=10, cache_read=8_000, cache_write=1_000)
    exclusive = Usage(prompt=1_000, completion=10, cache_read=8_000, cache_write=1_000)
    assert (inclusive.dialect, exclusive.dialect) == ("inclusive", "exclusive")
    first = price(inclusive, "anthropic", "claude-opus-4-5", AT)
    second = price(exclusive, "anthropic", "claude-opus-4-5", AT)
    assert first.cost_usd == second.cost_usd == Decimal("0.0155")
    assert second.dialect == "exclusive"


def test_reasoning_is_part_of_the_completion_unless_it_exceeds_it() -> None:
    inclusive = Usage(prompt=100, completion=1_000, reasoning=900)
    exclusive = Usage(prompt=100, completion=100, reasoning=900)
    assert cost("gpt-4o", usage=inclusive) == cost("gpt-4o", usage=exclusive)
    assert exclusive.dialect == "exclusive"


def test_a_kind_of_token_without_a_price_makes_the_cost_unknown() -> None:
    embedding = "text-embedding-3-small"
    assert cost(embedding, "openai", Usage(prompt=1000)) == Decimal("0.00002")
    assert price(CALL, "openai", embedding, AT).status == "unknown"


@given(st.lists(st.integers(0, 10**9), min_size=5, max_size=5))
def test_costs_are_exact_and_never_negative(tokens: Any) -> None:
    total = cost("claude-opus-4-5", "anthropic", Usage(*tokens))
    assert total is not None
    assert total >= 0
    assert total == total.quantize(Decimal("0.00000001"))


@pytest.mark.parametrize("field", range(5))
def test_negative_counts_are_refused(field: int) -> None:
    with pytest.raises(ValueError, match="zero or more"):
        Usage(*(-1 if i == field else 0 for i in range(5)))


def test_model_costs_holds_exactly_what_users_know() -> None:
    assert MODEL_COSTS == {
        "gpt-4": {"prompt": 3e-5, "completion": 6e-5},
        "gpt-3.5-turbo": {"prompt": 1e-6, "completion": 2e-6},
        "claude-3": {"prompt": 1.5e-5, "completion": 7.5e-5},
    }


def test_the_dated_table_beats_a_shipped_entry_and_fills_in_where_it_knows_nothing() -> None:
    assert price(CALL, None, "gpt-3.5-turbo", AT).source == "genai-prices 0.2.3:openai/gpt-3.5-turbo"
    assert price(CALL, None, "claude-3", AT) == Priced(Decimal("0.0525"), PricingStatus.PRICED, "MODEL_COSTS")


def test_a_changed_or_added_entry_beats_the_dated_table(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(MODEL_COSTS, "my-own", {"prompt": 1e-6, "completion": 2e-6})
    monkeypatch.setitem(MODEL_COSTS["gpt-4"], "prompt", 0.5)
    assert cost("my-own") == Decimal("0.002")
    assert cost("gpt-4", usage=Usage(prompt=2)) == Decimal("1.0")


def test_an_override_beats_everything_and_may_price_the_cache() -> None:
    own = {"gpt-4o": {"prompt": 1e-6, "completion": Decimal("0.000002"), "cache_read": 1e-7}}
    assert cost("gpt-4o", usage=Usage(1000, 10, cache_read=900), overrides=own) == Decimal("0.00021")
    assert price(CALL, "ollama", "llama3:8b", AT, {"llama3:8b": {"prompt": 0, "completion": 0}}) == Priced(
        Decimal(0), PricingStatus.PRICED, "override"
    )


@pytest.mark.parametrize("bad", [-1e-6, float("nan"), float("inf")])
def test_an_override_is_a_price(bad: float) -> None:
    with pytest.raises(ValueError, match="price per token"):
        cost("mine", overrides={"mine": {"prompt": bad, "completion": 0}})


def test_loading_and_using_the_table_opens_no_socket() -> None:
    code = """
import socket, sys
from datetime import UTC, datetime
def refuse(*_):
    raise SystemExit("pricing reached for the network")
sys.addaudithook(lambda event, _: refuse() if event.startswith("socket.") else None)
from monitoring.spending.pricing import Usage, price
for model in ("gpt-4o", "nobody-knows-this", "claude-opus-4-5"):
    price(Usage(10, 10), None, model, datetime(2026, 11, 20, tzinfo=UTC))
"""
    ended = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
    assert (ended.returncode, ended.stderr) == (0, "")


def test_importing_the_module_does_not_load_the_table() -> None:
    code = "import sys, monitoring.spending.pricing; sys.exit('genai_prices' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_remembered_price_takes_microseconds() -> None:
    cost("gpt-4o")
    before = time.thread_time()
    for _ in range(2_000):
        cost("gpt-4o")
    assert (time.thread_time() - before) / 2_000 < 100e-6
