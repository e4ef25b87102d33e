from __future__ import annotations

from uuid import UUID

import pytest

from app.channels.administration import show_target
from app.channels.sealing import OpenError, Sealing
from app.errors import Conflict
from app.schemas.channels import EmailTarget, PagerDutyTarget, SlackTarget, Target, WebhookTarget

KEY = "0123456789abcdef" * 2
CHANNEL, HIDDEN = UUID(int=7), "hidden-and-long-enough"
TARGETS: list[Target] = [
    WebhookTarget(url="https://user.example/hidden-path?token=hidden", secret=HIDDEN),
    SlackTarget(url="https://hooks.slack.com/services/T/B/hidden"),
    PagerDutyTarget(routing_key="hidden" * 5 + "00", region="eu"),
    EmailTarget(
        host="mail.example",
        port=465,
        security="tls",
        username="hidden-name",
        password=HIDDEN,
        sender="a@example.com",
        recipients=("b@example.com",),
    ),
]


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: type(target).__name__)
def test_a_sealed_target_opens_with_its_key_project_and_channel_alone(target: Target) -> None:
    sealed = Sealing(KEY).seal("shop", CHANNEL, target)
    assert b"hidden" not in sealed
    assert Sealing(KEY).open("shop", CHANNEL, sealed) == target
    assert Sealing(KEY).seal("shop", CHANNEL, target) != sealed
    for sealing, project, channel, content in (
        (Sealing(KEY[::-1]), "shop", CHANNEL, sealed),
        (Sealing(KEY), "bank", CHANNEL, sealed),
        (Sealing(KEY), "shop", UUID(int=8), sealed),
        (Sealing(KEY), "shop", CHANNEL, sealed[:-1] + bytes([sealed[-1] ^ 1])),
        (Sealing(KEY), "shop", CHANNEL, b""),
        (Sealing(None), "shop", CHANNEL, sealed),
    ):
        with pytest.raises(OpenError, match="LLM_MONITOR_PRIVACY_KEY"):
            sealing.open(project, channel, content)


def test_nothing_is_stored_without_a_key() -> None:
    with pytest.raises(Conflict, match="LLM_MONITOR_PRIVACY_KEY"):
        Sealing(None).seal("shop", CHANNEL, TARGETS[0])


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: type(target).__name__)
def test_what_is_shown_of_a_target_holds_no_secret(target: Target) -> None:
    shown = show_target(target)
    assert shown
    assert "hidden" not in str(shown)
