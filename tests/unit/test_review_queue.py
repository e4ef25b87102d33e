"""Which calls a project's rules put before people, in the words of the filter language."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from app.catalogue import list_judges
from app.filters import parse_filter
from app.review.queue import queue_of
from app.schemas.projects import ProjectSettings, ReviewQueue
from monitoring.verdict import Policy
from tests.integration.worker_rig import Alarm, WordCount

JUDGES = list_judges([WordCount(), Alarm()])


@pytest.mark.parametrize(
    ("rules", "chosen"),
    [
        ({}, "is_safe = false"),
        ({"flagged": False}, "is_safe = false"),  # without any rule
        ({"quality_below": 0.25}, "is_safe = false or quality < 0.25"),
        ({"flagged": False, "random_share": 0.01}, "chance < 0.01"),
        (
            {"flagged": False, "near_threshold": 0.1},
            "score.alarm >= 0.6 and score.alarm <= 0.8",
        ),
        (
            {"flagged": False, "disagreeing": True},
            (
                "(rating <= 2 and is_safe != false and not quality < 0.45) or "
                "(rating >= 4 and (is_safe = false or quality < 0.45))"
            ),
        ),
    ],
)
def test_rules_are_a_filter(rules: dict[str, Any], chosen: str) -> None:
    settings = ProjectSettings(policy=Policy({"alarm": 0.7}), review=ReviewQueue(**rules))
    assert queue_of(settings, JUDGES) == parse_filter(chosen)


@pytest.mark.parametrize("name", ["near_threshold", "quality_below", "random_share"])
@pytest.mark.parametrize("value", [0.0, -0.1, 1.1, float("nan")])
def test_a_rule_has_a_number_above_zero_and_at_most_one(name: str, value: float) -> None:
    with pytest.raises(msgspec.ValidationError, match=name):
        msgspec.convert({name: value}, ReviewQueue)
