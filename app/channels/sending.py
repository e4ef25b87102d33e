"""Sending one message to one target, whatever its kind."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import NamedTuple

from app.channels import pagerduty, slack, webhook
from app.channels.mail import send_mail, write_mail
from app.channels.network import Network
from app.channels.notice import Notice
from app.channels.posting import post
from app.schemas.channels import EmailTarget, PagerDutyTarget, Region, SlackTarget, Target, WebhookTarget
from monitoring.clock import now_utc

__all__ = ["Sender", "Sent"]


class Sent(NamedTuple):
    """What a receiver answered: its status, and what it refused although it took the message."""

    status_code: int | None
    warning: str | None = None


class Sender:
    """Sends messages through one network."""

    def __init__(
        self,
        network: Network,
        *,
        clock: Callable[[], datetime] = now_utc,
        pagerduty_addresses: Mapping[Region, str] = pagerduty.ADDRESSES,
    ) -> None:
        self._network = network
        self._clock = clock
        self._pagerduty = pagerduty_addresses

    async def send(self, target: Target, notice: Notice) -> Sent:
        """Send a message once; raises DeliveryError."""
        match target:
            case WebhookTarget():
                body = webhook.write_body(notice)
                headers = webhook.write_headers(target.secret, notice, body, self._clock())
                return Sent(await post(self._network, target.url, body, headers))
            case SlackTarget():
                return Sent(await post(self._network, target.url, slack.write_body(notice), {}))
            case PagerDutyTarget():
                status = 0
                for event in pagerduty.write_events(notice, target.routing_key):
                    status = await post(self._network, self._pagerduty[target.region], event, {})
                return Sent(status)
            case EmailTarget():
                return Sent(None, await send_mail(self._network, target, write_mail(notice, target)))
