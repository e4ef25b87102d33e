"""Messages of alerts for the tests of channels."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from app.channels.notice import Notice
from app.schemas.alerts import AlertExample, AlertGroup, AlertMessage

NOW = datetime(2026, 11, 30, 14, 0, tzinfo=UTC)
RULE = UUID(int=1)
DELIVERY = UUID(int=2)
EXAMPLE = AlertExample(trace_id=UUID(int=3), prompt="Who is it?", response="It is [EMAIL_ADDRESS].")


def message(**fields: Any) -> AlertMessage:
    given: dict[str, Any] = {
        "project_id": "default",
        "rule_id": RULE,
        "rule": "Quality drop",
        "kind": "firing",
        "level": "critical",
        "metric": "quality",
        "value": 0.41,
        "threshold": 0.6,
        "n": 1234,
        "window_seconds": 3600,
        "dedup_key": "rule-1/alert-1",
        "at": NOW,
        "since": NOW,
        "link": "/alerts/1",
        "examples": (EXAMPLE,),
        **fields,
    }
    return AlertMessage(**given)


def notice(kind: Any = "firing", **fields: Any) -> Notice:
    return Notice(DELIVERY, kind, message(**fields), "https://monitor.example")


def groups(count: int) -> tuple[AlertGroup, ...]:
    return tuple(AlertGroup(group=f"model-{i}", level="critical", value=0.1, n=10) for i in range(count))
