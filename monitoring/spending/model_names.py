"""Finding the model of the price table that a call means, from the names that clients write.

A named provider decides, unless it is a framework or a word for "unknown". Without a provider the
name of the model decides: by rules of the table, by a prefix, or because only one maker sells
models of its family.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from functools import cache, lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from genai_prices.types import ModelInfo, Provider

__all__ = ["find_model", "find_provider", "provider_of", "sells"]

# First words of the names of clouds that the table has no rule for.
_CLOUDS = {"az": "azure", "gcp": "google"}
_SUFFIXES = ("ai", "cloud")
# Words, by their letters alone, that name no provider: frameworks, gateways, recorders, "unknown".
_SAYING_NOTHING = frozenset(
    {
        "adk",
        "agentframework",
        "agno",
        "aisdk",
        "autogen",
        "crewai",
        "custom",
        "dspy",
        "gateway",
        "gcpvertexagent",
        "googleadk",
        "haystack",
        "helicone",
        "langchain",
        "langfuse",
        "langgraph",
        "langsmith",
        "litellm",
        "litellmproxy",
        "llamaindex",
        "logfire",
        "mastra",
        "microsoftagentframework",
        "microsoftsemantickernel",
        "mlflow",
        "na",
        "none",
        "null",
        "openaiagents",
        "openinference",
        "openllmetry",
        "opentelemetry",
        "other",
        "portkey",
        "pydanticai",
        "semantickernel",
        "smolagents",
        "springai",
        "strandsagents",
        "traceloop",
        "undefined",
        "unknown",
        "vercel",
    }
)
# Clients of Gemini and Vertex report models by their resource names.
_RESOURCE = "models/"
_NO_LETTER = re.compile(r"[^a-z0-9]+")
_FAMILY = re.compile(r"[a-z]+")
_VERSION = re.compile(r"@(?:\d+|latest|default)$")
# Models that run anywhere have a tag of their size (Ollama) or an organisation's name (Hugging
# Face).
_TAG = re.compile(r":(?:latest$|[a-z]?\d+(?:\.\d+)?[bm]\b)")
_ORGANISATION = "-ai"


@lru_cache(maxsize=8192)
def find_model(provider: str | None, model: str) -> tuple[str, ModelInfo] | None:
    """Return (provider id, model) of the table; its own lookup would store unknown names."""
    for owner, name in _candidates(provider, model.strip().lower()):
        info = owner.find_model(name, all_providers=list(_providers()))
        if info is not None:
            return owner.id, info
    return None


def find_provider(provider: str | None) -> str | None:
    """Return the id of the provider that a name means in the table, None if it means none."""
    if not provider or not provider.strip() or _letters(provider) in _SAYING_NOTHING:
        return None
    return next((one.id for one in _named(provider)), None)


def provider_of(owner: str) -> Provider:
    """Return a provider of the table by its id; raises StopIteration for others."""
    return next(one for one in _providers() if one.id == owner)


def sells(owner: str, info: ModelInfo) -> bool:
    """Tell whether a provider of the table lists this model itself, and not another provider."""
    return any(info is model for model in provider_of(owner).models)


def _candidates(provider: str | None, model: str) -> Iterator[tuple[Provider, str]]:
    """Yield what the names may mean, the most literal reading first."""
    named = provider if provider and provider.strip() and _letters(provider) not in _SAYING_NOTHING else None
    for name in _spellings(model):
        if named is None:
            yield from _inferred(name)
            continue
        for owner in _named(named):
            yield owner, name
            yield from ((owner, listed) for listed in _with_maker(owner.id, name))
            for prefix, rest in _prefixes(name):
                if _named(prefix):
                    yield owner, rest
                    yield owner, name.rpartition("/")[2]


def _inferred(model: str) -> Iterator[tuple[Provider, str]]:
    if _TAG.search(model):
        return
    for candidate in _providers():
        if candidate.model_match is not None and candidate.model_match.is_match(model):
            yield candidate, model
            break
    for prefix, rest in _prefixes(model):
        for owner in () if prefix.endswith(_ORGANISATION) else _named(prefix):
            yield owner, rest
            yield owner, model.rpartition("/")[2]
    if "." in model.partition("-")[0]:
        for owner in _named("aws"):
            yield owner, model
    family = _FAMILY.match(model)
    maker = _makers().get(family[0]) if family and family[0] != model else None
    if maker is not None:
        yield maker, model


@lru_cache(maxsize=8192)
def _with_maker(owner: str, model: str) -> tuple[str, ...]:
    """Return the name that a provider lists with its maker, as Groq lists openai/gpt-oss-120b.

    There is none if two makers have a model of that name.
    """
    listed = [
        info.id
        for info in provider_of(owner).models
        if info.id.lower().rpartition("/")[2] == model and info.id.lower() != model
    ]
    return tuple(listed) if len(listed) == 1 else ()


def _spellings(model: str) -> Iterator[str]:
    """Yield a name as it is, without a framework or path before it, and without an @ version."""
    names = [model]
    for prefix, rest in _prefixes(model):
        if _letters(prefix) in _SAYING_NOTHING:
            names.append(rest)
    for name in tuple(names):
        publisher, resource, named = name.rpartition(_RESOURCE)
        if resource and (not publisher or publisher.endswith("/")):
            names.append(named)
    names += [_VERSION.sub("", name) for name in names]
    yield from dict.fromkeys(names)


def _prefixes(model: str) -> Iterator[tuple[str, str]]:
    """Yield the prefix before the first slash (openai/gpt-4o) and colon (openai:gpt-4o)."""
    for mark in ("/", ":"):
        prefix, found, rest = model.partition(mark)
        if found and prefix and rest:
            yield prefix, rest.lstrip("/")


def _letters(name: str) -> str:
    return _NO_LETTER.sub("", name.lower())


@lru_cache(maxsize=1024)
def _named(name: str) -> tuple[Provider, ...]:
    """Return the providers of the table that a name may mean, the most likely one first.

    Clients write x.ai, X AI and xai, or together.ai and TogetherAI. They add the interface of a
    provider, as in groq.chat, or the cloud that it runs in, as in anthropic-bedrock.
    """
    name = name.strip().lower()
    first = _NO_LETTER.split(name, maxsplit=1)[0]
    spellings = [_letters(name), _CLOUDS.get(first, first)]
    shorter = [one.removesuffix(suffix) for one in spellings for suffix in _SUFFIXES]
    exact = (_by_letters().get(spelling) for spelling in (*spellings, *shorter))
    alike = (
        one for one in _providers() if one.provider_match is not None and one.provider_match.is_match(name)
    )
    found = [one for one in (*exact, *alike) if one is not None]
    return tuple({one.id: one for one in found}.values())


@cache
def _by_letters() -> Mapping[str, Provider]:
    return {_letters(one.id): one for one in _providers()}


@cache
def _makers() -> Mapping[str, Provider]:
    """Return the maker of each family of models that a single maker sells.

    A family is a first word, as `text` of text-embedding-3-small. Makers are providers that the
    table recognises by model names. A family that two of them sell, such as Llama, runs anywhere,
    so that its name says nothing about the provider.
    """
    sellers: defaultdict[str, dict[str, Provider]] = defaultdict(dict)
    for one in _providers():
        for model in one.models if one.model_match is not None else ():
            if family := _FAMILY.match(model.id.lower().rpartition("/")[2]):
                sellers[family[0]][one.id] = one
    return {family: next(iter(found.values())) for family, found in sellers.items() if len(found) == 1}


@cache
def _providers() -> tuple[Provider, ...]:
    from genai_prices.data import providers

    return tuple(providers)
