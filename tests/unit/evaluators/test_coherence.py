from __future__ import annotations

import pytest

from monitoring.evaluators.coherence import build
from monitoring.models import Record, Score
from monitoring.text.prepared import Prepared

ANY_LANGUAGE = True  # it reads signs of degeneration
evaluator = build()
SOUND = (
    "A heat pump moves warmth from the cold air outside into the house. It needs electricity for that, but "
    "far less than a heater of the same power. In winter it works best with large radiators, because the "
    "water can then stay lukewarm. Ask two companies for an offer before you decide."
)


def score(response: str, prompt: str = "How does a heat pump work?") -> Score:
    return evaluator.evaluate(Prepared([Record(prompt=prompt, response=response)]))[0]


@pytest.mark.parametrize(
    "response",
    [
        SOUND,
        "Paris",
        "Yes.",
        "42",
        "The Art of War and Peace",
        "1. Saudi Arabia\n2. Singapore\n3. Spain\n4. Suriname",
        "Here are some countries:\n\n- Saudi Arabia\n- Singapore\n- Spain",
        "Sure! Here is the code:\n\n```python\nfor row in range(10):\n    print(row)\n```\n\nIt prints ten lines.",
        "| Name | Age |\n|---|---|\n| Anna | 31 |\n| Bert | 45 |",
        'He said: "We will never give up, and we will be back tomorrow with more people than today."',
        "Row, row, row your boat, gently down the stream. Merrily, merrily, merrily, merrily, life is but a dream.",
        "Eine Wärmepumpe holt Wärme aus der kalten Luft und bringt sie ins Haus. Sie braucht dafür Strom.",
        "热泵把室外冷空气中的热量带进屋里。它需要用电。但比同样功率的电暖器少得多。",
        "Тепловой насос переносит тепло из холодного воздуха в дом. Для этого ему нужно электричество.",
    ],
)
def test_sound_answers_are_coherent(response: str) -> None:
    found = score(response)
    assert found.label == "coherent"
    assert found.value >= 0.6
    assert found.evidence == ()


@pytest.mark.parametrize(
    ("response", "label"),
    [
        (SOUND + " best" * 40, "loop"),
        (SOUND + " for an offer before you decide" * 8, "loop"),
        (SOUND + " Ask two companies for an offer before you decide." * 5, "loop"),
        ("Ha! " + "-=-=" * 200, "loop"),
        ("a" * 500, "loop"),
        ("Look: " + "* " * 100, "loop"),
        (SOUND[:200], "truncated"),
        (SOUND[:-27], "truncated"),
        ("A heat pump moves warmth from the cold air outside into the", "truncated"),
        ("The steps are as follows:\n\n1. Open the valve.\n2. Close the", "truncated"),
        (
            "A he4t pmup moevs wamrth fr0m teh co%ld ari outisde itno the huose. I7 nedes elecrticiyt.",
            "noise",
        ),
        (
            "Xkq vrelm dwoq zzpt quvn brrk olpf. Mmq wertz plokij nhbgt vfrcd xsw. Qaz edcrfv tgb yhnujm.",
            "noise",
        ),
        ("Here you are:\n\n```python\nfor row in range(10):\n    print(row)", "truncated"),
        (
            "Here:\n\n```python\nprint(10)\n\nThat is all there is to it, so enjoy your new program.",
            "format_break",
        ),
        (SOUND + " Она забирает тепло из воздуха и отдаёт тепло дому.", "mixed_languages"),
        (
            "The pump is louder than the old heater. Nobody minds. The pump is not louder than the old heater.",
            "self_contradiction",
        ),
    ],
)
def test_degenerate_answers_are_low(response: str, label: str) -> None:
    found = score(response)
    assert found.value < evaluator.threshold
    assert found.label == label


@pytest.mark.parametrize(
    ("prompt", "response", "valid"),
    [
        ("Return the answer as JSON.", '{"warm": true}', True),
        (
            "Return the answer as JSON.",
            'Here it is:\n```json\n{"warm": [1, 2]}\n```\nEnjoy your warm house!',
            True,
        ),
        ("Return the answer as JSON.", 'Here it is: [{"warm": null}]', True),
        ("Return the answer as JSON.", "{'warm': True}", False),
        ("Return the answer as JSON.", '{"warm": true,}', False),
        ("Return the answer as JSON.", '```json\n{"warm": tru\n```', False),
        ("Respond in valid JSON only.", "The house is warm now.", False),
        ("Return the answer as JSON.", "[" * 50_000 + "]" * 50_000, False),
        ("Write a Python function that returns JSON.", "Use the module json and its function dumps.", True),
        ("What is JSON?", "A format for data, made of objects and lists.", True),
        ("Return the answer as XML.", "{'warm': True}", True),
    ],
)
def test_json_must_be_valid_where_it_was_asked_for(prompt: str, response: str, *, valid: bool) -> None:
    found = score(response, prompt)
    assert (found.value is None or found.parts["format"] == 1.0) is valid


@pytest.mark.parametrize(
    "prompt", ["Translate it into Russian.", "Как работает тепловой насос?", "Say it in two languages."]
)
def test_a_second_script_is_fine_where_it_was_asked_for(prompt: str) -> None:
    response = SOUND + " Она забирает тепло из воздуха и отдаёт тепло дому."
    assert score(response, prompt).parts["language_mix"] == 1.0
    assert score(response).parts["language_mix"] < 1.0


@pytest.mark.parametrize(
    ("response", "label"),
    [("", "empty"), (" \n", "empty"), ("...", "no_words")],
)
def test_what_has_no_words_is_unknown(response: str, label: str) -> None:
    found = score(response)
    assert (found.value, found.label) == (None, label)


def test_a_picture_is_read_like_a_word() -> None:
    found = score("\N{GRINNING FACE}")
    assert found.label == "coherent"
    assert found.confidence < 0.1


@pytest.mark.parametrize(
    ("response", "expected"),
    [
        ("Été. " + SOUND + " ça va" * 30, "ça va" + " ça va" * 28),
        (SOUND[:100], SOUND[20:100]),
    ],
)
def test_evidence_points_at_the_damage(response: str, expected: str) -> None:
    (evidence,) = score(response).evidence
    assert response[evidence.start : evidence.end] == expected


def test_a_shuffled_answer_is_a_little_worse_and_not_low() -> None:
    sentences = SOUND.replace(". ", ".\0").split("\0")
    shuffled = " ".join([sentences[1], sentences[3], sentences[0], sentences[2]])
    assert evaluator.threshold < score(shuffled).value < score(SOUND).value
