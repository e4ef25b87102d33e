"""Names of providers and models as clients write them, and names that only look like one."""

from __future__ import annotations

import time
from datetime import UTC, datetime

import pytest

from monitoring.spending.model_names import find_model
from monitoring.spending.pricing import Usage, price

AT = datetime(2026, 11, 20, tzinfo=UTC)
GPT, GEMINI, CLAUDE = "gpt-4o-mini", "gemini-2.5-flash", "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
LLAMA = "meta-llama/Llama-3.3-70B-Instruct-Turbo"


def owner_of(provider: str | None, model: str) -> str | None:
    found = find_model(provider, model)
    return found and found[0]


NAMED: list[tuple[str, str, str]] = [
    *((name, GPT, "openai") for name in ("OpenAI", "openai.responses", "openai_chat", "ChatOpenAI", "custom_openai")),
    *(
        (name, GPT, "azure")
        for name in ("azure-openai", "Azure OpenAI", "azure.openai", "azure_ai_inference", "az.ai.inference", "azure.chat")
    ),
    *((name, GEMINI, "google") for name in ("google_genai", "google.vertex.chat", "VertexAI", "gcp.gen_ai", "google-gla")),
    *((name, CLAUDE, "aws") for name in ("amazon_bedrock", "Bedrock", "aws_bedrock", "anthropic-bedrock", "AmazonBedrock")),
    *(("x.ai", "grok-3", "x-ai"), ("X AI", "grok-3", "x-ai"), ("xai.chat", "grok-3", "x-ai"), ("x_ai", "grok-3", "x-ai")),
    *((name, LLAMA, "together") for name in ("together", "TogetherAI", "together.ai", "together_ai", "togetherai.chat")),
    *((name, "glm-4.5", "zai") for name in ("z.ai", "z-ai", "zai")),
    *((name, "mistral-large-latest", "mistral") for name in ("mistral.chat", "MistralAI", "mistral_ai")),
    ("perplexity-ai", "sonar", "perplexity"),
    ("deepseek-ai", "deepseek-chat", "deepseek"),
    ("groqcloud", "llama-3.3-70b-versatile", "groq"),
    ("fireworks-ai", "accounts/fireworks/models/llama-v3p1-8b-instruct", "fireworks"),
    ("moonshot.chat", "kimi-k2", "moonshotai"),
    ("cohere_chat", "command-r-plus", "cohere"),
    ("openrouter", "google/gemini-2.5-flash", "openrouter"),
]  # fmt: skip


@pytest.mark.parametrize(("provider", "model", "owner"), NAMED)
def test_a_provider_is_known_however_it_is_written(provider: str, model: str, owner: str) -> None:
    assert owner_of(provider, model) == owner


@pytest.mark.parametrize(
    "provider",
    [
        *("", " ", "_OTHER", "unknown", "None", "null", "n/a", "other", "custom", "undefined"),
        *(
            "LiteLLM",
            "litellm-proxy",
            "LangChain",
            "langchain",
            "semantic-kernel",
            "microsoft.semantic_kernel",
        ),
        *(
            "llama-index",
            "LlamaIndex",
            "OpenAI Agents",
            "google_adk",
            "gcp.vertex.agent",
            "Pydantic AI",
            "ai-sdk",
        ),
        *("mastra", "portkey", "helicone", "strands-agents", "Spring AI", "traceloop", "vercel", "gateway"),
    ],
)
def test_a_framework_or_a_word_for_unknown_leaves_it_to_the_model(provider: str) -> None:
    assert find_model(provider, GPT) == find_model(None, GPT)
    assert owner_of(provider, GPT) == "openai"
    assert owner_of(provider, "text-embedding-3-small") == "openai"
    assert owner_of(provider, "house-model") is None


@pytest.mark.parametrize(
    "provider", ["my-gw", "my.gw", "my-gateway", "house", "vllm", "ollama", "github", "open", "ai", "-", "x"]
)
def test_a_provider_that_the_table_does_not_know_is_not_replaced_by_another(provider: str) -> None:
    assert owner_of(provider, GPT) is None


