from __future__ import annotations

from datetime import time, timedelta
from typing import Any

import pytest

from monitoring.alerting.rules import Selection, check_rule
from monitoring.alerting.schedules import Mute
from tests.unit.alerting.making import minutes, rule

LATENCY = {"metric": "latency", "aggregation": "p95"}
GPT = Selection(dimension="model", values=("gpt-5",))


@pytest.mark.parametrize(
    ("changes", "fields"),
    [
        ({}, []),
        ({"metric": "happiness"}, ["metric"]),
        ({"metric": "flag:"}, ["metric"]),
        ({"metric": "flag:toxicity"}, []),
        ({"metric": "score:relevance.topical", "aggregation": "p10"}, []),
        ({"metric": "score:relevance", "aggregation": "sum"}, ["aggregation"]),
        ({"aggregation": "p95"}, ["aggregation"]),
        ({"metric": "requests"}, ["aggregation"]),
        (LATENCY, []),
        (LATENCY | {"group_by": "model"}, []),
        (LATENCY | {"group_by": "tag"}, ["group_by"]),
        (LATENCY | {"group_by": "user"}, ["group_by"]),
        (LATENCY | {"compare": "deviation"}, ["compare"]),
        (LATENCY | {"compare": "ratio"}, []),
        ({"compare": "deviation", "group_by": "model"}, ["compare"]),
        ({"compare": "deviation", "filter": GPT}, []),
        ({"metric": "score:relevance", "filter": GPT}, []),
        ({"metric": "score:relevance.topical", "filter": GPT}, ["filter"]),
        ({"metric": "score:relevance", "group_by": "template"}, ["group_by"]),
        ({"metric": "quality", "aggregation": "average", "group_by": "template"}, []),
        ({"metric": "errors", "group_by": "tag"}, ["group_by"]),
        ({"metric": "errors", "group_by": "model"}, []),
        ({"filter": GPT, "group_by": "model"}, ["group_by"]),
        ({"metric": "backlog_age", "aggregation": "last"}, []),
        ({"metric": "backlog_age", "aggregation": "last", "filter": GPT}, ["filter"]),
        ({"metric": "backlog_age", "aggregation": "last", "compare": "ratio"}, ["compare"]),
        ({"warning": None, "critical": None}, ["critical"]),
        ({"warning": 0.5, "critical": 0.5}, ["critical"]),
        ({"warning": 0.5, "critical": 0.4}, ["critical"]),
        ({"warning": 0.5, "critical": 0.4, "direction": "below"}, []),
        ({"recovery": 0.1}, []),
        ({"recovery": 0.11}, ["recovery"]),
        ({"warning": None, "recovery": 0.4}, []),
        ({"window": minutes(4)}, ["window"]),
        ({"window": minutes(5)}, []),
        ({"window": timedelta(weeks=1)}, []),
        ({"window": timedelta(weeks=1, hours=1)}, ["window"]),
        ({"window": minutes(181)}, ["window"]),
        ({"window": minutes(7.5)}, ["window"]),
        ({"window": minutes(30), "group_by": "tag"}, ["window"]),
        ({"window": minutes(30), "group_by": "model"}, []),
        ({"pending": timedelta(weeks=2), "renotify": timedelta(weeks=2)}, ["pending", "renotify"]),
        ({"mutes": (Mute(start=time(1), end=time(2), tz="Europe/Atlantis"),)}, ["mutes"]),
        ({"mutes": (Mute(start=time(1), end=time(2), days=()),)}, ["mutes"]),
    ],
)
def test_what_cannot_be_right_is_named_by_its_field(changes: dict[str, Any], fields: list[str]) -> None:
    assert [fault.field for fault in check_rule(rule(**changes))] == fields
