"""Signatures never deny a text that is there, and deny most of those that are not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitoring.text.signatures import LARGEST_BITS, pieces_of, signature_of

TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=60)


def may_hold(signature: bytes, text: str, field: int = 0) -> bool:
    bits = np.unpackbits(np.frombuffer(signature, np.uint8), bitorder="little")
    return bool(bits[pieces_of(text, field) & (bits.size - 1)].all())


@given(st.lists(TEXTS, min_size=1, max_size=5), st.data())
def test_a_part_of_a_text_is_never_denied(texts: list[str], data: Any) -> None:
    whole = data.draw(st.sampled_from(texts))
    begin = data.draw(st.integers(0, len(whole)))
    part = whole[begin : data.draw(st.integers(begin, len(whole)))]
    signature = signature_of([[], texts])
    assert may_hold(signature, part, 1)
    assert may_hold(signature, part.upper() if part.isascii() else part, 1)


@pytest.mark.parametrize(
    ("text", "part", "held"),
    [
        ("a refund was paid", "refund", True),
        ("a REFUND was paid", "Refund", True),
        ("a refund was paid", "repaid", False),
        ("a refund was paid", "fundre", False),
        ("東京の天気は晴れです", "天気", True),
        ("東京の天気は晴れです", "京", True),
        ("東京の天気は晴れです", "大阪", False),
        ("東京の天気は晴れです", "気天", False),
        ("東京の天気は晴れです", "阪", False),
        ("привет мир", "мир", True),
        ("привет мир", "МИР", False),
        ("one 👍🏽 two", "👍🏽", True),
        ("one 👍🏽 two", "👎", False),
        ("cafe\u0301", "e\u0301", True),
        ("anything", "xy", True),
        ("anything", "", True),
        ("ab", "abc", False),
        ("", "abc", False),
    ],
)
def test_words_beside_near_misses(text: str, part: str, *, held: bool) -> None:
    assert may_hold(signature_of([[text]]), part) is held


def test_texts_are_kept_apart_from_each_other_and_by_field() -> None:
    signature = signature_of([["abc", "def"], ["ghi"]])
    assert may_hold(signature, "ghi", 1)
    assert not may_hold(signature, "ghi", 0)
    assert not may_hold(signature, "abcdef", 0)


def test_a_signature_has_as_many_bits_as_its_pieces_need() -> None:
    few, many = signature_of([["abcdef"]]), signature_of([[f"{n:07}" for n in range(20_000)]])
    assert len(few) == 128
    assert len(few) < len(many) <= LARGEST_BITS // 8
    assert signature_of([[], []]) == bytes(128)


def test_few_words_that_are_nowhere_are_held_by_chance() -> None:
    signature = signature_of([[f"the {n} answers of call {n * 7919}" for n in range(2_000)]])
    letters = np.random.default_rng(1).integers(ord("a"), ord("z") + 1, (2_000, 8)).astype(np.uint8)
    absent = [row.tobytes().decode() for row in letters]
    assert sum(may_hold(signature, word) for word in absent) < 20
