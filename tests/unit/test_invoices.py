"""Invoices worked out by hand: what a call costs at each provider, with the arithmetic written out.

Prices are those of genai-prices 0.2.3, the installed table, in US dollars per million tokens (M) or
thousand requests. Every call is made on 2026-11-30 at 12:00 UTC unless its row names another
moment. Each usage is the object that the provider sends.
"""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, NamedTuple

import msgspec
import pytest
from genai_prices import Usage as TableUsage
from genai_prices import calc_price

from app.schemas.records import read_record
from monitoring.spending.pricing import price, price_call, table_name
from monitoring.spending.usage import Usage, usage_of

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
    # 12 x 5 + 2435 x 6.25 + 30000 x 10 + 66360 x .5 + 5120 x 25
    # = 60 + 15218.75 + 300000 + 33180 + 128000
    "Anthropic, writes for 5 minutes and an hour": Invoice(
        "anthropic", "claude-opus-4-5", CLAUDE_5M_AND_1H, ".47645875"
    ),
    # above 200,000: 5005 x 2.5 + 257955 x .25 + 1744 x 15 = 12512.5 + 64488.75 + 26160
    "Gemini above a context bound": Invoice(
        "google", "gemini-2.5-pro",
        {"promptTokenCount": 262960, "cachedContentTokenCount": 257955, "candidatesTokenCount": 1744},
        ".10316125",
    ),
    # 3684 x .3 + 7441 x .03 + (20 + 409) x 2.5 = 1105.2 + 223.23 + 1072.5;
    # thoughts are beside the candidates
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
    # 9992 x 1.25 + 128 x .2 + (1499 + 2809) x 2.5 = 12490 + 25.6 + 10770;
    # reasoning is beside the completion
    "xAI": Invoice("xai", "grok-4.20", chat(10120, 1499, 14428, cached_tokens=128, reasoning_tokens=2809), ".0232856"),
    # 33 x .15 + 4608 x .075 + 1817 x .6 = 4.95 + 345.6 + 1090.2
    "Groq": Invoice("groq", "gpt-oss-120b", chat(4641, 1817, cached_tokens=4608), ".00144075"),
}  # fmt: skip

EVENING = datetime(2026, 11, 30, 16, 30, tzinfo=UTC)
DEEPSEEK = {"prompt_tokens": 1000, "prompt_cache_hit_tokens": 600, "prompt_cache_miss_tokens": 400,
            "completion_tokens": 100, "total_tokens": 1100}  # fmt: skip
