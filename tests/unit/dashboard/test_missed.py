"""Which evaluators can have missed something in a call, and what their buttons send."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from app.policies import EvaluatorPolicy, PolicyReport
from dashboard.drawing.missed import missed_choices, missed_key, missed_part, read_missed
from monitoring.models import Failure, Score
from tests.unit.dashboard.components import text
from tests.unit.dashboard.test_review import trace


def policy(flag: str | None) -> EvaluatorPolicy:
    return EvaluatorPolicy(
        version="1", category="c", flag=flag, threshold=0.5, default_threshold=0.5, weight=1, default_weight=1
    )


POLICIES = PolicyReport(
    project_id="default",
    decided=None,
    evaluators={"pii": policy("pii_leak"), "toxicity": policy("toxicity"), "relevance": policy(None)},
)
LOW = Score(value=0.1, label="clean", version="1")
UNKNOWN = Score(value=None, label="no_context", version="1")
BROKEN = Failure(evaluator="toxicity", version="1", error="E", message="m")


@pytest.mark.parametrize(
    ("changes", "choices"),
    [
        ({"scores": {"pii": LOW, "toxicity": LOW, "relevance": LOW}}, ["pii", "toxicity"]),
        ({"scores": {"pii": LOW, "toxicity": LOW}, "hits": ("pii",)}, ["toxicity"]),
        ({"scores": {"pii": LOW, "toxicity": LOW}, "dismissed_hits": ("pii",)}, ["toxicity"]),
        ({"scores": {"pii": LOW, "toxicity": BROKEN}}, ["pii"]),
        ({"scores": {"pii": LOW, "toxicity": UNKNOWN}}, ["pii"]),
        ({"scores": {"relevance": LOW, "unknown": LOW}}, []),
        ({"scores": {}}, []),
    ],
)
def test_evaluators_with_a_score_that_did_not_flag_are_offered(
    changes: dict[str, Any], choices: list[str]
) -> None:
    call = msgspec.structs.replace(trace("p", "r"), **({"hits": (), "flags": ()} | changes))
    assert missed_choices(call, POLICIES) == choices
    assert missed_choices(call, None) == []
    shown = missed_part(call, choices)
    assert bool(shown) is bool(choices)
    assert ("score 0.1" in text(shown)) is bool(choices)


@pytest.mark.parametrize(
    ("key", "name"), [(missed_key("pii"), "pii"), ("m:", ""), ("m", None), ("t", None), ("", None)]
)
def test_a_button_names_its_evaluator_in_place_of_a_key(key: str, name: str | None) -> None:
    assert read_missed(key) == name
