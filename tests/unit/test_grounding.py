"""Grounding has one scale for every response.

Values outweigh overlap, and more faithful text never counts against a response.
"""

from __future__ import annotations

import numpy as np
import pytest

from monitoring.evaluators import factual_accuracy, hallucination
from monitoring.models import Record
from monitoring.signals.grounding import load_grounding
from monitoring.text.prepared import Prepared

DOCUMENT = (
    "The harbour of Elmstead was closed on Monday after a ferry hit the northern pier. Nobody was hurt. "
    "The mayor, Anna Brandt, said that the bridge to the island would stay open for cars and buses. "
    "Engineers will inspect the pier this week and repairs are expected to take about two months."
)
FAITHFUL = "The harbour of Elmstead was closed on Monday after a ferry hit the northern pier."
INVENTED = "The captain had been drinking whisky and will be tried in London next spring."
FREE = "A boat crashed into a jetty, so ships cannot dock there until it has been fixed, officials announced."


def judge(response: str, context: str = DOCUMENT, prompt: str = "") -> float:
    batch = Prepared([Record(prompt=prompt, response=response, context=(context,))])
    return float(load_grounding().judge(batch)[0])


def test_what_was_copied_is_supported_and_what_was_invented_is_not() -> None:
    assert judge(FAITHFUL) < 0.2
    assert judge(INVENTED) > 0.8


@pytest.mark.parametrize("response", [FAITHFUL, FREE, INVENTED])
def test_a_request_for_a_summary_is_judged_on_the_same_scale(response: str) -> None:
    assert judge(response, prompt="Summarise the article.") == judge(response, prompt="Tell me about it.")


@pytest.mark.parametrize("response", [INVENTED, FREE, f"{FREE} {INVENTED}"])
def test_appending_faithful_sentences_never_raises_the_value(response: str) -> None:
    longer = response
    for sentence in DOCUMENT.split(". "):
        before, longer = judge(longer), f"{longer} {sentence}."
        assert judge(longer) <= before


@pytest.mark.parametrize(
    ("response", "context"),
    [
        ("The town has 21,500 inhabitants.", "The town has 12,500 inhabitants."),
        ("The town has 500 inhabitants.", "The town has 12,500 inhabitants."),
        ("Revenue was $1.6 billion in 2023.", "Revenue was $1.5 billion in 2023."),
        ("The tower was built in 1886.", "The tower was built in 1866."),
        ("A ticket costs $3.90.", "A ticket costs $3.40."),
        ("The bridge was closed for 52 days.", "The bridge was closed for 25 days."),
    ],
)
def test_another_value_in_the_words_of_the_source_is_flagged(response: str, context: str) -> None:
    assert judge(response, context) >= hallucination.THRESHOLD


@pytest.mark.parametrize(
    ("response", "context"),
    [
        (
            "The contract starts on 2024-03-05.",
            "The contract starts on March 5, 2024, and runs for two years.",
        ),
        ("The town has 12,500 inhabitants.", "The town has 12500 inhabitants and two schools."),
        ("Revenue was 1.5 billion dollars.", "Revenue was $1,500,000,000 in 2023."),
        ("It closes at 5 pm.", "The museum closes at 17:00 every day."),
        ("The contract starts on the 5th of March.", "The contract starts on March 5, 2024."),
        ("It has 12.5 thousand inhabitants.", "The town has 12,500 inhabitants."),
    ],
)
def test_the_same_value_in_another_notation_is_not_flagged(response: str, context: str) -> None:
    assert judge(response, context) < hallucination.THRESHOLD


@pytest.mark.parametrize(
    "response", [FAITHFUL, FREE, INVENTED, f"{FAITHFUL} {INVENTED}", "Nobody was seriously hurt."]
)
def test_two_evaluators_agree_on_one_answer(response: str) -> None:
    batch = Prepared([Record(prompt="What happened?", response=response, context=(DOCUMENT,))])
    unsupported = hallucination.build().evaluate(batch)[0]
    accurate = factual_accuracy.build().evaluate(batch)[0]
    assert unsupported.value == pytest.approx(1 - accurate.value)
    assert (unsupported.value >= hallucination.THRESHOLD) is (accurate.value < factual_accuracy.THRESHOLD)


def test_sentences_are_judged_one_by_one() -> None:
    batch = Prepared([Record(prompt="", response=f"{FAITHFUL} {INVENTED}", context=(DOCUMENT,))])
    first, second = load_grounding().judge_sentences(batch)
    assert first < 0.5 < second


def test_records_without_context_are_left_to_the_evaluator() -> None:
    batch = Prepared([Record(prompt="Summarise the article.", response=FREE)])
    assert np.isfinite(load_grounding().judge(batch)).all()
