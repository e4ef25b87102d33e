"""Languages of prompt and response."""

from __future__ import annotations

import pytest

from monitoring.evaluators.language_match import build
from monitoring.models import Record, Score
from monitoring.text.prepared import Prepared

ANY_LANGUAGE = True  # it reads the language itself
ENGLISH = "Please tell me how the water cycle works and why it rains."
GERMAN = "Das Wasser verdunstet, steigt auf und fällt als Regen wieder auf die Erde zurück."
SPANISH = "El agua se evapora, sube a la atmósfera y vuelve a caer sobre la tierra en forma de lluvia."
CHINESE = "水蒸发后上升到大气中,然后以雨的形式落回地面,这就是水循环。"
ANSWER = "Water evaporates from the sea, rises, cools down and falls back to earth as rain."
CROSSING = (Record(prompt=ENGLISH, response=GERMAN),)


def judge(prompt: str, response: str, system_prompt: str | None = None) -> Score:
    record = Record(prompt=prompt, response=response, system_prompt=system_prompt)
    (score,) = build().evaluate(Prepared([record]))
    return score


@pytest.mark.parametrize(
    ("prompt", "response", "system_prompt", "value", "label"),
    [
        (ENGLISH, ANSWER, None, 1.0, "same"),
        (GERMAN, GERMAN, None, 1.0, "same"),
        (ENGLISH, GERMAN, None, 0.0, "other"),
        (ENGLISH, SPANISH, None, 0.0, "other"),
        (ENGLISH, CHINESE, None, 0.0, "other"),
        (CHINESE, ANSWER, None, 0.0, "other"),
        (f"{ENGLISH} Answer in German.", GERMAN, None, None, "asked_for"),
        (f"Translate for my pupils: {ENGLISH}", SPANISH, None, None, "asked_for"),
        (f"Übersetze ins Englische: {GERMAN}", ANSWER, None, None, "asked_for"),
        (f"翻译成英文:{CHINESE}", ANSWER, None, None, "asked_for"),
        (ENGLISH, GERMAN, "Always reply in German.", None, "asked_for"),
        (ENGLISH, "42", None, None, "undetermined"),
        (ENGLISH, "Oui.", None, None, "undetermined"),
        ("", GERMAN, None, None, "empty"),
        (ENGLISH, " ", None, None, "empty"),
    ],
)
def test_the_language_of_the_answer_is_that_of_the_question(
    prompt: str, response: str, system_prompt: str | None, value: float | None, label: str
) -> None:
    score = judge(prompt, response, system_prompt)
    assert (score.value, score.label) == (value, label)


def test_another_language_is_shown_and_named() -> None:
    (evidence,) = judge(ENGLISH, f"  {GERMAN}").evidence
    assert (evidence.field, evidence.start, evidence.reason) == ("response", 2, "is de, asked in en")


def test_neighbours_count_as_one() -> None:
    czech = "Prosím odpovězte na následující otázku o historii města a jeho obyvatel."
    slovak = "Prosím odpovedzte na nasledujúcu otázku o histórii mesta a jeho obyvateľov."
    assert (judge(czech, slovak).value, judge(czech, slovak).label) == (1.0, "close")
