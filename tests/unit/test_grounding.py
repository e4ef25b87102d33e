"""Grounding: what a summary may not do that an answer may."""

from __future__ import annotations

import numpy as np
import pytest

from monitoring.models import Record
from monitoring.signals.grounding import load_grounding
from monitoring.text.prepared import Prepared

DOCUMENT = (
    "The harbour of Elmstead was closed on Monday after a ferry hit the northern pier. Nobody was hurt. "
    "The mayor, Anna Brandt, said that the bridge to the island would stay open for cars and buses. "
    "Engineers will inspect the pier this week and repairs are expected to take about two months."
)
FAITHFUL = (
    "The harbour of Elmstead was closed on Monday after a ferry hit the northern pier. Nobody was hurt."
)
MIXED_UP = (
    "The harbour of Elmstead was closed on Monday after a ferry hit the island bridge. The mayor was hurt."
)
FREE = "A boat crashed into a jetty, so ships cannot dock there until it has been fixed, officials announced."


def judge(prompt: str, response: str) -> float:
    batch = Prepared([Record(prompt=prompt, response=response, context=(DOCUMENT,))])
    return float(load_grounding().judge(batch)[0])


@pytest.mark.parametrize(
    "prompt",
    [
        "Summarise the article.",
        "Please write a short summary of this text.",
        "tl;dr?",
        "Condense it into two sentences.",
        "x" * 3000 + " Summarize the above.",
    ],
)
def test_new_combinations_of_words_are_suspect_in_a_summary_that_copies(prompt: str) -> None:
    assert judge(prompt, MIXED_UP) >= 0.5 > judge("What happened in the harbour?", MIXED_UP)
    assert judge(prompt, FAITHFUL) < 0.5


def test_a_summary_in_its_own_words_is_judged_like_an_answer() -> None:
    assert judge("Summarise the article.", FREE) == judge("What happened?", FREE)


def test_sentences_of_a_summary_are_judged_as_the_summary_is() -> None:
    batch = Prepared([Record(prompt="Summarise.", response=MIXED_UP, context=(DOCUMENT,))])
    first, second = load_grounding().judge_sentences(batch)
    assert second > 0.5
    assert (
        first
        > load_grounding().judge_sentences(
            Prepared([Record(prompt="Summarise.", response=FAITHFUL, context=(DOCUMENT,))])
        )[0]
    )


def test_records_without_context_are_left_to_the_evaluator() -> None:
    batch = Prepared([Record(prompt="Summarise the article.", response=FREE)])
    assert np.isfinite(load_grounding().judge(batch)).all()