MORE_INVOICES = {
    # 1000000 x .125
    "OpenAI flex": Invoice("openai", "gpt-5-mini", chat(1_000_000, 0), ".125", "flex"),
    # 6000 x 1.25 + 4000 x 1.25 + 500 x 5 = 7500 + 5000 + 2500;
    # a batch does not discount what is read from the cache
    "OpenAI batch with cached tokens": Invoice("openai", "gpt-4o", chat(10000, 500, cached_tokens=4000), ".015", "batch"),
    # 100 x 4 + 900 x 32 + 50 x 16 + 450 x 64 = 400 + 28800 + 800 + 28800
    "OpenAI Realtime, audio": Invoice(
        "openai", "gpt-realtime",
        {"input_tokens": 1000, "input_token_details": {"text_tokens": 100, "audio_tokens": 900},
         "output_tokens": 500, "output_token_details": {"text_tokens": 50, "audio_tokens": 450}},
        ".0588",
    ),
    # text 100 x 4 + 100 x .4, audio 300 x 32 + 500 x .4, answer 10 x 16
    # = 400 + 40 + 9600 + 200 + 160
    "OpenAI Realtime, cached audio": Invoice(
        "openai", "gpt-realtime",
        {"input_tokens": 1000, "output_tokens": 10,
         "input_token_details": {"text_tokens": 200, "audio_tokens": 800, "cached_tokens": 600,
                                 "cached_tokens_details": {"text_tokens": 100, "audio_tokens": 500}}},
        ".0104",
    ),
    # 200 x 4 + 100 x 32 + 50 x 16 + 150 x 64 = 800 + 3200 + 800 + 9600
    "OpenAI Chat, audio": Invoice(
        "openai", "gpt-realtime",
        {"prompt_tokens": 300, "prompt_tokens_details": {"audio_tokens": 100, "cached_tokens": 0},
         "completion_tokens": 200, "completion_tokens_details": {"audio_tokens": 150, "reasoning_tokens": 0}},
        ".0144",
    ),
    # 50 x 5 + 350 x 10 + 1000 x 40 = 250 + 3500 + 40000
    "OpenAI Images": Invoice(
        "openai", "gpt-image-1",
        {"input_tokens": 400, "input_tokens_details": {"text_tokens": 50, "image_tokens": 350},
         "output_tokens": 1000, "total_tokens": 1400},
        ".04375",
    ),
    # exactly at the bound, which is exclusive: 272000 x 2.5 + 100 x 15 = 680000 + 1500
    "OpenAI at a context bound": Invoice("openai", "gpt-5.4", chat(272_000, 100), ".6815"),
    # one more: 272001 x 5 + 100 x 22.5 = 1360005 + 2250
    "OpenAI above a context bound": Invoice("openai", "gpt-5.4", chat(272_001, 100), "1.362255"),
    # below the bound, which is inclusive: 199999 x 1.25 + 10 x 2.5 = 249998.75 + 25
    "xAI below a context bound": Invoice("xai", "grok-4.20", chat(199_999, 10), ".25002375"),
    # exactly at it: 200000 x 2.5 + 10 x 5
    "xAI at a context bound": Invoice("xai", "grok-4.20", chat(200_000, 10), ".50005"),
    # 1000 x .2 + 100 x .5: in the Responses API reasoning is inside the output
    "xAI Responses": Invoice(
        "xai", "grok-4-fast-reasoning",
        {"input_tokens": 1000, "output_tokens": 100, "output_tokens_details": {"reasoning_tokens": 40}},
        ".00025",
    ),
    # 9992 x 1 + 128 x .16 + (1499 + 2809) x 2 = 9992 + 20.48 + 8616; a batch discounts all three
    "xAI batch": Invoice(
        "xai", "grok-4.20", chat(10120, 1499, cached_tokens=128, reasoning_tokens=2809), ".01862848", "batch"
    ),
    # 37756000 ticks of 1e-10
    "xAI states the cost": Invoice("xai", "grok-4.20", chat(10, 10) | {"cost_in_usd_ticks": 37_756_000}, ".0037756"),
    # cached tokens count for the bound of 200,000:
    # 1000 x 6 + 200000 x .6 + 100 x 22.5 = 6000 + 120000 + 2250
    "Anthropic above a context bound": Invoice(
        "anthropic", "claude-sonnet-4-5",
        {"input_tokens": 1000, "cache_read_input_tokens": 200_000, "output_tokens": 100}, ".12825",
    ),
    # 1000 x 1.5 + 2000 x 1.875 + 4000 x .15 + 100 x 7.5 = 1500 + 3750 + 600 + 750
    "Anthropic batch": Invoice(
        "anthropic", "claude-sonnet-4-5",
        {"input_tokens": 1000, "cache_creation_input_tokens": 2000, "cache_read_input_tokens": 4000,
         "output_tokens": 100, "service_tier": "batch"},
        ".0066",
    ),
    # 3 x 3 + 10000 x 6 + 1 x 15
    "Anthropic, writes for an hour": Invoice(
        "anthropic", "claude-sonnet-4-5",
        {"input_tokens": 3, "cache_creation_input_tokens": 10000, "cache_read_input_tokens": 0, "output_tokens": 1,
         "cache_creation": {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 10000}},
        ".060024",
    ),
    # 5000 x 3 + 1000 x .3 + 100 x 15 = 15000 + 300 + 1500;
    # the read tokens are beside a larger input
    "Anthropic, reads beside a larger input": Invoice(
        "anthropic", "claude-sonnet-4-5",
        {"input_tokens": 5000, "cache_read_input_tokens": 1000, "output_tokens": 100}, ".0168",
    ),
    # 100 x 1 + 50 x 5 = 350, and 3 searches at 10 a thousand
    "Anthropic, web searches": Invoice(
        "anthropic", "claude-haiku-4-5",
        {"input_tokens": 100, "output_tokens": 50, "server_tool_use": {"web_search_requests": 3}}, ".03035",
    ),
    # 100 x .3 + 900 x 1 + 100 x 2.5 = 30 + 900 + 250
    "Gemini, audio": Invoice(
        "google", "gemini-2.5-flash",
        {"promptTokenCount": 1000, "candidatesTokenCount": 100,
         "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 100}, {"modality": "AUDIO", "tokenCount": 900}]},
        ".00118",
    ),
    # text 200 x .3 + 200 x .03, audio 300 x 1 + 300 x .1, answer 10 x 2.5 = 60 + 6 + 300 + 30 + 25
    "Gemini, cached audio": Invoice(
        "google", "gemini-2.5-flash",
        {"promptTokenCount": 1000, "cachedContentTokenCount": 500, "candidatesTokenCount": 10,
         "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 400}, {"modality": "AUDIO", "tokenCount": 600}],
         "cacheTokensDetails": [{"modality": "TEXT", "tokenCount": 200}, {"modality": "AUDIO", "tokenCount": 300}]},
        ".000421",
    ),
    # 6000 x .15 + 4000 x .03 + 100 x 1.25 = 900 + 120 + 125;
    # a batch does not discount what is read from the cache
    "Gemini batch": Invoice(
        "google", "gemini-2.5-flash",
        {"promptTokenCount": 10000, "cachedContentTokenCount": 4000, "candidatesTokenCount": 100}, ".001145", "batch",
    ),
    # 20 x .3 + 1290 x 30 = 6 + 38700
    "Gemini, an image": Invoice(
        "google", "gemini-2.5-flash-image",
        {"promptTokenCount": 20, "candidatesTokenCount": 1290,
         "candidatesTokensDetails": [{"modality": "IMAGE", "tokenCount": 1290}]},
        ".038706",
    ),
    # (100 + 50) x .3 + (10 + 30) x 2.5 = 45 + 100, in the names of Google's library for Python
    "Gemini, tools and thoughts": Invoice(
        "google", "gemini-2.5-flash",
        {"prompt_token_count": 100, "tool_use_prompt_token_count": 50, "candidates_token_count": 10,
         "thoughts_token_count": 30, "total_token_count": 190},
        ".000145",
    ),
    # 10 x 5.5 + 1000 x 6.875 + 2000 x 11 + 100 x 27.5 = 55 + 6875 + 22000 + 2750
    "Bedrock, writes for an hour": Invoice(
        "aws.bedrock", "us.anthropic.claude-opus-4-5-20251101-v1:0",
        {"inputTokens": 10, "cacheWriteInputTokens": 3000, "outputTokens": 100, "totalTokens": 3110,
         "cacheDetails": [{"ttl": "5m", "inputTokens": 1000}, {"ttl": "1h", "inputTokens": 2000}]},
        ".03168",
    ),
    # 1000 x .8 + 500 x .2 + 100 x 3.2 = 800 + 100 + 320
    "Bedrock Nova": Invoice(
        "aws.bedrock", "us.amazon.nova-pro-v1:0",
        {"inputTokens": 1000, "cacheReadInputTokens": 500, "outputTokens": 100}, ".00122",
    ),
    # 5904 x 1.25 + 4096 x .125 + 1000 x 10 = 7380 + 512 + 10000
    "Azure": Invoice("azure.ai.openai", "gpt-5", GPT_5, ".017892"),
    "Azure batch, which no table knows": Invoice("azure.ai.openai", "gpt-5", GPT_5, None, "batch"),
    # by day 400 x .27 + 600 x .07 + 100 x 1.1 = 108 + 42 + 110
    "DeepSeek by day": Invoice("deepseek", "deepseek-chat", DEEPSEEK, ".00026"),
    # from 16:30 UTC half of it: 400 x .135 + 600 x .035 + 100 x .55 = 54 + 21 + 55
    "DeepSeek by night": Invoice("deepseek", "deepseek-chat", DEEPSEEK, ".00013", at=EVENING),
    # 600 x 1.5 + 400 x .15 + 200 x 7.5 = 900 + 60 + 1500
    "Mistral": Invoice("mistral", "mistral-medium-latest", chat(1000, 200, cached_tokens=400), ".00246"),
    # 1000 x .075 + 200 x .3 = 75 + 60
    "Mistral batch": Invoice("mistral", "mistral-small-latest", chat(1000, 200), ".000135", "batch"),
    # 4641 x .075 + 1817 x .3 = 348.075 + 545.1; cached tokens cost the same as others
    "Groq batch": Invoice("groq", "openai/gpt-oss-120b", chat(4641, 1817, cached_tokens=4608), ".000893175", "batch"),
    # as without a tier
    "Groq flex": Invoice("groq", "openai/gpt-oss-120b", chat(4641, 1817, cached_tokens=4608), ".00144075", "flex"),
    # 1000 x 3 + 2000 x .3 + 100 x 15 = 3000 + 600 + 1500, without a stated cost
    "OpenRouter": Invoice("openrouter", "anthropic/claude-sonnet-4.5", chat(3000, 100, cached_tokens=2000), ".0051"),
    "OpenRouter states the cost": Invoice(
        "openrouter", "anthropic/claude-sonnet-4.5", chat(3000, 100) | {"cost": 0.0049}, ".0049"
    ),
    # the fee of OpenRouter and what the provider charges on the customer's own key
    "OpenRouter with a key of one's own": Invoice(
        "openrouter", "openai/gpt-5",
        chat(10, 10) | {"cost": 0.0005, "is_byok": True, "cost_details": {"upstream_inference_cost": 0.01}}, ".0105",
    ),
    # 100 x 3 + 50 x 15 = 1050, and 14 a thousand requests
    "Perplexity, a fee for each request": Invoice("perplexity", "sonar-pro", chat(100, 50), ".01505"),
    # 1000 x 2 + 100 x 8
    "OpenAI after a price change": Invoice("openai", "o3", chat(1000, 100), ".0028"),
    # 1000 x 10 + 100 x 40
    "OpenAI before a price change": Invoice("openai", "o3", chat(1000, 100), ".014", at=datetime(2025, 5, 1, tzinfo=UTC)),
    "a tier that the table does not know for the model": Invoice("openai", "gpt-realtime", chat(1000, 100), None, "flex"),
    "a tier before the table knows it": Invoice(
        "openai", "gpt-5", GPT_5, None, "priority", datetime(2026, 10, 11, tzinfo=UTC)
    ),
}  # fmt: skip


def cost_of(invoice: Invoice) -> Decimal | None:
    body = {"prompt": "p", "response": "r", "provider": invoice.provider, "model_name": invoice.model,
            "usage": invoice.usage, "service_tier": invoice.tier, "timestamp": invoice.at}  # fmt: skip
    record = read_record(msgspec.json.encode(body))
    return price_call(record, usage_of(record), invoice.at).cost_usd


def test_prices_are_those_that_the_invoices_were_worked_out_with() -> None:
    assert table_name() == "genai-prices 0.2.3"


@pytest.mark.parametrize(
    "invoice", [*INVOICES.values(), *MORE_INVOICES.values()], ids=[*INVOICES, *MORE_INVOICES]
)
def test_a_call_costs_what_its_provider_charges(invoice: Invoice) -> None:
    assert cost_of(invoice) == (None if invoice.cost is None else Decimal(invoice.cost))


FLAT = {
    # provider, model, fields beside the texts: what the call costs
    # 12 x 5 + 2435 x 6.25 + 30000 x 10 + 66360 x .5 + 5120 x 25,
    # as in the invoice with Anthropic's object
    "writes for an hour": ("anthropic", "claude-opus-4-5", {"prompt_tokens": 98807, "completion_tokens": 5120,
        "cache_read_tokens": 66360, "cache_write_tokens": 32435, "cache_write_1h_tokens": 30000}, ".47645875"),
    # the same where the parts are beside each other
    "writes beside each other": ("anthropic", "claude-opus-4-5", {"prompt_tokens": 12, "completion_tokens": 5120,
        "cache_read_tokens": 66360, "cache_write_tokens": 2435, "cache_write_1h_tokens": 30000}, ".47645875"),
    # the total shows that reads are beside the input: 5000 x 3 + 1000 x .3 + 100 x 15
    "a total, beside": ("anthropic", "claude-sonnet-4-5", {"prompt_tokens": 5000, "completion_tokens": 100,
        "cache_read_tokens": 1000, "total_tokens": 6100}, ".0168"),
    # the total shows that they are inside: 4000 x 3 + 1000 x .3 + 100 x 15
    "a total, inside": ("anthropic", "claude-sonnet-4-5", {"prompt_tokens": 5000, "completion_tokens": 100,
        "cache_read_tokens": 1000, "total_tokens": 5100}, ".0138"),
    # 324 x .3 + (1364 + 495) x 2.5 = 97.2 + 4647.5
    "a total, reasoning beside": ("google", "gemini-2.5-flash", {"prompt_tokens": 324, "completion_tokens": 1364,
        "reasoning_tokens": 495, "total_tokens": 2183}, ".0047447"),
    # 100 x 4 + 900 x 32 + 50 x 16 + 450 x 64
    "audio": ("openai", "gpt-realtime", {"prompt_tokens": 1000, "input_audio_tokens": 900, "completion_tokens": 500,
        "output_audio_tokens": 450}, ".0588"),
    # 900 x 32 + 100 x .4: of what was read from the cache nothing can be text
    "audio that must be cached": ("openai", "gpt-realtime", {"prompt_tokens": 1000, "input_audio_tokens": 1000,
        "cache_read_tokens": 100, "completion_tokens": 0}, ".02884"),
    # 1000 x 1.25 + 100 x 10 = 2250, 2 searches at 10 and 4 at 2.5 a thousand
    "fees of tools": ("openai", "gpt-5", {"prompt_tokens": 1000, "completion_tokens": 100, "web_search_requests": 2,
        "file_search_requests": 4}, ".03225"),
    "a fee that nobody knows": ("groq", "llama-3.3-70b-versatile", {"prompt_tokens": 1000, "completion_tokens": 100,
        "web_search_requests": 1}, None),
    "no searches": ("groq", "llama-3.3-70b-versatile", {"prompt_tokens": 1000, "completion_tokens": 100,
        "web_search_requests": 0}, ".000669"),
    "a stated cost": ("openai", "gpt-5", {"prompt_tokens": 1000, "completion_tokens": 100, "cost_usd": "0.5"}, ".5"),
    "a stated zero": ("openai", "gpt-5", {"prompt_tokens": 1000, "completion_tokens": 100, "cost_usd": 0}, "0"),
}  # fmt: skip


@pytest.mark.parametrize(("provider", "model", "fields", "cost"), FLAT.values(), ids=FLAT)
def test_fields_are_billed_as_objects_are(
    provider: str, model: str, fields: dict[str, Any], cost: str | None
) -> None:
    body = {"prompt": "p", "response": "r", "provider": provider, "model_name": model, **fields}
    record = read_record(msgspec.json.encode(body))
    assert price_call(record, usage_of(record), NOON).cost_usd == (None if cost is None else Decimal(cost))


@pytest.mark.parametrize(
    ("provider", "model", "tier", "context"),
    [
        ("openai", "gpt-5", "priority", {"service_tier": "priority"}),
        ("openai", "gpt-4o", "batch", {"processing": "batch"}),
        ("openai", "gpt-realtime", None, None),
        ("anthropic", "claude-sonnet-4-5", "batch", {"processing": "batch"}),
        ("google", "gemini-2.5-flash", None, None),
        ("google", "gemini-2.5-pro", "batch", {"processing": "batch"}),
    ],
)
def test_prices_agree_with_the_tables_own_calculation(
    provider: str, model: str, tier: str | None, context: dict[str, str] | None
) -> None:
    usages = (
        Usage(300_000, 900, 100_000, 50_000, 0, 20_000),
        Usage(1000, 500, 300, input_audio=400, output_audio=200, cached_audio=100),
        Usage(1000, 500, 0, reasoning=100, input_image=300),
    )
    for usage in usages:
        theirs = TableUsage(
            input_tokens=usage.prompt, output_tokens=usage.completion, cache_read_tokens=usage.cache_read,
            cache_write_tokens=usage.cache_write, cache_write_1h_tokens=usage.cache_write_1h,
            cache_write_5m_tokens=usage.cache_write - usage.cache_write_1h,
            output_reasoning_tokens=usage.reasoning, input_audio_tokens=usage.input_audio,
            output_audio_tokens=usage.output_audio, cache_audio_read_tokens=usage.cached_audio,
            input_image_tokens=usage.input_image, cache_image_read_tokens=0,
        )  # fmt: skip
        expected = calc_price(
            theirs, model, provider_id=provider, genai_request_timestamp=NOON, price_context=context
        )
        assert price(usage, provider, model, NOON, tier=tier).cost_usd == expected.total_price
