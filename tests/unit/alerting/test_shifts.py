"""Changes of behaviour beside windows that chance makes different."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

import numpy as np
import pytest

from app.alerting.history import History, try_rule
from monitoring.alerting.changes import read_change
from monitoring.alerting.rules import Rule, check_rule
from monitoring.alerting.shifts import Shifts
from monitoring.alerting.states import Reading
from monitoring.alerting.tallies import Tally
from monitoring.statistics.histogram import bucket_of
from tests.unit.alerting.making import START, rule

HOUR = timedelta(hours=1)
NOW = START + timedelta(weeks=4)
LENGTH: dict[str, Any] = {
    "metric": "completion_tokens",
    "aggregation": "distribution",
    "compare": "change",
    "critical": None,
}
FORM = LENGTH | {"metric": "label:response_form"}
USUAL = {"prose": 0.6, "json": 0.3, "list": 0.1}
Make = Callable[[int], Tally]


def lengths(median: float, n: int = 800, restless: float = 0.0) -> Make:
    draw = np.random.default_rng(7)

    def make(_: int) -> Tally:
        middle = np.log(median) + draw.normal(0, restless)
        found, counts = np.unique(bucket_of(draw.lognormal(middle, 0.8, n)), return_counts=True)
        return Tally(n, 0.0, dict(zip(found.tolist(), counts.tolist(), strict=True)))

    return make


def forms(shares: Mapping[str, float], n: int = 800) -> Make:
    draw = np.random.default_rng(7)

    def make(_: int) -> Tally:
        counts = draw.multinomial(n, list(shares.values())).tolist()
        return Tally(n, 0.0, dict(zip(shares, counts, strict=True)))

    return make


def judge(watched: Rule, before: Make, now: Tally, hours: int = 672) -> Reading:
    past = {NOW - number * HOUR: before(number) for number in range(1, hours + 1)}
    return read_change(watched, Shifts(watched, past, now.bins), now, (NOW, NOW + HOUR))


@pytest.mark.parametrize(
    ("changes", "before", "now", "low", "high"),
    [
        (LENGTH, lengths(400), lengths(95)(0), 0.4, 0.6),
        (LENGTH, lengths(400), lengths(1_500)(0), 0.4, 0.6),
        (LENGTH, lengths(400), lengths(400)(1), 0.0, 0.0),
        (LENGTH, lengths(400), lengths(380)(0), 0.0, 0.0),
        (LENGTH, lengths(400), lengths(95, n=20)(0), 0.0, 0.2),
        (LENGTH, lengths(400), lengths(95, n=3)(0), 0.0, 0.0),
        (LENGTH, lengths(400, restless=0.5), lengths(200)(0), 0.0, 0.0),
        (LENGTH | {"days": 7}, lengths(400), lengths(95)(0), 0.4, 0.6),
        (FORM, forms(USUAL), forms({"prose": 0.9, "json": 0.0, "list": 0.1})(0), 0.15, 0.3),
        (FORM, forms(USUAL), forms({"prose": 0.5, "json": 0.3, "empty": 0.2})(0), 0.1, 0.2),
        (FORM, forms(USUAL), forms({"prose": 0.57, "json": 0.32, "list": 0.11})(0), 0.0, 0.0),
        (FORM, forms(USUAL), forms({"prose": 0.59, "json": 0.3, "list": 0.1, "code": 0.01})(0), 0.0, 0.0),
    ],
)
def test_a_change_is_the_share_of_calls_that_differ_beyond_chance(
    changes: dict[str, Any], before: Make, now: Tally, low: float, high: float
) -> None:
    watched = rule(**changes)
    found = judge(watched, before, now)
    assert check_rule(watched) == []
    assert found.value is not None
    assert low <= found.value <= high
    assert (found.change is None) == (found.value == 0)


@pytest.mark.parametrize("hours", [0, 100, 168])
def test_less_than_two_weeks_tell_nothing(hours: int) -> None:
    assert judge(rule(**LENGTH), lengths(400), lengths(95)(0), hours).value is None


def test_two_days_are_enough_for_a_comparison_with_days() -> None:
    found = judge(rule(**LENGTH | {"days": 7}), lengths(400), lengths(95)(0), 48)
    assert found.value is not None
    assert found.value > 0.3


@pytest.mark.parametrize(
    ("changes", "before", "now", "begins", "without"),
    [
        (LENGTH, lengths(400), lengths(95)(0), "Responses became shorter: the median went from 4", False),
        (LENGTH, lengths(400), lengths(1_500)(0), "Responses became longer: the median went from 4", True),
        (
            LENGTH | {"metric": "latency"},
            lengths(400),
            lengths(95)(0),
            "Calls became faster: the median",
            False,
        ),
        (
            LENGTH | {"metric": "score:relevance"},
            lengths(400),
            lengths(95)(0),
            "Scores of relevance became lower: the median",
            False,
        ),
        (
            FORM,
            forms(USUAL),
            forms({"prose": 0.95, "json": 0.0, "list": 0.05})(0),
            "The form of responses changed: prose 61% \N{RIGHTWARDS ARROW} 94%, json",
            False,
        ),
        (
            FORM | {"metric": "label:refusal"},
            forms({"answer": 0.98, "refusal": 0.02}),
            forms({"answer": 0.5, "refusal": 0.5})(0),
            "The share of refusals changed: ",
            False,
        ),
    ],
)
def test_a_change_is_told_in_words_with_the_calls_that_show_it(
    changes: dict[str, Any],
    before: Make,
    now: Tally,
    begins: str,
    without: bool,  # noqa: FBT001 a cell of the table
) -> None:
    change = judge(rule(**changes), before, now).change
    assert change is not None
    assert change.text.startswith(begins)
    assert change.without == without
    assert (change.label is None) == (change.edge is not None)


def history(make: Make, hours: int, changed: int, into: Make) -> History:
    found = {START + n * HOUR: into(n) if n >= changed else make(n) for n in range(hours)}
    return History(hours={"": found}, first=START, start=START + 504 * HOUR, end=START + hours * HOUR)


def test_a_trial_shows_when_the_change_was_and_what_it_was() -> None:
    tried = try_rule(rule(**LENGTH), history(lengths(400), 672, 600, lengths(95)))
    assert tried.trial is not None
    (moment,) = tried.trial.moments
    assert moment.at == START + 601 * HOUR
    assert "shorter" in (moment.change or "")
    assert tried.cannot_fire is None


def test_a_trial_says_that_the_calls_are_too_few_for_any_change() -> None:
    tried = try_rule(rule(**LENGTH), history(lengths(400, n=6), 600, 600, lengths(95)))
    assert "at most 6 records" in (tried.cannot_fire or "")


@pytest.mark.parametrize(
    ("changes", "fields"),
    [
        (LENGTH, []),
        (LENGTH | {"group_by": "model"}, []),
        (LENGTH | {"group_by": "template"}, ["group_by"]),
        (LENGTH | {"metric": "label:response_form", "group_by": "model"}, []),
        (LENGTH | {"metric": "label:toxicity"}, ["metric"]),
        (LENGTH | {"metric": "violations"}, ["aggregation"]),
        (LENGTH | {"metric": "score:relevance.topical"}, []),
        (LENGTH | {"metric": "score:relevance", "group_by": "model"}, ["group_by"]),
        (LENGTH | {"compare": "value"}, ["compare"]),
        (LENGTH | {"compare": "ratio", "days": 7}, ["compare", "days"]),
        (LENGTH | {"aggregation": "average"}, ["aggregation"]),
        (LENGTH | {"direction": "below"}, ["direction"]),
        (LENGTH | {"days": 2}, ["days"]),
        (LENGTH | {"days": 7, "window": timedelta(days=2)}, ["window"]),
        (LENGTH | {"warning": 1.0}, ["warning"]),
        (LENGTH | {"warning": -0.1, "recovery": -0.2}, ["warning", "recovery"]),
    ],
)
def test_a_change_is_one_of_a_distribution_by_model(changes: dict[str, Any], fields: list[str]) -> None:
    assert [fault.field for fault in check_rule(rule(**changes))] == fields
