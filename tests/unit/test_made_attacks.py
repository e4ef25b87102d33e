"""The generator of attacks and look-alikes.

It is balanced, always gives the same texts, and covers every language that is read.
"""

from __future__ import annotations

from collections import Counter

import pytest

from benchmarks.train.attacks import make_attacks
from monitoring.evaluators.prompt_injection import LANGUAGES

MADE = list(make_attacks())


def test_the_same_texts_are_made_again() -> None:
    assert list(make_attacks()) == MADE


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_language_has_about_as_many_look_alikes_as_attacks(language: str) -> None:
    counts = Counter(one.label for one in MADE if one.language == language)
    assert min(counts.values()) >= 100
    assert 0.7 <= counts[0] / counts[1] <= 1.4


def test_every_phrase_was_filled() -> None:
    assert not [one.text for one in MADE if "{" in one.text or "}" in one.text]


def test_words_of_attacks_occur_in_look_alikes() -> None:
    """Otherwise the model would learn words, and flag whoever asks how to ignore white space."""
    for word in ("ignore", "instructions", "system prompt", "password", "pretend", "from now on"):
        assert {one.label for one in MADE if word in one.text.lower()} == {0, 1}