INFERRED: list[tuple[str, str]] = [
    ("text-embedding-3-small", "openai"),
    ("text-embedding-3-large", "openai"),
    ("text-embedding-ada-002", "openai"),
    ("TEXT-EMBEDDING-3-SMALL", "openai"),
    ("models/text-embedding-3-small", "openai"),
    ("embed-v4.0", "cohere"),
    ("voyage-3", "voyageai"),
    ("voyage-3.5-lite", "voyageai"),
    ("mistral-embed", "mistral"),
    ("codestral-embed", "mistral"),
    ("gemini-embedding-001", "google"),
    ("amazon.titan-embed-text-v2:0", "aws"),
    ("@cf/baai/bge-reranker-base", "cloudflare"),
    ("azure/text-embedding-3-small", "azure"),
    ("cohere/embed-v4.0", "cohere"),
    ("openai:text-embedding-3-small", "openai"),
    ("litellm_proxy/openai/gpt-4o-mini", "openai"),
    ("chatgpt-4o-latest", "openai"),
    ("ft:gpt-4o-mini-2024-07-18:org::id", "openai"),
    ("accounts/fireworks/models/llama-v3p1-8b-instruct", "fireworks"),
    ("google-gla:gemini-2.5-flash", "google"),
    ("google_genai:gemini-2.5-flash", "google"),
    ("anthropic:claude-sonnet-4-5", "anthropic"),
    ("groq:llama-3.3-70b-versatile", "groq"),
    ("openai:/gpt-4o-mini", "openai"),
    ("bedrock:us.anthropic.claude-sonnet-4-5-20250929-v1:0", "aws"),
    ("arn:aws:bedrock:us-east-1::foundation-model/anthropic.claude-3-5-sonnet-20240620-v1:0", "aws"),
    ("publishers/google/models/gemini-2.5-flash@001", "google"),
    ("projects/p/locations/l/publishers/google/models/gemini-2.5-flash", "google"),
    ("gemini-2.5-flash@default", "google"),
    ("together_ai/meta-llama/Llama-3.3-70B-Instruct-Turbo", "together"),
]


@pytest.mark.parametrize(("model", "owner"), INFERRED)
def test_a_model_tells_its_provider_where_none_is_named(model: str, owner: str) -> None:
    assert owner_of(None, model) == owner


@pytest.mark.parametrize(
    "model",
    [
        # Weights that run anywhere, at home too, whoever else sells them.
        *(
            "llama3.1-8b",
            "llama3.1:8b",
            "gemma-4-31b",
            "gemma3:27b",
            "qwen-3-32b",
            "qwen3:8b",
            "phi-4",
            "bge-m3",
        ),
        *(
            "deepseek-r1:8b",
            "mistral:7b",
            "gpt-oss:20b",
            "mistral:latest",
            "nomic-embed-text",
            "Qwen3-Embedding-8B",
        ),
        *(
            "deepseek-ai/DeepSeek-R1",
            "deepseek-ai/deepseek-chat",
            "BAAI/bge-m3",
            "meta-llama/Llama-3.1-8B-Instruct",
        ),
        # Names of which one word is that of a family.
        *("text", "embed", "ada", "command", "text-summary-1", "embed-house", "text-embedding-3-small-house"),
        *("my-text-embedding-3-small", "text-embedding-3", "rerank-v3.5", "gpt-4o-mini@eu", "nobody/gpt-4o"),
        *(
            "nobody/text-embedding-3-small",
            "house:gpt-4o-mini",
            "models/house",
            "models/",
            "/",
            ":",
            "@",
            "@1",
            "",
        ),
    ],
)
def test_what_more_than_one_may_serve_or_nobody_sells_stays_unknown(model: str) -> None:
    assert owner_of(None, model) is None


@pytest.mark.parametrize(
    ("provider", "model"),
    [
        ("openai", "openai:gpt-4o-mini"),
        ("openai", "litellm_proxy/gpt-4o-mini"),
        ("openai", "models/gpt-4o-mini"),
        ("azure", "azure/eu/gpt-4o-mini"),
        ("gcp.vertex_ai", "google/gemini-2.5-flash"),
        ("google", "google-gla:gemini-2.5-flash"),
        ("gcp.vertex_ai", "publishers/anthropic/models/claude-sonnet-4-5@20250929"),
    ],
)
def test_a_provider_and_a_prefix_go_together(provider: str, model: str) -> None:
    assert price(Usage(prompt=1000), provider, model, AT).status == "priced"


@pytest.mark.parametrize(
    ("provider", "model"),
    [
        ("anthropic", "gpt-4o-mini"),
        ("openai", "claude-sonnet-4-5"),
        ("openai", "my-models/gpt-4o-mini-tuned"),
    ],
)
def test_a_provider_that_does_not_sell_a_model_has_no_price_for_it(provider: str, model: str) -> None:
    assert price(Usage(prompt=1000), provider, model, AT).status == "unknown"


def test_an_embedding_costs_what_the_table_says_without_a_provider() -> None:
    found = price(Usage(prompt=1_000_000), None, "text-embedding-3-small", AT)
    assert (str(found.cost_usd), found.source) == (
        "0.02000000",
        "genai-prices 0.2.3:openai/text-embedding-3-small",
    )


@pytest.mark.parametrize(
    "pattern", ["nobody-{}", "text-{}", "gpt-{}", "openai:x-{}", "models/models/{}", "a/b:c@{}"]
)
def test_a_name_that_nobody_knows_costs_less_than_a_millisecond(pattern: str) -> None:
    find_model(None, GPT)
    before = time.thread_time()
    for number in range(200):
        find_model(None, pattern.format(number))
    assert (time.thread_time() - before) / 200 < 1e-3
