from __future__ import annotations

from typing import Any

import msgspec
import pytest
from pydantic import ValidationError

from app.alerting.administration import Draft
from app.api.alert_rules import AlertRuleIn, show_definition
from app.errors import MonitorError
from monitoring.alerting.ready import READY_RULES
from monitoring.alerting.rules import check_rule

RULE = {
    "name": "errors",
    "metric": "errors",
    "aggregation": "rate",
    "direction": "above",
    "window": "1h",
    "warning": 0.1,
    "critical": 0.5,
}


def refused(changes: dict[str, Any]) -> set[str]:
    """The fields at fault."""
    try:
        AlertRuleIn.model_validate(RULE | changes).to_draft()
    except ValidationError as error:
        return {str(one["loc"][0]) for one in error.errors()}
    except MonitorError as error:
        return {str(one["field"]) for one in error.errors}
    return set()


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({}, None),
        ({"window": "4m"}, "window"),
        ({"window": "5m"}, None),
        ({"window": "0m"}, "window"),
        ({"window": "soon"}, "window"),
        ({"metric": "joy"}, "metric"),
        ({"metric": "score:\0"}, "metric"),
        ({"metric": "score:" + "x" * 129}, "metric"),
        ({"metric": "score:relevance.topical"}, None),
        ({"name": ""}, "name"),
        ({"name": "two\nlines"}, "name"),
        ({"aggregation": "p95"}, "aggregation"),
        ({"warning": None, "critical": None}, "critical"),
        ({"critical": float("nan")}, "critical"),
        ({"critical": 1e13}, "critical"),
        ({"recovery": 0.4}, "recovery"),
        ({"filter": 'model = "gpt-5"'}, None),
        ({"filter": "template in (a)"}, None),
        ({"filter": "  "}, None),
        ({"filter": 'user = "x"'}, "filter"),
        ({"filter": "model ="}, "filter"),
        ({"filter": "model != a"}, "filter"),
        ({"filter": "model = a or model = b"}, "filter"),
        ({"group_by": "user"}, "group_by"),
        ({"mutes": [{"start": "22:00", "end": "06:00", "tz": "Asia/Kathmandu"}]}, None),
        ({"mutes": [{"start": "22:00", "end": "06:00", "tz": "Mars/Base"}]}, "mutes"),
        ({"mutes": [{"start": "22:00", "end": "06:00", "tz": "../../etc/passwd"}]}, "mutes"),
        ({"mutes": [{"start": "22:00+01:00", "end": "06:00"}]}, "mutes"),
        ({"mutes": [{"start": "22:00", "end": "06:00", "days": ["someday"]}]}, "mutes"),
        ({"mutes": [{"start": "22:00", "end": "06:00"}] * 11}, "mutes"),
        ({"channels": ["x"]}, "channels"),
        ({"minimum_n": 0}, "minimum_n"),
        ({"weeks": 5}, "weeks"),
        ({"surprise": 1}, "surprise"),
    ],
)
def test_bad_rules_are_refused_with_their_field(changes: dict[str, Any], field: str | None) -> None:
    assert refused(changes) == (set() if field is None else {field})


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"window": "90m", "pending": "5m", "renotify": "2d", "keep_firing": "1w"},
        {"filter": 'model = "a \\"b\\" c"', "metric": "score:relevance", "aggregation": "average"},
        {"mutes": [{"days": ["friday"], "start": "22:00:00", "end": "06:00:00", "tz": "Europe/Berlin"}]},
    ],
)
def test_a_rule_is_shown_as_a_body_that_makes_it(changes: dict[str, Any]) -> None:
    draft = AlertRuleIn.model_validate(RULE | changes).to_draft()
    shown = show_definition(draft)
    assert AlertRuleIn.model_validate(shown).to_draft() == draft
    assert msgspec.json.decode(msgspec.json.encode({name: shown[name] for name in changes})) == changes


@pytest.mark.parametrize("name", READY_RULES)
def test_ready_rules_are_right(name: str) -> None:
    rule = READY_RULES[name]
    assert not check_rule(rule)
    assert AlertRuleIn.model_validate(show_definition(Draft(rule))).to_draft().rule == rule
