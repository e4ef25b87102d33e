from __future__ import annotations

import time

import pytest

from monitoring.evaluators.semantic_similarity import build
from monitoring.models import Record, Score
from monitoring.text.prepared import Prepared

evaluator = build()


def score(response: str, *, reference: str | None = None, prompt: str = "Tell me about it.") -> Score:
    return evaluator.evaluate(Prepared([Record(prompt=prompt, response=response, reference=reference)]))[0]


@pytest.mark.parametrize(
    "text",
    [
        "Paris is the capital of France.",
        "tax",
        "A long answer about rivers, mountains and the sea. " * 40,
        "The zzqxv device was built by Wqkkj.",
    ],
)
def test_identical_texts_are_one(text: str) -> None:
    assert score(text, reference=text).value == pytest.approx(1.0, abs=1e-3)


@pytest.mark.parametrize(
    ("reference", "alike", "other"),
    [
        (
            "The doctor told her to rest.",
            "The physician advised her to rest.",
            "The judge told her to pay.",
        ),
        (
            "Kids play soccer in a park.",
            "Children are playing football in the park.",
            "Dogs bark at cars in the street.",
        ),
        (
            "The firm announced increased earnings.",
            "The company reported higher profits.",
            "The company hired a new gardener.",
        ),
        (
            "Water boils at 100 degrees.",
            "Water starts to boil at 100 degrees.",
            "Gold melts at 1064 degrees.",
        ),
    ],
)
def test_paraphrases_are_closer_than_other_statements(reference: str, alike: str, other: str) -> None:
    assert score(alike, reference=reference).value > score(other, reference=reference).value + 0.1


def test_unrelated_texts_are_near_zero() -> None:
    assert score("Mix the butter with sugar.", reference="The judge sentenced him.").value < 0.1


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("The cat sleeps.", "A dog was sleeping on the sofa all day long."),
        ("Rivers " * 80, "Rivers and lakes"),
    ],
)
def test_similarity_is_symmetric(first: str, second: str) -> None:
    assert score(first, reference=second).value == pytest.approx(
        score(second, reference=first).value, abs=2e-4
    )


def test_the_label_tells_what_was_compared() -> None:
    assert score("Paris.", reference="Paris is the capital.").label == "reference"
    assert score("Paris is a city.", prompt="Tell me about the city of Paris.").label == "prompt"


def test_a_blank_reference_is_no_reference() -> None:
    assert score("Paris is a city.", reference="  \n").label == "prompt"


@pytest.mark.parametrize(
    ("response", "reference", "prompt", "label"),
    [
        ("", "Paris.", "Where?", "empty"),
        ("Paris.", None, "", "empty"),
        (
            "Die Hauptstadt von Frankreich ist die Stadt Paris.",
            "Paris is the capital.",
            "Where?",
            "language_unsupported",
        ),
        ("Paris is the capital.", "Столица Франции это город Париж.", "Where?", "language_unsupported"),
        ("首都はパリです。とても美しい街です。", "Paris is the capital.", "Where?", "language_unsupported"),
    ],
)
def test_nothing_is_said_where_nothing_can_be_known(
    response: str, reference: str | None, prompt: str, label: str
) -> None:
    found = score(response, reference=reference, prompt=prompt)
    assert found.value is None
    assert found.label == label


def test_records_with_and_without_reference_share_a_batch() -> None:
    records = [
        Record(prompt="Tell me about Paris.", response="Paris is a city."),
        Record(prompt="Tell me about Paris.", response="Paris is a city.", reference="Paris is a city."),
        Record(prompt="", response=""),
    ]
    assert [found.label for found in evaluator.evaluate(Prepared(records))] == [
        "prompt",
        "reference",
        "empty",
    ]


@pytest.mark.parametrize(
    "unit", ["a", "1", "word ", "!?", "é", "\N{COMBINING ACUTE ACCENT}", "[", "\0", "🙂"]
)
def test_time_grows_no_faster_than_the_text(unit: str) -> None:
    def seconds(size: int) -> float:
        text = unit * (size // len(unit))
        best = float("inf")
        for _ in range(3):
            started = time.thread_time()
            score(text, reference=text)
            best = min(best, time.thread_time() - started)
        return best

    seconds(1000)
    assert seconds(400_000) < 4 * seconds(100_000) * 2 + 0.05
