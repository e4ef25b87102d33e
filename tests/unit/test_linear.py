from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from monitoring.models import Record
from monitoring.signals.groups import GROUP, PRONOUN, mask_table
from monitoring.signals.kernels_linear import ABSORBED, BLOCK, BUCKETS, SMOOTHING, WORD_BITS, score_windows
from monitoring.signals.linear import HEADS, explain, load_bank, logistic, score
from monitoring.text.kernels_lexicon import look_up
from monitoring.text.lexicon import hash_words
from monitoring.text.prepared import Prepared

MASK = mask_table()
VOCABULARY = [
    "the",
    "muslims",
    "people",
    "said",
    "she",
    "loves",
    "old",
    "bread",
    "jewish",
    "person",
    "I",
    "he",
    "kill",
]


def reference_tokens(ids: NDArray[np.uint32]) -> list[int]:
    tokens, last = [], 0
    for word in ids:
        kind = int(look_up(MASK.keys, MASK.classes, word))
        if not (kind and last and kind in (ABSORBED, last)):
            tokens.append(kind if kind in (GROUP, PRONOUN) else int(word))
            last = 0 if kind == ABSORBED else kind
    return tokens


def reference_bucket(first: int | None, second: int) -> int:
    if first is None:
        return (second * 0x9E3779B1 % 2**32) >> (32 - WORD_BITS)
    mixed = (first * 0x85EBCA6B % 2**32) ^ second
    return (((mixed ^ (mixed >> 15)) * 0x9E3779B1 % 2**32) >> (32 - WORD_BITS)) + 2**WORD_BITS


def reference_blocks(tokens: list[int]) -> Iterator[set[int]]:
    pairs: list[int | None] = [None, *tokens]
    for start in range(0, len(tokens), BLOCK):
        block = {reference_bucket(None, token) for token in tokens[start : start + BLOCK]}
        for at in range(max(1, start), min(len(tokens), start + BLOCK)):
            block.add(reference_bucket(pairs[at], tokens[at]))
        yield block


def reference_score(ids: NDArray[np.uint32], weights: NDArray[np.int8], scale: float, bias: float) -> float:
    """The definition of kernels_linear in plain Python and numpy."""
    blocks = list(reference_blocks(reference_tokens(ids)))
    windows = list(pairwise(blocks)) if len(blocks) > 1 else [tuple(blocks)]
    best = float("nan")
    for window in windows:
        buckets = np.array([bucket for block in window for bucket in block], dtype=np.int64)
        if len(buckets):
            value = bias + scale * weights[buckets].astype(np.int64).sum() / np.sqrt(len(buckets) + SMOOTHING)
            best = value if np.isnan(best) else max(best, value)
    return best


@pytest.fixture(scope="module")
def weights() -> NDArray[np.int8]:
    return np.random.default_rng(0).integers(-127, 128, (BUCKETS, 2), dtype=np.int8)


@settings(max_examples=60, deadline=None)
@given(texts=st.lists(st.lists(st.sampled_from(VOCABULARY), max_size=150), min_size=1, max_size=4))
def test_compiled_pass_equals_its_definition(weights: NDArray[np.int8], texts: list[list[str]]) -> None:
    words = Prepared([Record(prompt="", response=" ".join(text)) for text in texts]).words("response")
    scales, biases = np.array([0.5, 0.01], np.float32), np.array([0.0, -2.0], np.float32)
    found, _ = score_windows(words.ids, words.offsets, MASK.keys, MASK.classes, weights, scales, biases)
    for text in range(len(texts)):
        ids = words.ids[words.offsets[text] : words.offsets[text + 1]]
        for head in range(2):
            expected = reference_score(ids, weights[:, head], float(scales[head]), float(biases[head]))
            assert found[text, head] == pytest.approx(expected, rel=1e-4, abs=1e-3, nan_ok=True)


def test_best_window_holds_the_word_that_matters() -> None:
    weights = np.zeros((BUCKETS, 1), dtype=np.int8)
    weights[reference_bucket(None, int(hash_words("needle")[0]))] = 100
    text = " ".join(["hay straw"] * 200 + ["needle"] + ["straw hay"] * 200)
    words = Prepared([Record(prompt="", response=text)]).words("response")
    one = np.ones(1, np.float32)
    found, spans = score_windows(words.ids, words.offsets, MASK.keys, MASK.classes, weights, one, one)
    first, stop = spans[0, 0]
    assert first <= 400 < stop
    assert stop - first <= 2 * BLOCK
    assert found[0, 0] > 1


def test_a_text_without_words_has_no_score() -> None:
    assert np.isnan(score(Prepared([Record(prompt="", response="?!")]), "response", load_bank()).logits).all()


def test_heads_are_loaded_once_and_in_order() -> None:
    assert load_bank() is load_bank()
    assert load_bank().names == HEADS


def test_explained_words_lie_in_the_text() -> None:
    text = "Good day. You are a stupid fucking idiot."
    batch = Prepared([Record(prompt="", response=text)])
    found = [text[e.start : e.end] for e in explain(batch, "response", 0, "toxicity", load_bank())]
    assert "idiot" in found
    assert "Good" not in found


def test_logistic_bears_any_number() -> None:
    assert logistic(np.array([-1e30, 0, 1e30], np.float32)).tolist() == [0, 0.5, 1]
