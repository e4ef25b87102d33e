from __future__ import annotations

import time

import pytest

from monitoring.evaluators.relevance import build
from monitoring.models import Record, Score
from monitoring.text.prepared import Prepared

evaluator = build()


def score(prompt: str, response: str, context: tuple[str, ...] = ()) -> Score:
    return evaluator.evaluate(Prepared([Record(prompt=prompt, response=response, context=context)]))[0]


@pytest.mark.parametrize(
    ("prompt", "response"),
    [
        ("What is the capital of France?", "The capital of France is Paris."),
        ("What is the capital of France?", "Paris."),
        ("How many legs does a spider have?", "A spider has eight legs."),
        ("How do I boil an egg?", "Put the egg in boiling water for eight minutes."),
        ("Is water wet?", "Yes, water is wet."),
        ("Who wrote the play Hamlet?", "Hamlet was written by William Shakespeare."),
    ],
)
def test_answers_are_relevant(prompt: str, response: str) -> None:
    found = score(prompt, response)
    assert found.label == "relevant"
    assert found.value >= evaluator.threshold
    assert set(found.parts) == {"topical", "intent", "ranking"}


@pytest.mark.parametrize(
    ("prompt", "response"),
    [
        ("What is the capital of France?", "Mix the flour with butter, sugar and two eggs, then bake it."),
        ("How do I boil an egg?", "The committee will vote on the new budget in March."),
        ("How many legs does a spider have?", "I love listening to jazz music in the evening."),
    ],
)
def test_responses_about_something_else_are_off_topic(prompt: str, response: str) -> None:
    found = score(prompt, response)
    assert found.label == "off_topic"
    assert found.value < evaluator.threshold


@pytest.mark.parametrize(
    ("prompt", "response"),
    [
        ("What is the capital of France?", "I'm sorry, but I can't tell you the capital of France."),
        ("How do I kill a Python process?", "I cannot help you to kill a Python process, as it is harmful."),
        ("What is next for Tom Hanks?", "What is next for Tom Hanks?"),
        ("How many legs does a spider have?", "I have no comment about the legs of a spider."),
    ],
)
def test_refusals_and_echoes_are_no_answer(prompt: str, response: str) -> None:
    found = score(prompt, response)
    assert found.label == "no_answer"
    assert found.parts["topical"] > 0.5 > found.parts["intent"]


@pytest.mark.parametrize(
    ("prompt", "fitting", "unfitting"),
    [
        ("How many moons does the planet have?", "It has four moons.", "It has some moons."),
        (
            "Who wrote the old book?",
            "The old book was written by Mary Shelley.",
            "The old book was written by somebody.",
        ),
        ("Who wrote the old book?", "Mary Shelley.", "Yes."),
        ("Is the old book worth reading?", "Yes, the book is good.", "The book is a book."),
    ],
)
def test_an_answer_of_the_kind_asked_scores_higher(prompt: str, fitting: str, unfitting: str) -> None:
    assert score(prompt, fitting).parts["intent"] > score(prompt, unfitting).parts["intent"]


def test_contextual_part_follows_the_context() -> None:
    prompt, response = "What does the report say about sales?", "Sales rose by ten percent in spring."
    own = score(prompt, response, ("The report says that sales rose by ten percent in spring.",))
    other = score(prompt, response, ("Penguins are birds that live in Antarctica.",))
    assert own.parts["contextual"] > 0.9
    assert other.parts["contextual"] < 0.1
    assert own.value == other.value
    assert "contextual" not in score(prompt, response).parts


@pytest.mark.parametrize(
    ("prompt", "response", "label"),
    [
        ("", "An answer.", "empty"),
        ("A question?", " \n", "empty"),
        (
            "Was ist bitte die Hauptstadt von Frankreich?",
            "Die Hauptstadt von Frankreich ist Paris.",
            "language_unsupported",
        ),
        (
            "Translate this into German, please.",
            "Die Hauptstadt von Frankreich ist die Stadt Paris.",
            "language_unsupported",
        ),
        ("zzqxv wqkkj blorpq xxvvz", "An answer.", "language_unsupported"),
    ],
)
def test_nothing_is_said_where_nothing_can_be_known(prompt: str, response: str, label: str) -> None:
    found = score(prompt, response)
    assert found.value is None
    assert found.label == label
    assert found.parts == {}


def test_scores_do_not_depend_on_the_batch() -> None:
    records = [
        Record(prompt="What is the capital of France?", response="Paris."),
        Record(prompt="", response=""),
        Record(
            prompt="Why is the sky blue?", response="Because of scattering.", context=("Light scatters.",)
        ),
    ]
    together = evaluator.evaluate(Prepared(records))
    assert together == [evaluator.evaluate(Prepared([record]))[0] for record in records]


@pytest.mark.parametrize(
    "unit", ["a", "1", "Word ", "!?", "é", "\N{COMBINING ACUTE ACCENT}", "[", "\0", "* "]
)
def test_time_grows_no_faster_than_the_text(unit: str) -> None:
    def seconds(size: int) -> float:
        text = unit * (size // len(unit))
        best = float("inf")
        for _ in range(3):
            started = time.thread_time()
            score("Who wrote " + text, text, (text,))
            best = min(best, time.thread_time() - started)
        return best

    seconds(1000)
    assert seconds(400_000) < 4 * seconds(100_000) * 2 + 0.05


@pytest.mark.parametrize(
    ("question", "best", "other"),
    [
        (
            "Who wrote the play Hamlet?",
            "The play Hamlet was written around 1600 by William Shakespeare.",
            "The play Hamlet is long, and few actors like to learn it.",
        ),
        (
            "How many legs does a spider have?",
            "A spider has 8 legs and no wings.",
            "A spider has legs that carry hairs for hearing.",
        ),
        (
            "What is the capital of France?",
            "Paris has been the capital of France for centuries.",
            "The climate of the coast is mild, and it hardly ever snows in winter.",
        ),
    ],
)
def test_candidates_for_a_question_rank_by_what_they_take_up_and_hold(
    question: str, best: str, other: str
) -> None:
    assert score(question, best).parts["ranking"] > score(question, other).parts["ranking"]


def test_the_ranking_does_not_ask_how_a_candidate_opens() -> None:
    plain = score("Where is the harbour of Elmstead?", "The harbour of Elmstead is in Essex.")
    report = score("Where is the harbour of Elmstead?", "In Essex is the harbour of Elmstead.")
    assert plain.parts["ranking"] == pytest.approx(report.parts["ranking"], abs=0.01)
