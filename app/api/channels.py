"""Channels and deliveries in the form that the API accepts and shows."""

from __future__ import annotations

import secrets
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import msgspec
from msgspec import Meta

from app.errors import InvalidRecord
from app.schemas.alerts import AlertMessage
from app.schemas.channels import (
    Channel,
    Delivery,
    DeliveryKind,
    DeliveryState,
    EmailTarget,
    PagerDutyTarget,
    Region,
    Security,
    SlackTarget,
    Target,
    TargetKind,
    WebhookTarget,
)
from app.schemas.keys import LONGEST_NAME, NAME_PATTERN

__all__ = [
    "ChannelIn",
    "ChannelList",
    "ChannelOut",
    "ChannelPatch",
    "DeliveryOut",
    "DeliveryPage",
    "NewChannel",
    "read_target",
    "show_channel",
    "show_delivery",
    "show_new_channel",
]

_SECRET_BYTES = 32
_MAILBOX = r"^[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9.-]{1,190}(?![\s\S])"
_HOST = r"^[A-Za-z0-9.:-]{1,253}(?![\s\S])"
_ROUTING_KEY = r"^[A-Za-z0-9]{32}(?![\s\S])"

Name = Annotated[str, Meta(min_length=1, max_length=LONGEST_NAME, pattern=NAME_PATTERN)]
Url = Annotated[str, Meta(min_length=1, max_length=2048)]
Mailbox = Annotated[str, Meta(pattern=_MAILBOX)]
Credential = Annotated[str, Meta(min_length=1, max_length=1024)]


class WebhookIn(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind", tag="webhook"
):
    """An address that gets signed JSON. Without `secret` one is made and shown once."""

    url: Url
    secret: Annotated[str, Meta(min_length=16, max_length=256)] | None = None


class SlackIn(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind", tag="slack"
):
    """The address of an incoming webhook of Slack."""

    url: Url


class PagerDutyIn(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind", tag="pagerduty"
):
    """The integration key of a service of PagerDuty, for the events API v2."""

    routing_key: Annotated[str, Meta(pattern=_ROUTING_KEY)]
    region: Region = "us"


class EmailIn(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind", tag="email"
):
    """Recipients, and the mail server that takes messages for them."""

    host: Annotated[str, Meta(pattern=_HOST)]
    sender: Mailbox
    recipients: Annotated[tuple[Mailbox, ...], Meta(min_length=1, max_length=20)]
    port: Annotated[int, Meta(ge=1, le=65535)] = 587
    security: Security = "starttls"
    username: Credential | None = None
    password: Credential | None = None


TargetIn = WebhookIn | SlackIn | PagerDutyIn | EmailIn


class ChannelIn(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A channel to be made."""

    name: Name
    target: TargetIn
    enabled: bool = True


class ChannelPatch(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to change of a channel. A new target replaces the whole target, with its secrets."""

    name: Name | None = None
    target: TargetIn | None = None
    enabled: bool | None = None


def read_target(sent: TargetIn) -> Target:
    """Return a target in the form that is stored; raises InvalidRecord."""
    match sent:
        case WebhookIn():
            secret = sent.secret or secrets.token_urlsafe(_SECRET_BYTES)
            return WebhookTarget(url=_check_url(sent.url), secret=secret)
        case SlackIn():
            return SlackTarget(url=_check_url(sent.url))
        case PagerDutyIn():
            return PagerDutyTarget(**msgspec.structs.asdict(sent))
        case EmailIn():
            if (sent.username is None) != (sent.password is None):
                raise _wrong("password", "A user name and a password belong together.")
            return EmailTarget(**msgspec.structs.asdict(sent))


def _check_url(written: str) -> str:
    # Few API processes ever make a channel, and the library takes a while to load.
    import httpx

    try:
        url = httpx.URL(written)
    except httpx.InvalidURL as error:
        raise _wrong("url", "It is no address of the web.") from error
    if url.scheme not in {"http", "https"} or not url.host:
        raise _wrong("url", "Write a whole address, as in https://example.com/path.")
    if url.userinfo or url.fragment:
        raise _wrong("url", "Leave out the user name, the password and what follows #.")
    return str(url)


def _wrong(field: str, message: str) -> InvalidRecord:
    return InvalidRecord(
        f"The target was refused at {field}. {message}",
        errors=[{"field": f"target.{field}", "message": message}],
    )


class ChannelOut(msgspec.Struct, frozen=True, kw_only=True):
    """A channel without its secrets."""

    channel_id: UUID
    name: str
    kind: TargetKind
    target: dict[str, Any]
    enabled: bool
    failures: int
    off_reason: str | None
    created_at: datetime
    created_by: str
    updated_at: datetime


class NewChannel(ChannelOut, frozen=True, kw_only=True):
    """A channel whose target was just set. `secret` signs a webhook; it is shown only here."""

    secret: str | None


class ChannelList(msgspec.Struct, frozen=True):
    """Every channel of a project, the oldest first."""

    channels: tuple[ChannelOut, ...]


class DeliveryOut(msgspec.Struct, frozen=True, kw_only=True):
    """A message for one channel, and what became of it."""

    delivery_id: UUID
    channel_id: UUID
    kind: DeliveryKind
    state: DeliveryState
    attempts: int
    due_at: datetime
    status_code: int | None
    error: str | None
    created_at: datetime
    finished_at: datetime | None
    message: AlertMessage


class DeliveryPage(msgspec.Struct, frozen=True):
    """Deliveries, the newest first. `next` is the value of `before` for the next page."""

    deliveries: tuple[DeliveryOut, ...]
    next: UUID | None


def show_channel(channel: Channel) -> ChannelOut:
    """Return a channel as it is shown."""
    return ChannelOut(**_shown(channel))


def show_new_channel(channel: Channel, target: Target | None) -> NewChannel:
    """Return a channel as it is shown once, after its target was set."""
    secret = target.secret if isinstance(target, WebhookTarget) else None
    return NewChannel(**_shown(channel), secret=secret)


def show_delivery(delivery: Delivery) -> DeliveryOut:
    """Return a delivery as it is shown."""
    return DeliveryOut(**{name: getattr(delivery, name) for name in DeliveryOut.__struct_fields__})


def _shown(channel: Channel) -> dict[str, Any]:
    fields = {name: getattr(channel, name) for name in ChannelOut.__struct_fields__ if name != "target"}
    return {**fields, "target": channel.shown}
