from __future__ import annotations

import time

import pytest

from monitoring.evaluators.topic_category import build
from monitoring.models import Record, Score
from monitoring.signals.topics import TOPICS
from monitoring.text.prepared import Prepared

evaluator = build()


def score(prompt: str, response: str = "") -> Score:
    return evaluator.evaluate(Prepared([Record(prompt=prompt, response=response)]))[0]


@pytest.mark.parametrize(
    ("prompt", "topic"),
    [
        ("What is the capital of France?", "geography"),
        ("How is capital gains tax calculated?", "finance"),
        ("How do I raise capital for my startup company?", "business"),
        ("Is capital punishment legal?", "law"),
        ("How do I train a Python model?", "programming"),
        ("What do pythons and other snakes eat?", "animals"),
        ("Which bank offers the best mortgage?", "finance"),
        ("Solve the equation 3x + 5 = 20.", "mathematics"),
        ("What are the symptoms of diabetes?", "health"),
        ("Give me a recipe for pancakes.", "food"),
    ],
)
def test_prompts_get_their_topic(prompt: str, topic: str) -> None:
    found = score(prompt)
    assert found.label == topic
    assert 0 < found.value <= 1


def test_the_response_decides_where_the_prompt_says_little() -> None:
    assert (
        score("Tell me more.", "Preheat the oven, mix flour with butter and bake the bread.").label == "food"
    )


@pytest.mark.parametrize("prompt", ["Hello, how are you?", "Thanks!", "ok", "zzqxv wqkkj"])
def test_small_talk_and_noise_have_no_topic(prompt: str) -> None:
    found = score(prompt)
    assert (found.label, found.value) == ("unknown", None)


@pytest.mark.parametrize(
    ("prompt", "response", "label"),
    [
        ("", "", "empty"),
        ("...", "!", "empty"),
        (
            "Was ist bitte die Hauptstadt von Frankreich?",
            "Die Hauptstadt von Frankreich ist Paris.",
            "language_unsupported",
        ),
    ],
)
def test_nothing_is_said_where_nothing_can_be_known(prompt: str, response: str, label: str) -> None:
    found = score(prompt, response)
    assert (found.label, found.value) == (label, None)


def test_a_response_in_another_language_leaves_the_prompt_to_decide() -> None:
    assert (
        score("What is the capital of France?", "Die Hauptstadt von Frankreich ist Paris.").label
        == "geography"
    )


def test_there_are_about_twenty_topics_and_no_reserved_name_among_them() -> None:
    assert 20 <= len(TOPICS) <= 30
    assert not {"unknown", "empty", "language_unsupported"} & set(TOPICS)


@pytest.mark.parametrize("unit", ["a", "1", "word ", "!?", "é", "\N{COMBINING ACUTE ACCENT}", "[", "\0"])
def test_time_grows_no_faster_than_the_text(unit: str) -> None:
    def seconds(size: int) -> float:
        text = unit * (size // len(unit))
        best = float("inf")
        for _ in range(3):
            started = time.thread_time()
            score(text, text)
            best = min(best, time.thread_time() - started)
        return best

    seconds(1000)
    assert seconds(400_000) < 4 * seconds(100_000) * 2 + 0.05
