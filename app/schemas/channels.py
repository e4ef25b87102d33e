"""Where alerts are sent, as it is stored: channels, their targets, and deliveries to them."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final, Literal
from uuid import UUID

import msgspec

from app.schemas.alerts import AlertMessage

__all__ = [
    "MOST_CHANNELS",
    "Channel",
    "Delivery",
    "DeliveryKind",
    "DeliveryState",
    "EmailTarget",
    "PagerDutyTarget",
    "Region",
    "Security",
    "SlackTarget",
    "Target",
    "TargetKind",
    "WebhookTarget",
]

MOST_CHANNELS: Final = 20
"""Channels of one project."""

TargetKind = Literal["webhook", "slack", "pagerduty", "email"]
Region = Literal["us", "eu"]
Security = Literal["tls", "starttls", "none"]
DeliveryKind = Literal["firing", "renotify", "recovered", "test"]
DeliveryState = Literal["pending", "delivered", "failed"]


class WebhookTarget(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="webhook"):
    """An address that gets signed JSON. `secret` is the key of the signature."""

    url: str
    secret: str


class SlackTarget(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="slack"):
    """An incoming webhook of Slack, whose whole address is a secret."""

    url: str


class PagerDutyTarget(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="pagerduty"):
    """An integration of PagerDuty by the key of its events API v2."""

    routing_key: str
    region: Region


class EmailTarget(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="email"):
    """Recipients, and the mail server for them. Without `username` it asks for no password."""

    host: str
    port: int
    security: Security
    username: str | None
    password: str | None
    sender: str
    recipients: tuple[str, ...]


Target = WebhookTarget | SlackTarget | PagerDutyTarget | EmailTarget


class Channel(msgspec.Struct, frozen=True, kw_only=True):
    """A channel of one project.

    `shown` is what people may see of the target, and `sealed` the encrypted target. `failures`
    counts messages in a row that could not be delivered. `off_reason` says why the channel was
    turned off, if no person did that.
    """

    project_id: str
    channel_id: UUID
    name: str
    kind: TargetKind
    shown: dict[str, Any]
    sealed: bytes
    enabled: bool
    failures: int
    off_reason: str | None
    created_at: datetime
    created_by: str
    updated_at: datetime


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """One message for one channel.

    `attempts` counts those that were begun. `status_code` is the last answer's, `error` says why
    the last attempt failed.
    """

    delivery_id: UUID
    channel_id: UUID
    kind: DeliveryKind
    state: DeliveryState
    message: AlertMessage
    attempts: int
    due_at: datetime
    status_code: int | None
    error: str | None
    created_at: datetime
    finished_at: datetime | None
