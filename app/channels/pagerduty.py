"""The events of a message for PagerDuty's events API v2.

An alert has the same `dedup_key` in all its events, so that its recovery resolves the incident that
its firing has opened.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Any

import msgspec

from app.channels.notice import Notice
from app.schemas.channels import Region

__all__ = ["ADDRESSES", "write_events"]

ADDRESSES: dict[Region, str] = {
    "us": "https://events.pagerduty.com/v2/enqueue",
    "eu": "https://events.eu.pagerduty.com/v2/enqueue",
}
_MOST_SUMMARY, _MOST_KEY = 1_024, 255


def write_events(notice: Notice, routing_key: str) -> list[bytes]:
    """Return the events to send, one after the other. A test opens an incident and resolves it."""
    opened, resolved = _event(notice, routing_key, "trigger"), _event(notice, routing_key, "resolve")
    match notice.kind:
        case "test":
            return [opened, resolved]
        case "recovered":
            return [resolved]
        case "firing" | "renotify":
            return [opened]


def _event(notice: Notice, routing_key: str, action: str) -> bytes:
    message = notice.message
    event: dict[str, Any] = {
        "routing_key": routing_key,
        "event_action": action,
        "dedup_key": _dedup_key(f"{message.project_id}:{message.dedup_key}"),
    }
    if action == "trigger":
        event |= {
            "client": "LLM Monitor",
            "client_url": notice.url,
            "links": [{"href": notice.url, "text": "Open the alert"}],
            "payload": {
                "summary": notice.summary[:_MOST_SUMMARY],
                "source": f"llm-monitor/{message.project_id}",
                "severity": "info" if notice.kind == "test" else message.level,
                "timestamp": message.at.isoformat(),
                "component": message.rule,
                "class": message.metric,
                "custom_details": _details(notice),
            },
        }
    return msgspec.json.encode(event)


def _details(notice: Notice) -> dict[str, Any]:
    message = notice.message
    return {
        "value": message.value,
        "threshold": message.threshold,
        "n": message.n,
        "window_seconds": message.window_seconds,
        "since": message.since.isoformat(),
        "reason": message.reason,
        "groups": notice.group_lines,
        "examples": notice.example_lines,
    }


def _dedup_key(key: str) -> str:
    return key if len(key) <= _MOST_KEY else sha256(key.encode()).hexdigest()
