"""Rules that come with every project. None of them works before somebody chooses it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Final

from monitoring.alerting.rules import Rule

__all__ = ["READY_RULES"]

_HOUR, _MINUTE = timedelta(hours=1), timedelta(minutes=1)
_DAY = timedelta(days=1)


def _change(name: str, metric: str, warning: float, critical: float) -> Rule:
    return Rule(
        name=name,
        metric=metric,
        aggregation="distribution",
        direction="above",
        window=_HOUR,
        compare="change",
        warning=warning,
        critical=critical,
        recovery=warning / 4,
        group_by="model",
        minimum_n=30,
        renotify=_DAY,
    )


READY_RULES: Final[Mapping[str, Rule]] = {
    "quality-drop": Rule(
        name="Quality drops",
        metric="quality",
        aggregation="average",
        direction="below",
        window=_HOUR,
        compare="deviation",
        warning=-6.0,
        critical=-10.0,
        recovery=-3.0,
        minimum_n=30,
        renotify=_DAY,
    ),
    "flag-rate": Rule(
        name="More responses are flagged",
        metric="violations",
        aggregation="rate",
        direction="above",
        window=_HOUR,
        compare="deviation",
        warning=6.0,
        critical=10.0,
        recovery=3.0,
        minimum_n=30,
        renotify=_DAY,
    ),
    "cost-doubled": Rule(
        name="Cost is twice the usual",
        metric="cost",
        aggregation="sum",
        direction="above",
        window=6 * _HOUR,
        compare="ratio",
        warning=2.0,
        critical=4.0,
        recovery=1.5,
        minimum_n=20,
        no_data="ok",
        renotify=_DAY,
    ),
    "slow-responses": Rule(
        name="Responses are slow",
        metric="latency",
        aggregation="p95",
        direction="above",
        window=_HOUR,
        compare="ratio",
        warning=1.5,
        critical=3.0,
        recovery=1.25,
        pending=10 * _MINUTE,
        keep_firing=10 * _MINUTE,
        minimum_n=50,
        renotify=_DAY,
    ),
    "errors": Rule(
        name="Calls fail",
        metric="errors",
        aggregation="rate",
        direction="above",
        window=15 * _MINUTE,
        warning=0.05,
        critical=0.2,
        recovery=0.03,
        pending=3 * _MINUTE,
        keep_firing=5 * _MINUTE,
        minimum_n=20,
        renotify=4 * _HOUR,
    ),
    "nothing-arrives": Rule(
        name="Nothing arrives",
        metric="requests",
        aggregation="sum",
        direction="below",
        window=_HOUR,
        critical=1.0,
        renotify=_DAY,
    ),
    "response-length": _change("Responses became shorter or longer", "completion_tokens", 0.1, 0.3),
    "response-form": _change("Responses have another form", "label:response_form", 0.1, 0.3),
    "response-language": _change("Responses are in other languages", "label:response_language", 0.04, 0.2),
    "refusals": _change("More or fewer refusals", "label:refusal", 0.02, 0.1),
    "budget": Rule(
        name="A budget is nearly used up",
        metric="budget",
        aggregation="last",
        direction="above",
        window=_HOUR,
        warning=0.8,
        critical=1.0,
        no_data="ok",
        renotify=_DAY,
    ),
}
