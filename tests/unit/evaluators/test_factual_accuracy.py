from __future__ import annotations

import pytest

from monitoring.evaluators.factual_accuracy import build
from monitoring.models import Record, Score
from monitoring.text.prepared import Prepared

evaluator = build()


def score(
    response: str, *, prompt: str = "", context: tuple[str, ...] = (), reference: str | None = None
) -> Score:
    record = Record(prompt=prompt, response=response, context=context, reference=reference)
    return evaluator.evaluate(Prepared([record]))[0]


def test_the_reference_itself_agrees() -> None:
    text = "The tower opened to the public in March 1889."
    found = score(text, reference=text)
    assert found.label == "agrees"
    assert found.value > 0.5
    assert found.parts == {"reference_agreement": found.value}


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("Canberra is the capital of Australia.", "Sydney is the capital of Australia."),
        ("The capital is Canberra.", "Melbourne hosts the Australian government."),
        ("Canberra has been the capital since 1913.", "Sydney has been the capital since 1788."),
    ],
)
def test_agreement_ranks_above_disagreement(right: str, wrong: str) -> None:
    reference = "Canberra; The capital of Australia is Canberra, which was founded as the capital in 1913"
    assert score(right, reference=reference).value > score(wrong, reference=reference).value


def test_the_reference_has_the_last_word() -> None:
    context, reference = ("The tower opened in 1889.",), "The bridge was closed in 1950."
    response = "The tower opened in 1889."
    assert "context_support" in score(response, context=context).parts
    assert "reference_agreement" in score(response, context=context, reference=reference).parts


@pytest.mark.parametrize(
    ("response", "value"),
    [
        ("So 7 * 8 = 54.", 0.0),
        ("So 7 \u00d7 8 = 56.", 1.0),
        ("First 2 + 2 = 4, then 4 + 4 = 9.", 0.5),
        ("$47.50 * 0.14 = $6.85", 0.0),
        ("1,200 + 300 = 1,500", 1.0),
        ("10 / 4 = 2.5", 1.0),
        ("2 / 3 = 0.67", 1.0),
        ("3 \\times 4 = 13", 0.0),
        ("- 5 + 3 = 9\n", 0.0),
        ("2 + 3 * 4 = 14", 1.0),
        ("It was on February 30.", 0.0),
        ("Read ISBN 978-3-16-148410-1.", 0.0),
        ("Read ISBN 978-3-16-148410-0.", 1.0),
    ],
)
def test_what_can_be_worked_out_is(response: str, value: float) -> None:
    found = score(response)
    assert found.value == value
    assert found.parts == {"internal_checks": value}
    assert bool(found.evidence) == (value < 1.0)


@pytest.mark.parametrize(
    "response",
    [
        "Rome was founded by twins.",
        "x = 5",
        "1-2 = 3 points",
        "1 + 1 = 10 in binary",
        "17 / 5 = 4 remainder 2",
        "2 * 3 = 7 * 4",
        "(2 + 3) * 4 = 20",
        "5 m + 3 = 9",
        "13 / 0 = 7",
        "Il totale: 10.000 \u00d7 3,801 = 38.010.",
        "18\u202f360 \u00d7 0,01 = 183,6",
        "```python\nassert 2 + 2 == 5\nx = 2 + 2 = 5\n```",
        "For example, 2 + 2 = 5 is wrong.",
    ],
)
def test_what_cannot_be_worked_out_is_unknown(response: str) -> None:
    found = score(response)
    assert (found.value, found.label) == (None, "nothing_to_check")


def test_evidence_is_the_equation() -> None:
    response = "Été: so 7 * 8 = 54."
    (evidence,) = score(response).evidence
    assert response[evidence.start : evidence.end] == "7 * 8 = 54"
    assert "56" in evidence.reason


def test_a_failed_check_lowers_an_agreeing_answer() -> None:
    text = "The total is 7 * 8 = 54 pounds of apples."
    found = score(text, reference=text)
    assert found.value == 0.0
    assert found.label == "checks_failed"
    assert found.parts["reference_agreement"] > 0.5


@pytest.mark.parametrize(
    ("response", "label"),
    [
        ("", "empty"),
        ("I can't help with that.", "refusal"),
        ("Der Turm wurde im Jahre 1889 in der Stadt Paris eröffnet.", "language_unsupported"),
        ("...", "nothing_to_check"),
    ],
)
def test_what_a_reference_cannot_judge_is_unknown(response: str, label: str) -> None:
    found = score(response, reference="The tower opened in 1889.")
    assert (found.value, found.label) == (None, label)
