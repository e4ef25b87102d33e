"""Channels and rules for tests that need one: nothing is sent, and nothing is evaluated."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from app.access.administration import Line
from app.alerting.administration import Draft, make_rule
from app.channels.administration import make_channel
from app.channels.sealing import Sealing
from app.schemas.channels import SlackTarget
from app.schemas.ids import mint
from app.storage.engine import Engine, writing
from monitoring.alerting.ready import READY_RULES

SEALING_KEY = "0123456789abcdef" * 2
_RULE = {
    "name": "calls fail",
    "metric": "errors",
    "aggregation": "rate",
    "direction": "above",
    "window": "1h",
    "warning": 0.1,
}
RULE_BODIES: Mapping[str, Any] = {
    "POST /alerts/rules": _RULE,
    "POST /alerts/rules/trial": _RULE,
    "PUT /alerts/rules/{rule_id}": _RULE,
    "POST /alerts/{rule_id}/snooze": {"until": None},
}
NO_ALERTS = {"channel_id": str(mint(0)), "rule_id": str(mint(0)), "name": "errors"}
CHANNEL_BODIES: Mapping[str, Any] = {
    "POST /alerts/channels": {"name": "chat", "target": {"kind": "slack", "url": "https://a.example/x"}},
    "PATCH /alerts/channels/{channel_id}": {"name": "another name"},
}
ALERT_BODIES = {**CHANNEL_BODIES, **RULE_BODIES}


async def give_channel(engine: Engine, project_id: str) -> str:
    """Make a channel in a project and return its id."""
    target = SlackTarget(url="https://hooks.example/x")
    async with writing(engine) as connection:
        line = Line(project_id, "test", datetime.now(UTC))
        made = await make_channel(connection, line, Sealing(SEALING_KEY), "chat", target, enabled=True)
    return str(made.channel_id)


async def give_rule(engine: Engine, project_id: str) -> str:
    """Make an alert rule in a project and return its id."""
    async with writing(engine) as connection:
        made = await make_rule(
            connection, Line(project_id, "test", datetime.now(UTC)), Draft(READY_RULES["errors"])
        )
    return str(made.rule_id)


async def give_alerts(engine: Engine, project_id: str) -> dict[str, str]:
    """Make a channel and a rule in a project and return their ids by the names in routes."""
    return {
        "channel_id": await give_channel(engine, project_id),
        "rule_id": await give_rule(engine, project_id),
        "name": "errors",
    }
