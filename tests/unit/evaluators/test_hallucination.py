from __future__ import annotations

import time
from datetime import UTC, datetime

import pytest

from monitoring.evaluators.hallucination import build
from monitoring.models import Record, Score
from monitoring.text.prepared import Prepared

CONTEXT = (
    (
        "The Eiffel Tower in Paris was completed in 1889 by the company of Gustave Eiffel. "
        "It is 330 metres tall and was the tallest structure in the world until 1930."
    ),
    "The tower is repainted every seven years. It is not open at night in winter.",
)
evaluator = build()


def score(
    response: str, *, prompt: str = "", context: tuple[str, ...] = (), when: datetime | None = None
) -> Score:
    record = Record(prompt=prompt, response=response, context=context, timestamp=when)
    return evaluator.evaluate(Prepared([record]))[0]


@pytest.mark.parametrize(
    "response",
    [
        "The Eiffel Tower in Paris was completed in 1889.",
        "It is 330 metres tall.",
        "The tower is repainted every seven years.",
        "It was the tallest structure in the world until 1930.",
    ],
)
def test_sentences_of_the_context_are_supported(response: str) -> None:
    found = score(response, context=CONTEXT)
    assert found.label == "supported"
    assert found.value < evaluator.threshold
    assert found.evidence == ()
    assert found.parts["unsupported"] == found.value


@pytest.mark.parametrize(
    "response",
    [
        "Marie Curie discovered radium with her husband Pierre in a small Warsaw laboratory.",
        "Visitors enjoy the famous rooftop swimming pool and a casino with 400 machines.",
    ],
)
def test_sentences_foreign_to_the_context_are_flagged_with_evidence(response: str) -> None:
    found = score(response, context=CONTEXT)
    assert found.label == "unsupported"
    assert found.value >= evaluator.threshold
    (evidence,) = found.evidence
    assert response[evidence.start : evidence.end] == response


def test_evidence_points_at_the_unsupported_sentence_alone() -> None:
    true = "Été: the Eiffel Tower in Paris was completed in 1889."
    false = "Dolphins guard its underground casino, restaurants, cinemas and swimming pools against pirates."
    found = score(f"{true} {false}", context=CONTEXT)
    assert [f"{true} {false}"[e.start : e.end] for e in found.evidence] == [false]


def test_more_invention_scores_higher() -> None:
    grounded = "The Eiffel Tower in Paris was completed in 1889 by the company of Gustave Eiffel."
    swapped = "The Eiffel Tower in London was completed in 1925 by the company of Gustave Eiffel."
    invented = "The Blackpool Tower in London was designed in 1925 by the sculptor Henry Moore."
    values = [score(text, context=CONTEXT).value for text in (grounded, swapped, invented)]
    assert values == sorted(values)
    assert values[0] < values[1] < values[2]


def test_a_number_of_the_question_is_not_held_against_the_answer() -> None:
    answer = "The tower was completed in 1925."
    asked = score(answer, prompt="Was it completed in 1925?", context=CONTEXT)
    unasked = score(answer, prompt="When was it completed?", context=CONTEXT)
    assert asked.value < unasked.value


@pytest.mark.parametrize(
    ("response", "context", "label", "value"),
    [
        ("", CONTEXT, "empty", None),
        (" \n", (), "empty", None),
        ("Paris is lovely in spring.", (), "no_context", None),
        ("Paris is lovely in spring.", ("",), "no_context", None),
        ("Yes, it is.", CONTEXT, "no_claims", None),
        (
            "Der Eiffelturm in Paris wurde 1889 von der Firma Eiffel fertiggestellt.",
            CONTEXT,
            "language_unsupported",
            None,
        ),
        ("I can't help with that.", CONTEXT, "refusal", 0.0),
        ("I'm sorry, but the context does not mention who painted it.", CONTEXT, "refusal", 0.0),
        ("I can't help with that.", (), "no_context", None),
    ],
)
def test_what_cannot_be_known_has_no_value(
    response: str, context: tuple[str, ...], label: str, value: float | None
) -> None:
    found = score(response, context=context)
    assert (found.label, found.value) == (label, value)


