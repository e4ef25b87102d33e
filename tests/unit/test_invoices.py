"""Invoices worked out by hand: what a call costs at each provider, with the arithmetic written out.

Prices are those of genai-prices 0.2.3, the installed table, in US dollars per million tokens (M) or
thousand requests. Every call is made on 2026-11-30 at 12:00 UTC unless its row names another moment.
Each usage is the object that the provider sends.
"""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, NamedTuple

import msgspec
import pytest

from app.schemas.records import read_record
from monitoring.spending.pricing import price_call, table_name
from monitoring.spending.usage import usage_of

NOON = datetime(2026, 11, 30, 12, tzinfo=UTC)


class Invoice(NamedTuple):
    provider: str | None
    model: str
    usage: dict[str, Any]
    cost: str | None
    tier: str | None = None
    at: datetime = NOON


def chat(prompt: int, completion: int, total: int | None = None, **details: int) -> dict[str, Any]:
    inside = {name: details.pop(name) for name in ("reasoning_tokens",) if name in details}
    sums = {} if total is None else {"total_tokens": total}
    return {"prompt_tokens": prompt, "completion_tokens": completion, "prompt_tokens_details": details, **sums,
            "completion_tokens_details": inside}  # fmt: skip


CLAUDE_5M_AND_1H = {
    "input_tokens": 12,
    "cache_creation_input_tokens": 32435,
    "cache_read_input_tokens": 66360,
    "cache_creation": {"ephemeral_5m_input_tokens": 2435, "ephemeral_1h_input_tokens": 30000},
    "output_tokens": 5120,
}
BEDROCK = {
    "inputTokens": 1200,
    "cacheReadInputTokens": 20000,
    "cacheWriteInputTokens": 3000,
    "outputTokens": 800,
    "totalTokens": 25000,
}
SONNET = "anthropic.claude-sonnet-4-5-20250929-v1:0"
GPT_5 = chat(10000, 1000, cached_tokens=4096)

INVOICES = {
    # 17 x .05 + 482 x .4 = .85 + 192.8; reasoning is inside the completion
    "OpenAI Chat": Invoice("openai", "gpt-5-nano", chat(17, 482, reasoning_tokens=448), ".00019365"),
    # 538 x .25 + 2208 x .025 + 197 x 2 = 134.5 + 55.2 + 394
    "OpenAI Responses": Invoice(
        "openai", "gpt-5-mini",
        {"input_tokens": 2746, "input_tokens_details": {"cached_tokens": 2208}, "output_tokens": 197,
         "output_tokens_details": {"reasoning_tokens": 64}, "total_tokens": 2943},
        ".0005837",
    ),
    # 5904 x 2.5 + 4096 x .25 + 1000 x 20 = 14760 + 1024 + 20000
    "OpenAI priority": Invoice("openai", "gpt-5", GPT_5, ".035784", "priority"),
    # 5904 x .625 + 4096 x .0625 + 1000 x 5 = 3690 + 256 + 5000
    "OpenAI batch": Invoice("openai", "gpt-5", GPT_5, ".008946", "batch"),
    # 12 x 5 + 2435 x 6.25 + 30000 x 10 + 66360 x .5 + 5120 x 25 = 60 + 15218.75 + 300000 + 33180 + 128000
    "Anthropic, writes for 5 minutes and an hour": Invoice(
        "anthropic", "claude-opus-4-5", CLAUDE_5M_AND_1H, ".47645875"
    ),
    # above 200,000: 5005 x 2.5 + 257955 x .25 + 1744 x 15 = 12512.5 + 64488.75 + 26160
    "Gemini above a context bound": Invoice(
        "google", "gemini-2.5-pro",
        {"promptTokenCount": 262960, "cachedContentTokenCount": 257955, "candidatesTokenCount": 1744},
        ".10316125",
    ),
    # 3684 x .3 + 7441 x .03 + (20 + 409) x 2.5 = 1105.2 + 223.23 + 1072.5; thoughts are beside the candidates
    "Gemini with thoughts": Invoice(
        "google", "gemini-2.5-flash",
        {"promptTokenCount": 11125, "cachedContentTokenCount": 7441, "candidatesTokenCount": 20,
         "thoughtsTokenCount": 409},
        ".00240093",
    ),
    # 1200 x 3.3 + 20000 x .33 + 3000 x 4.125 + 800 x 16.5 = 3960 + 6600 + 12375 + 13200
    "Bedrock in a region": Invoice("aws.bedrock", f"eu.{SONNET}", BEDROCK, ".036135"),
    # 1200 x 3 + 20000 x .3 + 3000 x 3.75 + 800 x 15 = 3600 + 6000 + 11250 + 12000
    "Bedrock in all regions": Invoice("aws.bedrock", f"global.{SONNET}", BEDROCK, ".03285"),
    # 9992 x 1.25 + 128 x .2 + (1499 + 2809) x 2.5 = 12490 + 25.6 + 10770; reasoning is beside the completion
    "xAI": Invoice("xai", "grok-4.20", chat(10120, 1499, 14428, cached_tokens=128, reasoning_tokens=2809), ".0232856"),
    # 33 x .15 + 4608 x .075 + 1817 x .6 = 4.95 + 345.6 + 1090.2
    "Groq": Invoice("groq", "gpt-oss-120b", chat(4641, 1817, cached_tokens=4608), ".00144075"),
}  # fmt: skip


def cost_of(invoice: Invoice) -> Decimal | None:
    body = {"prompt": "p", "response": "r", "provider": invoice.provider, "model_name": invoice.model,
            "usage": invoice.usage, "service_tier": invoice.tier, "timestamp": invoice.at}  # fmt: skip
    record = read_record(msgspec.json.encode(body))
    return price_call(record, usage_of(record), invoice.at).cost_usd


def test_prices_are_those_that_the_invoices_were_worked_out_with() -> None:
    assert table_name() == "genai-prices 0.2.3"


@pytest.mark.parametrize("invoice", INVOICES.values(), ids=INVOICES)
def test_a_call_costs_what_its_provider_charges(invoice: Invoice) -> None:
    assert cost_of(invoice) == (None if invoice.cost is None else Decimal(invoice.cost))
