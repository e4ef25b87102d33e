from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitoring.models import Evidence, Score
from monitoring.overall_quality import FAULTS, VERSION, judge_quality, load_combination, measure_faults

PLACE = Evidence("response", 3, 9, "said before")


def score(value: Any, label: Any = "x", evidence: Any = (), **parts: Any) -> Any:
    return Score(value=value, label=label, version="1", parts=parts, evidence=evidence)


SOUND = {
    "helpfulness": score(0.5, on_topic=0.99, complete=0.99, substance=0.99),
    "relevance": score(0.9, topical=0.9, intent=0.9),
    "coherence": score(
        1.0, **dict.fromkeys(("repetition", "truncation", "noise", "format", "consistency"), 1.0)
    ),
    "language_match": score(1.0),
}
BAD = {
    "off_topic": {
        "relevance": score(0.1, topical=0.02),
        "helpfulness": score(0.5, on_topic=0.02, complete=0.9, substance=0.9),
    },
    "flattering": {"helpfulness": score(0.5, on_topic=0.9, complete=0.9, substance=0.1)},
    "cut_off": {
        "helpfulness": score(0.5, on_topic=0.9, complete=0.03, substance=0.9),
        "coherence": score(0.1, truncation=0.02),
    },
    "looping": {"coherence": score(0.1, repetition=0.1, evidence=(PLACE,))},
    "garbled": {"coherence": score(0.1, noise=0.1)},
    "broken_format": {"coherence": score(0.1, format=0.1)},
    "mixed_languages": {"coherence": score(0.4, language_mix=0.4)},
    "contradictory": {"coherence": score(0.4, consistency=0.1)},
    "wrong_language": {"language_match": score(0.0, "other")},
    "unsupported": {"factual_accuracy": score(0.05)},
}


def judge(**changed: Any) -> Any:
    return judge_quality(SOUND | changed, {})


def test_an_ordinary_answer_is_a_half_and_nothing_cost_anything() -> None:
    found = judge()
    assert found.value == pytest.approx(0.5, abs=0.02)
    assert (found.label, found.parts, found.evidence, found.version) == ("ordinary", {}, (), VERSION)


def test_there_is_a_case_for_every_fault() -> None:
    assert list(BAD) == list(FAULTS)


@pytest.mark.parametrize("fault", BAD)
def test_each_fault_costs_something_and_is_told(fault: Any) -> None:
    found = judge(**BAD[fault])
    assert found.value < judge().value - 0.02
    assert found.label == fault
    assert found.parts[fault] == pytest.approx(1 - (judge().value - found.value), abs=0.01)


@pytest.mark.parametrize("fault", BAD)
def test_a_weight_of_nothing_takes_a_fault_out(fault: Any) -> None:
    weights = {FAULTS[fault]: 0.0}
    assert fault not in judge_quality(SOUND | BAD[fault], weights).parts


def test_where_a_fault_was_found_is_shown_with_what_it_cost() -> None:
    (shown,) = judge(**BAD["looping"]).evidence
    assert (shown.field, shown.start, shown.end) == (PLACE.field, PLACE.start, PLACE.end)
    assert shown.reason.startswith("looping costs 0.")


def test_faults_add_up() -> None:
    both = judge(**BAD["garbled"], **BAD["wrong_language"])
    assert both.value < min(judge(**BAD[fault]).value for fault in ("garbled", "wrong_language"))
    assert set(both.parts) == {"garbled", "wrong_language"}


@pytest.mark.parametrize(
    "near",
    [
        {"helpfulness": score(0.5, on_topic=0.6, complete=0.6, substance=0.6)},
        {"relevance": score(0.1, topical=0.02, contextual=0.9)},
        {"coherence": score(0.6, truncation=0.3)},
        {"language_match": score(None, "undetermined")},
        {"factual_accuracy": score(0.6)},
    ],
    ids=["likely_sound", "about_the_context", "perhaps_cut", "language_unknown", "supported"],
)
def test_what_is_not_likely_costs_nothing(near: Any) -> None:
    assert judge(**{name: one for name, one in near.items() if one.value is not None}).parts == {}


def test_a_refusal_costs_its_helpfulness_unless_the_prompt_is_better_refused() -> None:
    refused = {"helpfulness": score(0.2, on_topic=0.9), "refusal": score(1.0, "refusal")}
    needless = judge(**refused)
    assert (needless.label, needless.value) == ("refused", pytest.approx(0.2, abs=0.02))
    for harmful in ({"toxicity": score(0.0, prompt=0.9)}, {"prompt_injection": score(0.9, prompt=0.9)}):
        assert judge(**refused, **harmful).value == pytest.approx(judge().value)


def test_no_answer_is_the_worst() -> None:
    assert judge_quality({"helpfulness": score(0.0, "no_answer")}, {}).value < 0.001


@pytest.mark.parametrize("scores", [{}, {"refusal": score(1.0)}, {"semantic_similarity": score(0.9)}])
def test_nothing_known_is_no_value(scores: Any) -> None:
    assert judge_quality(scores, {}) is None


def test_what_is_unknown_takes_nothing_away() -> None:
    assert judge_quality({"coherence": SOUND["coherence"]}, {}).value == pytest.approx(0.5, abs=0.02)
    assert measure_faults({}) == {}


def test_no_cost_is_negative() -> None:
    combination = load_combination()
    assert set(combination.costs) == set(FAULTS)
    assert min(combination.costs.values()) > 0


parts = st.floats(0, 1)


@given(parts, parts, parts, parts, st.floats(0, 1e6))
def test_every_value_is_within_its_range_and_worse_parts_are_never_better(
    helpful: Any, first: Any, second: Any, third: Any, weight: Any
) -> None:
    low, high = sorted((first, second))
    values = [
        judge_quality(
            {
                "helpfulness": score(helpful, on_topic=part, complete=third, substance=third),
                "coherence": score(part, repetition=part, truncation=third),
            },
            {"coherence": weight},
        ).value
        for part in (low, high)
    ]
    assert 0 <= values[0] <= values[1] <= 1