@pytest.mark.parametrize(
    ("response", "label", "evidence"),
    [
        ("They met on February 30, 2021.", "impossible_date", "February 30, 2021"),
        ("They met on 31 April.", "impossible_date", "31 April"),
        ("It was the 30th of February.", "impossible_date", "30th of February"),
        ("It began 2023-02-29 at noon.", "impossible_date", "2023-02-29"),
        ("It ended on 31/04/2022 at noon.", "impossible_date", "31/04/2022"),
        ("Read ISBN 978-3-16-148410-1 first.", "impossible_citation", "978-3-16-148410-1"),
        ("Read ISBN 0-306-40615-3 first.", "impossible_citation", "0-306-40615-3"),
        ("See arXiv:2313.01234 for more.", "impossible_citation", "2313.01234"),
        ("See doi:11.1002/abc for more.", "impossible_citation", "11.1002/abc"),
        ("The journal has ISSN 0378-5954.", "impossible_citation", "0378-5954"),
        ("She is at orcid.org/0000-0002-1825-0098 too.", "impossible_citation", "0000-0002-1825-0098"),
        ("Sorry, I made that up.", "admitted", "I made that up"),
        ("I fabricated those references, alas.", "admitted", "I fabricated those references"),
        (
            "Canberra is the capital of Australia. Still, it is small. Canberra is not the capital of Australia.",
            "self_contradiction",
            "Canberra is not the capital of Australia.",
        ),
        (
            "Einstein was born in Ulm in 1879. He moved later. Einstein was born in Ulm in 1880.",
            "self_contradiction",
            "Einstein was born in Ulm in 1880.",
        ),
    ],
)
def test_what_cannot_be_true_is_found_without_a_context(response: str, label: str, evidence: str) -> None:
    found = score(response)
    assert found.label == label
    assert found.value >= evaluator.threshold
    assert [response[e.start : e.end] for e in found.evidence] == [evidence]


@pytest.mark.parametrize(
    "response",
    [
        "They met on February 28, 2021, and on February 29, 2024.",
        "They met on 30 April.",
        "It began 2024-02-29 at noon.",
        "It ended on 12/31/2022 and on 31/12/2022.",
        "There is no February 30.",
        "In May 45 people came.",
        "You may 32 times a day.",
        "Call 2023-02-30-1234 now.",
        "```python\nday = '2023-02-29'\n```",
        "Read ISBN 978-3-16-148410-0 and ISBN 0-306-40615-2.",
        "Use ISBN 1234567890 there.",
        "See arXiv:1706.03762 and arXiv:0704.0001.",
        "See doi:10.1038/nphys1170 and https://doi.org/10.1000/182.",
        "The journal has ISSN 0378-5955.",
        "She is at orcid.org/0000-0002-1825-0097 too.",
        "I made up a story for you about a dragon.",
        "She said that he made it up.",
        "Is it raining in Paris today? It is not raining in Paris today.",
        "If the door is open go in. If the door is not open go in.",
        "- Cats are good with small children\n- Cats are not good with small children",
        "Einstein was born in Ulm in 1879. Bohr was born in Copenhagen in 1885.",
    ],
)
def test_what_may_well_be_true_is_left_alone(response: str) -> None:
    found = score(response)
    assert (found.label, found.value, found.evidence) == ("no_context", None, ())


def test_a_paper_cannot_come_from_the_future() -> None:
    text = "See arXiv:2405.01234."
    assert score(text, when=datetime(2024, 4, 30, tzinfo=UTC)).label == "impossible_citation"
    assert score(text, when=datetime(2024, 5, 1, tzinfo=UTC)).label == "no_context"


def test_an_internal_finding_outweighs_a_supported_context() -> None:
    response = "The Eiffel Tower in Paris was completed on February 30, 1889."
    found = score(response, context=CONTEXT)
    assert found.label == "impossible_date"
    assert found.parts["internal"] == found.value > found.parts["unsupported"]


def test_a_record_without_context_beside_one_with_context_stays_unknown() -> None:
    records = [
        Record(prompt="", response="Paris is lovely in spring."),
        Record(prompt="", response="It is 330 metres tall.", context=CONTEXT),
        Record(prompt="", response="", context=CONTEXT),
    ]
    assert [s.label for s in evaluator.evaluate(Prepared(records))] == ["no_context", "supported", "empty"]


def seconds(text: str) -> float:
    batch = Prepared([Record(prompt="", response=text)])
    before = time.thread_time()
    evaluator.evaluate(batch)
    return time.thread_time() - before


@pytest.mark.parametrize(
    "unit",
    [
        "ISBN 978-3-16-148410-1\n",
        "arXiv:2313.01234 ",
        "It was on February 30, 2021. ",
        "So 7 * 8 = 54. ",
        "Tea is not good for cats. Tea is good for cats. ",
        "I made that up. ",
    ],
)
def test_many_findings_inside_code_cost_linear_time(unit: str) -> None:
    score("```" + unit * 10)
    small = seconds("```\n" + unit * (100_000 // len(unit)))
    large = seconds("```\n" + unit * (800_000 // len(unit)))
    assert large < 20 * max(small, 0.02)
