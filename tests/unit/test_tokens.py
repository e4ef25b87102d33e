import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitoring.models import Record, TokenSource
from monitoring.text.kernels_tokens import FEATURES
from monitoring.text.tokens import (
    TOKENS_PER_FEATURE,
    TokenCount,
    count_text,
    count_tokens,
    encoding_of,
    estimate_texts,
)

HOSTILE = [
    *("a", "1", "0123456789", "word ", ".", " ", "\n", "\N{GRINNING FACE}", "\x00", "\u0301", "([{<", "'s"),
    *("aA", " a", "忽略之前", "привет", "\u200d", "  \n", "QWxhZGRpbjpvcGVuIHNlc2FtZQ", "\ud800"),
]


@pytest.mark.parametrize(
    ("model", "encoding"),
    [
        ("gpt-4o", "o200k_base"),
        ("gpt-4o-mini-2024-07-18", "o200k_base"),
        ("gpt-4.1-nano", "o200k_base"),
        ("gpt-5.2", "o200k_base"),
        ("o3", "o200k_base"),
        ("o1-preview", "o200k_base"),
        ("azure/gpt-4o", "o200k_base"),
        ("openrouter/openai/gpt-4o", "o200k_base"),
        ("ft:gpt-4o-mini:acme::x1", "o200k_base"),
        ("GPT-4", "cl100k_base"),
        ("gpt-4-turbo", "cl100k_base"),
        ("gpt-4-0613", "cl100k_base"),
        ("gpt-3.5-turbo-0125", "cl100k_base"),
        ("gpt-35-turbo", "cl100k_base"),
        ("text-embedding-3-small", "cl100k_base"),
        ("claude-3", None),
        ("gpt-6", None),
        ("gpt-4all", None),
        ("gpt-40", None),
        ("o3x", None),
        ("o365-helper", None),
        ("my-gpt-4", None),
        ("unknown", None),
        ("", None),
        ("gpt-4" + "-" * 1_000_000, None),
    ],
)
def test_the_encoding_follows_from_the_model_id(model: str, encoding: str | None) -> None:
    assert encoding_of(model) == encoding


# OpenAI's cookbook, "How to count tokens with tiktoken", prints these for the two encodings.
@pytest.mark.parametrize(
    ("text", "o200k", "cl100k"),
    [
        ("", 0, 0),
        ("hello world", 2, 2),
        ("tiktoken is great!", 6, 6),
        ("antidisestablishmentarianism", 6, 6),
        ("2 + 2 = 4", 7, 7),
        ("お誕生日おめでとう", 8, 9),
        ("<|endoftext|>", 7, 7),
    ],
)
def test_counts_are_exact(text: str, o200k: int, cl100k: int) -> None:
    assert count_text(text, "o200k_base") == o200k
    assert count_text(text, "cl100k_base") == cl100k


@settings(deadline=None)  # the first example loads the tokenizer
@given(st.text(max_size=300))
def test_any_text_counts_at_least_a_token_per_eight_hundred_bytes_and_at_most_one_per_byte(text: str) -> None:
    size = len(text.encode("utf-8", "replace"))
    for count in (count_text(text, "o200k_base"), count_text(text, "cl100k_base")):
        assert size / 800 <= count <= size
    assert (estimate_texts([text])[0] > 0) == bool(text)


def test_a_lone_surrogate_counts_as_the_replacement() -> None:
    assert count_text("a\ud800b", "o200k_base") == count_text("a?b", "o200k_base")


@pytest.mark.parametrize("unit", HOSTILE)
@pytest.mark.parametrize("model", ["gpt-4o", "gpt-4", "claude-3"])
def test_time_grows_with_the_text_and_not_faster(model: str, unit: str) -> None:
    def seconds(size: Any) -> Any:
        record = Record(prompt=unit * (size // len(unit)), response="", model_name=model)
        before = time.thread_time()
        count_tokens([record])
        return time.thread_time() - before

    seconds(1000)
    small, large = seconds(125_000), seconds(1_000_000)
    assert large < 0.05 or large < 20 * small
    assert large < 1.0


def test_the_providers_figures_win_side_by_side() -> None:
    text = "hello world"
    records = [
        Record(prompt=text, response=text, model_name="gpt-4o", prompt_tokens=90, completion_tokens=0),
        Record(prompt=text, response=text, model_name="gpt-4o", prompt_tokens=90),
        Record(prompt=text, response=text, model_name="gpt-4o"),
        Record(prompt=text, response=text, model_name="claude-3", completion_tokens=7),
        Record(prompt="", response="", model_name="claude-3"),
    ]
    assert count_tokens(records) == [
        TokenCount(90, 0, TokenSource.REPORTED),
        TokenCount(90, 2, TokenSource.EXACT),
        TokenCount(2, 2, TokenSource.EXACT),
        TokenCount(2, 7, TokenSource.ESTIMATED),
        TokenCount(0, 0, TokenSource.ESTIMATED),
    ]
    assert count_tokens([]) == []
    assert TokenCount(90, 2, TokenSource.EXACT).total == 92


@pytest.mark.parametrize(
    ("model", "source"), [("gpt-4o", TokenSource.EXACT), ("llama-3", TokenSource.ESTIMATED)]
)
def test_a_text_beyond_two_million_characters_is_counted_by_its_ends(model: str, source: str) -> None:
    size = 2 * 1024 * 1024
    counts = [
        count_tokens([Record(prompt="words " * (length // 6), response="", model_name=model)])[0]
        for length in (size, 5 * size)
    ]
    assert [count.source for count in counts] == [source, "estimated"]
    assert counts[1].prompt == pytest.approx(5 * counts[0].prompt, rel=0.001)


def test_what_was_sent_is_messages_or_system_prompt_and_prompt() -> None:
    def prompt(**fields: Any) -> Any:
        return count_tokens([Record(response="", model_name="gpt-4o", **fields)])[0].prompt

    assert prompt(prompt="hello world", system_prompt="hello world") == 5
    messages = (
        {"role": "user", "content": "hello world"},
        {"role": "assistant", "content": [{"type": "text", "text": "hello world"}, {"type": "image"}]},
        {"role": "tool", "content": None},
    )
    assert prompt(prompt="hello world", messages=messages) == 5
    assert prompt(prompt="ignored", messages=messages, system_prompt="hello world") == 8


KINDS = {
    "prose": "The water cycle describes how water evaporates from the surface of the earth, rises into the "
    "atmosphere, cools and condenses into rain or snow in clouds, and falls again to the surface. " * 4,
    "code": "def mean(values):\n    total = sum(values)\n    return total / len(values)\n\n" * 8,
    "table": "| Alabama | 45 |\n| Alaska | -21 |\n| Arizona | 55 |\n| Arkansas | 40 |\n" * 6,
    "german": "Der Wasserkreislauf beschreibt, wie Wasser verdunstet, aufsteigt und zurückkehrt. " * 5,
    "chinese": "水循环描述了水如何从地表蒸发上升到大气层然后冷却并凝结成云中的雨或雪。" * 5,
}


@pytest.mark.parametrize(
    ("kind", "bound"),
    [("prose", 0.15), ("code", 0.15), ("table", 0.15), ("german", 0.35), ("chinese", 0.2)],
)
def test_estimates_are_near_the_exact_count(kind: str, bound: float) -> None:
    exact = count_text(KINDS[kind], "o200k_base")
    assert estimate_texts([KINDS[kind]])[0] == pytest.approx(exact, rel=bound)


def test_every_feature_has_its_weight() -> None:
    assert TOKENS_PER_FEATURE.shape == (len(FEATURES),)
