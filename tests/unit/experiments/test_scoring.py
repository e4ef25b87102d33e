from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from monitoring.experiments.scoring import Output, choose_evaluators, harms_of, score_outputs
from monitoring.models import Record, Score
from monitoring.text.prepared import Prepared


class Judge:
    """Finds a word bad; raises an error for another one, and knows nothing of a third."""

    version = "1"
    needs = frozenset({"response"})

    def __init__(self, name: str, category: str, flag: str | None = None) -> None:
        self.name, self.category, self.flag, self.threshold = name, category, flag, 0.5

    def evaluate(self, batch: Prepared) -> list[Score]:
        return [self._score(text) for text in batch.texts("response")]

    def _score(self, text: str) -> Score:
        if "break" in text:
            raise ValueError("broken")
        value = None if "unknown" in text else float(("bad" in text) == (self.category == "safety"))
        return Score(value=value, label="nothing" if value is None else "found", version="1")


HARM: Any = Judge("harm", "safety", "harmful")
GOOD: Any = Judge("good", "quality")
TOPIC: Any = Judge("topic", "descriptive")
JUDGES = [HARM, GOOD, TOPIC]


def output(response: str, error: str | None = None, **own: float) -> Output:
    return Output(item_id="a", record=Record(prompt="p", response=response, error=error), own=own)


@pytest.mark.parametrize(
    ("given", "passed"),
    [
        (output("fine"), True),
        (output("bad"), False),
        (output(" "), False),
        (output("fine", error="timeout"), False),
        (output("unknown"), True),
        (output("break"), None),
    ],
)
def test_an_answer_passes_if_nothing_is_wrong_with_it(given: Output, *, passed: bool | None) -> None:
    (answer,) = score_outputs([given], JUDGES)
    assert answer.passed is passed


def test_an_answer_keeps_scores_flags_and_what_is_not_known() -> None:
    bad, unknown, broken = score_outputs([output("bad"), output("unknown"), output("break")], JUDGES)
    assert (bad.scores, bad.flags, bad.low) == ({"harm": 1.0, "good": 0.0}, ("harmful",), ("good",))
    assert (unknown.scores, unknown.unknown) == ({}, {"harm": "nothing", "good": "nothing"})
    assert set(broken.failed) == {"harm", "good", "topic"}
    assert broken.failed["harm"] == "ValueError: broken"


def test_own_scores_stand_beside_those_of_evaluators_and_never_replace_them() -> None:
    (answer,) = score_outputs([output("fine", mine=0.3, harm=0.9, nothing=float("nan"))], JUDGES)
    assert answer.scores == {"harm": 0.0, "good": 1.0, "mine": 0.3}


@pytest.mark.parametrize(
    ("names", "chosen"), [([], JUDGES), (["good"], [GOOD]), (["good", "harm", "good"], [GOOD, HARM])]
)
def test_evaluators_are_chosen_by_name(names: Sequence[str], chosen: Sequence[object]) -> None:
    assert list(choose_evaluators(JUDGES, names)) == chosen
    assert harms_of([HARM, GOOD]) == ("harm",)


def test_an_unknown_evaluator_is_named() -> None:
    with pytest.raises(ValueError, match="there is no evaluator goood: there are harm, good, topic"):
        choose_evaluators(JUDGES, ["goood"])
