"""Which model of the table of prices a call means: names of providers and of models as clients write them.

A provider that is named decides, unless it is a framework or a word for "unknown". Where none is, the name of the
model does: by what the table itself knows of names, by a prefix, or because one maker alone sells its family.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from functools import cache, lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from genai_prices.types import ModelInfo, Provider

__all__ = ["find_model"]

# First words of names of clouds, where the table has no rule for them.
_CLOUDS = {"az": "azure", "gcp": "google"}
_SUFFIXES = ("ai", "cloud")
# What says no provider, by its letters: frameworks, gateways and recorders that name themselves, and nothing at all.
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
# Gemini's and Vertex' clients report models by the names of resources.
_RESOURCE = "models/"
_NO_LETTER = re.compile(r"[^a-z0-9]+")
_FAMILY = re.compile(r"[a-z]+")
_VERSION = re.compile(r"@(?:\d+|latest|default)$")
# What runs anywhere: a model by Ollama's tag of its size, and one by an organisation's name on Hugging Face.
_TAG = re.compile(r":(?:latest$|[a-z]?\d+(?:\.\d+)?[bm]\b)")
_ORGANISATION = "-ai"


@lru_cache(maxsize=8192)
def find_model(provider: str | None, model: str) -> tuple[str, ModelInfo] | None:
    """Return (provider id, model) of the table; its own lookup would remember every name it never knew."""
    for owner, name in _candidates(provider, model.strip().lower()):
        info = owner.find_model(name, all_providers=list(_providers()))
        if info is not None:
            return owner.id, info
    return None


def _candidates(provider: str | None, model: str) -> Iterator[tuple[Provider, str]]:
    """Yield what the names may mean, the most literal reading first."""
    named = provider if provider and provider.strip() and _letters(provider) not in _SAYING_NOTHING else None
    for name in _spellings(model):
        if named is None:
            yield from _inferred(name)
            continue
        for owner in _named(named):
            yield owner, name
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


def _spellings(model: str) -> Iterator[str]:
    """Yield a name as it is, without the framework or path before it, and without the version behind an @."""
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
    """Yield what stands before the first slash, as in openai/gpt-4o, and before the first colon, as in openai:gpt-4o."""
    for mark in ("/", ":"):
        prefix, found, rest = model.partition(mark)
        if found and prefix and rest:
            yield prefix, rest.lstrip("/")


def _letters(name: str) -> str:
    return _NO_LETTER.sub("", name.lower())


@lru_cache(maxsize=1024)
def _named(name: str) -> tuple[Provider, ...]:
    """Return the providers of the table that a name may mean, the likeliest first.

    Clients write x.ai, X AI and xai, together.ai and TogetherAI, and name a provider with its interface, as in
    groq.chat, or with the cloud it runs in, as in anthropic-bedrock.
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
    """Return who sells a family of models, as `text` of text-embedding-3-small, where that is one maker alone.

    Makers are those whom the table knows by names of models. A family that two of them sell, such as Llama's, runs
    anywhere, so that its names tell no provider.
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
