from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest

from app.alerting.history import History, try_rule
from monitoring.alerting.rules import Selection
from monitoring.alerting.tallies import Tally
from tests.unit.alerting.making import START, rule

HOUR = timedelta(hours=1)
DAYS = 30 * 24


def history(groups: Mapping[str, Mapping[int, Tally]], hours: int = DAYS) -> History:
    return History(
        hours={
            name: {START + n * HOUR: tally for n, tally in found.items()} for name, found in groups.items()
        },
        first=START if groups else None,
        start=START,
        end=START + hours * HOUR,
    )


def quiet(bad: Mapping[int, Tally] | None = None) -> History:
    return history({"": {n: Tally(100, 1.0) for n in range(DAYS)} | dict(bad or {})})


def test_a_trial_shows_when_a_rule_would_have_fired() -> None:
    tried = try_rule(rule(), quiet({100: Tally(100, 20.0), 101: Tally(100, 70.0), 300: Tally(100, 20.0)}))
    assert tried.trial is not None
    first, second = tried.trial.moments
    assert (tried.trial.fired, tried.trial.evaluations) == (2, DAYS)
    assert (first.at, first.ended_at) == (START + 101 * HOUR, START + 103 * HOUR)
    assert (first.level, first.value, second.level, second.value) == ("critical", 0.7, "warning", 0.2)
    assert tried.cannot_fire is None


def test_longer_windows_slide_over_the_hours() -> None:
    watched = rule(window=4 * HOUR)
    tried = try_rule(watched, quiet({100: Tally(100, 80.0)}))
    assert tried.trial is not None
    (moment,) = tried.trial.moments
    assert moment.value == pytest.approx(0.2075)
    assert moment.ended_at == START + 105 * HOUR
    assert tried.window_seconds == 4 * 3600


def test_a_total_of_minutes_is_a_part_of_its_hour() -> None:
    watched = rule(
        metric="requests", aggregation="sum", window=timedelta(minutes=15), warning=30, critical=None
    )
    tried = try_rule(watched, history({"": {n: Tally(100 + n, 100.0 + n) for n in range(24)}}, 24))
    assert tried.trial is not None
    assert tried.trial.moments[0].value == pytest.approx(121 / 4)


def test_groups_and_percentiles_are_tried_too() -> None:
    slow, quick = Tally(10, 0.0, {400: 10}), Tally(10, 0.0, {10: 10})
    watched = rule(metric="latency", aggregation="p95", group_by="model", warning=100, critical=None)
    groups = {"a": dict.fromkeys(range(50), quick), "b": {n: slow if n == 20 else quick for n in range(50)}}
    tried = try_rule(watched, history(groups, 50))
    assert tried.trial is not None
    (moment,) = tried.trial.moments
    assert moment.group == "b"


@pytest.mark.parametrize(
    ("changes", "found", "why"),
    [
        ({}, quiet(), None),
        ({}, history({}), "No record of the last 30 days has the metric violations."),
        (
            {"filter": Selection(dimension="model", values=("gpt-99",))},
            history({"": {}}),
            "No record of the last 30 days with model gpt-99 has the metric violations.",
        ),
        ({"no_data": "alert"}, history({}), None),
        ({"warning": None, "critical": 1.0}, quiet(), "violations is never above 1."),
        ({"warning": None, "critical": 0.999}, quiet(), None),
        ({"direction": "below", "warning": None, "critical": 0.0}, quiet(), "violations is never below 0."),
        ({"direction": "below", "warning": 0.1, "critical": 0.0}, quiet(), None),
        ({"aggregation": "sum", "warning": 10, "critical": None}, quiet(), None),
        ({"minimum_n": 101}, quiet(), "No window of the last 30 days has 101 records of violations."),
        ({"minimum_n": 100}, quiet(), None),
        (
            {
                "metric": "requests",
                "aggregation": "sum",
                "direction": "below",
                "warning": 1,
                "critical": None,
            },
            history({}),
            None,
        ),
        ({"metric": "backlog_age", "aggregation": "last"}, history({}), None),
    ],
)
def test_a_rule_that_can_never_fire_says_why(
    changes: dict[str, Any], found: History, why: str | None
) -> None:
    assert try_rule(rule(**changes), found).cannot_fire == why
