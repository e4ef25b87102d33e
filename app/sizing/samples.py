"""Artificial calls of a given size for measurements: ordinary prose, always the same."""

from __future__ import annotations

import random
from collections.abc import Iterator

from monitoring.models import Record

__all__ = ["make_records"]

_WORDS = [
    "the",
    "of",
    "and",
    "to",
    "in",
    "a",
    "is",
    "that",
    "for",
    "it",
    "as",
    "was",
    "with",
    "be",
    "by",
    "on",
    "not",
    "this",
    "are",
    "or",
    "his",
    "from",
    "at",
    "which",
    "but",
    "have",
    "an",
    "had",
    "they",
    "you",
    "were",
    "there",
    "one",
    "all",
    "we",
    "can",
    "her",
    "has",
    "more",
    "if",
    "will",
    "would",
    "about",
    "than",
    "its",
    "time",
    "only",
    "some",
    "could",
    "these",
    "two",
    "may",
    "then",
    "do",
    "first",
    "any",
    "my",
    "now",
    "such",
    "like",
    "our",
    "over",
    "even",
    "most",
    "made",
    "after",
    "also",
    "did",
    "many",
    "off",
    "before",
    "must",
    "well",
    "back",
    "through",
    "years",
    "where",
    "much",
    "your",
    "way",
    "down",
    "should",
    "because",
    "long",
    "each",
    "just",
    "those",
    "people",
    "how",
    "too",
    "little",
    "state",
    "good",
    "very",
    "make",
    "world",
    "still",
    "see",
    "own",
    "work",
    "men",
    "day",
    "get",
    "here",
    "old",
    "between",
    "both",
    "life",
    "being",
    "under",
    "three",
    "never",
    "know",
    "same",
    "last",
    "another",
    "while",
    "us",
    "might",
    "great",
    "year",
    "since",
    "against",
    "go",
    "came",
    "right",
    "used",
    "take",
    "report",
    "figure",
    "answer",
    "question",
    "model",
    "table",
    "river",
    "bridge",
    "garden",
    "market",
    "winter",
    "summer",
    "morning",
    "letter",
    "doctor",
]
_SEED = 20_261_126
_LEAST_BYTES = 64
_MODELS = ("gpt-4o", "claude-3-5-sonnet", "llama-3", "mistral-large")


def make_records(count: int, size: int) -> list[Record]:
    """Return records whose texts have about `size` bytes; every second one has a context."""
    return list(_records(count, max(size, _LEAST_BYTES)))


def _records(count: int, size: int) -> Iterator[Record]:
    chance = random.Random(_SEED)  # noqa: S311 the same texts every time, no secret
    for number in range(count):
        context = (_prose(chance, size // 3),) if number % 2 else ()
        left = size - sum(map(len, context))
        yield Record(
            prompt=_prose(chance, left // 4),
            response=_prose(chance, left - left // 4),
            context=context,
            model_name=_MODELS[number % len(_MODELS)],
            user_id=f"user-{chance.randrange(1000)}",
            session_id=f"session-{chance.randrange(10_000)}",
            template_id=f"template-{number % 20}",
            response_time_ms=chance.lognormvariate(6, 1),
        )


def _prose(chance: random.Random, size: int) -> str:
    sentences: list[str] = []
    length = 0
    while length < size:
        sentence = " ".join(chance.choices(_WORDS, k=chance.randint(6, 18))).capitalize() + "."
        sentences.append(sentence)
        length += len(sentence) + 1
    return " ".join(sentences)[:size]
