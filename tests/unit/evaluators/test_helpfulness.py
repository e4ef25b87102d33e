from __future__ import annotations

from typing import Any

import pytest

from monitoring.evaluators.helpfulness import FAULTS, build
from monitoring.models import Record, Score
from monitoring.signals.style import GROUPS
from monitoring.text.prepared import Prepared

evaluator = build()
PLANTS = "How can I keep houseplants alive while I am away for two weeks?"
GOOD = """You can keep most houseplants alive for two weeks with a little preparation:

1. **Water thoroughly** the day before you leave, and let the excess drain.
2. **Move plants away from direct sun** so that the soil dries more slowly.
3. **Group them together**, which keeps the air around them humid.
4. **Use self-watering**: a wick from a jar of water, or a bottle with small holes pushed into the soil.

Succulents and cacti need nothing at all. Ferns and other thirsty plants do best if a neighbour waters them once."""

OFF_TOPIC = """The Treaty of Westphalia ended the Thirty Years' War in 1648. It recognised the sovereignty of the states within
the Holy Roman Empire, gave Sweden and France new territories, and settled which religion each prince could choose. Many
historians see in it the beginning of the modern system of states, although others doubt that."""


def score(prompt: str, response: str) -> Score:
    return evaluator.evaluate(Prepared([Record(prompt=prompt, response=response)]))[0]


@pytest.mark.parametrize(
    "worse",
    [
        "Ask a neighbour to water them.",
        "It depends. There are many ways to do this and every plant is different, so do what you think is best.",
        "I'm sorry, but as an AI language model I cannot help with houseplants.",
        "What a wonderful question! You are so thoughtful to care about your plants. Thank you for asking me!",
        "The Treaty of Westphalia ended the Thirty Years' War in 1648 and recognised the sovereignty of states.",
        "You can water them the day before. " * 20,
        GOOD + " That is how it is done, and it is done like that." * 10,
        GOOD[:300],
    ],
    ids=["terse", "evasive", "refusing", "flattering", "off_topic", "looping", "padded", "cut_off"],
)
def test_a_full_answer_in_good_form_is_liked_better(worse: Any) -> None:
    assert score(PLANTS, GOOD).value > score(PLANTS, worse).value
    assert score(PLANTS, GOOD).label == "above_ordinary"


@pytest.mark.parametrize(
    ("prompt", "fitting", "unfitting"),
    [
        ("Give me three names for a cat.", "1. Milo\n2. Luna\n3. Pepper", "1. Milo"),
        (
            "Write a Python function that adds two numbers.",
            "```python\ndef add(first, second):\n    return first + second\n```\nThe function returns the sum.",
            "You can add two numbers with a plus sign, and the result is what the function should return.",
        ),
        (
            "Explain in 20 words why the sky is blue.",
            "Air scatters short waves of sunlight more than long ones, so blue light reaches us from every part of the sky.",
            "Air scatters short waves of sunlight more than long ones. " * 8,
        ),
    ],
)
def test_an_answer_of_the_kind_asked_for_is_liked_better(prompt: str, fitting: Any, unfitting: Any) -> None:
    assert score(prompt, fitting).value > score(prompt, unfitting).value


@pytest.mark.parametrize(
    ("part", "worse"),
    [
        ("on_topic", OFF_TOPIC),
        ("complete", GOOD[:333]),
        (
            "substance",
            "What a wonderful question! You are so thoughtful to care. Thank you for being you, you are amazing!",
        ),
    ],
)
def test_a_part_of_its_own_tells_what_is_no_answer(part: Any, worse: Any) -> None:
    assert score(PLANTS, worse).parts[part] < 0.5 < score(PLANTS, GOOD).parts[part]


def test_the_value_joins_its_parts() -> None:
    found = score(PLANTS, GOOD)
    assert set(found.parts) == {*GROUPS, *FAULTS}
    odds = 1.0
    for name in GROUPS:
        odds *= found.parts[name] / (1 - found.parts[name])
    assert found.value == pytest.approx(odds / (1 + odds), abs=1e-3)


@pytest.mark.parametrize(
    ("prompt", "response", "label"),
    [
        ("", "", "empty"),
        ("", "An answer to nothing.", "no_prompt"),
        (PLANTS, "!?", "no_words"),
        (
            PLANTS,
            "Gießen Sie die Pflanzen vor der Abreise und stellen Sie sie in den Schatten.",
            "language_unsupported",
        ),
    ],
)
def test_what_cannot_be_judged_is_unknown(prompt: str, response: str, label: Any) -> None:
    found = score(prompt, response)
    assert (found.value, found.label, found.parts) == (None, label, {})


@pytest.mark.parametrize("response", ["", " \n"])
def test_no_answer_to_a_question_is_the_worst(response: str) -> None:
    found = score(PLANTS, response)
    assert (found.value, found.label) == (0.0, "no_answer")


def test_it_makes_no_claim_about_truth() -> None:
    false = GOOD.replace("two weeks", "two years").replace("away from direct sun", "into direct sun")
    assert score(PLANTS, false).value == pytest.approx(score(PLANTS, GOOD).value, abs=0.02)
