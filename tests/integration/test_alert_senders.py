"""Messages to receivers that answer, fail, hang, redirect, are slow and change their address."""

from __future__ import annotations

import json
import ssl
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from app.channels import mail, posting
from app.channels.addresses import AllowedNetworks
from app.channels.errors import DeliveryError
from app.channels.network import Network
from app.channels.sending import Sender
from app.channels.webhook import sign
from app.schemas.channels import EmailTarget, PagerDutyTarget, SlackTarget, WebhookTarget
from tests.integration.receivers import (
    OK,
    dribbles,
    hangs,
    make_certificate,
    receiving,
    says,
    status,
    taking_mail,
)
from tests.unit.channels.notices import NOW, notice

NAME = "hooks.example"
SIGNING_KEY = "a-signing-secret"


class Names:
    """Names that lead to addresses, in turn where there are several readings."""

    def __init__(self, *readings: Sequence[str]) -> None:
        self.readings = list(readings)
        self.asked: list[str] = []

    async def __call__(self, host: str, _: int) -> Sequence[str]:
        self.asked.append(host)
        return self.readings.pop(0) if len(self.readings) > 1 else self.readings[0]


def sender(names: Names, *allowed: str, tls: ssl.SSLContext | None = None, **options: Any) -> Sender:
    network = Network(AllowedNetworks(allowed), names, tls or ssl.create_default_context())
    return Sender(network, clock=lambda: NOW, **options)


def here(*allowed: str, **options: Any) -> Sender:
    return sender(Names(["127.0.0.1"]), *(allowed or ("127.0.0.1",)), **options)


def hook(port: int, scheme: str = "http") -> WebhookTarget:
    return WebhookTarget(url=f"{scheme}://{NAME}:{port}/path?key=1", secret=SIGNING_KEY)


async def test_a_webhook_gets_what_a_receiver_can_verify() -> None:
    async with receiving(says(OK)) as receiver:
        sent = await here().send(hook(receiver.port), notice())
    (request,) = receiver.requests
    assert sent.status_code == 200
    assert request.head == "POST /path?key=1 HTTP/1.1"
    assert request.headers["host"] == f"{NAME}:{receiver.port}"
    assert request.headers["content-type"] == "application/json"
    timestamp = request.headers["x-llm-monitor-timestamp"]
    assert request.headers["x-llm-monitor-signature"] == f"v1={sign(SIGNING_KEY, timestamp, request.body)}"
    assert json.loads(request.body)["rule"] == "Quality drop"


async def test_tls_is_verified_for_the_name_while_the_checked_address_is_reached(tmp_path: Path) -> None:
    server, client = make_certificate(tmp_path, NAME)
    async with receiving(says(OK), tls=server) as receiver:
        await here(tls=client).send(hook(receiver.port, "https"), notice())
        assert receiver.names == [NAME]
        other = WebhookTarget(url=f"https://other.example:{receiver.port}/", secret=SIGNING_KEY)
        for trusting, target in (
            (client, other),
            (ssl.create_default_context(), hook(receiver.port, "https")),
        ):
            with pytest.raises(DeliveryError, match="certificate") as failed:
                await here(tls=trusting).send(target, notice())
            assert not failed.value.permanent
    assert len(receiver.requests) == 1


@pytest.mark.parametrize(
    ("answer", "permanent", "code", "wait"),
    [
        (status(302, "Location: http://169.254.169.254/"), True, 302, None),
        (status(307, "Location: /elsewhere"), True, 307, None),
        (status(400), True, 400, None),
        (status(404), True, 404, None),
        (status(410), True, 410, None),
        (status(408), False, 408, None),
        (status(429, "Retry-After: 120"), False, 429, 120),
        (status(429, "Retry-After: 999999999"), False, 429, 3600),
        (status(503, "Retry-After: Wed, 21 Oct 2026 07:28:00 GMT"), False, 503, None),
        (status(500), False, 500, None),
        (says(b"SSH-2.0-OpenSSH\r\n"), False, None, None),
        (says(b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 50_000), False, None, None),
        (says(b""), False, None, None),
    ],
)
async def test_an_answer_decides_whether_there_is_another_attempt(
    answer: Any,
    *,
    permanent: bool,
    code: int | None,
    wait: float | None,
) -> None:
    async with receiving(answer) as receiver:
        with pytest.raises(DeliveryError) as failed:
            await here().send(hook(receiver.port), notice())
    error = failed.value
    assert (error.permanent, error.status_code, error.retry_after) == (permanent, code, wait)
    assert len(receiver.requests) == 1
    assert "key=1" not in error.detail


async def test_a_name_that_rebinds_is_resolved_once_and_never_reached_inside() -> None:
    async with receiving(says(OK)) as receiver:
        # The first reading passes the check. If anything resolved again, it would get the second.
        names = Names(["127.0.0.1"], ["127.0.0.2"])
        await sender(names, "127.0.0.1").send(hook(receiver.port), notice())
        assert names.asked == [NAME]
        with pytest.raises(DeliveryError, match="not allowed") as refused:
            await sender(names, "127.0.0.1").send(hook(receiver.port), notice())
        assert refused.value.permanent
        for allowed, readings in (((), ["127.0.0.1"]), (("127.0.0.1",), ["127.0.0.1", "10.0.0.1"])):
            with pytest.raises(DeliveryError, match="not allowed"):
                await sender(Names(readings), *allowed).send(hook(receiver.port), notice())
    assert receiver.connections == 1


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "2130706433", "0x7f.1", "localhost", "[::1]", "[::ffff:127.0.0.1]"]
)
async def test_no_way_of_writing_this_machine_is_let_through(host: str) -> None:
    from app.channels.network import SystemResolver

    network = Network(AllowedNetworks(), SystemResolver(), ssl.create_default_context())
    async with receiving(says(OK)) as receiver:
        for scheme in ("http", "https"):
            target = WebhookTarget(url=f"{scheme}://{host}:{receiver.port}/", secret=SIGNING_KEY)
            with pytest.raises(DeliveryError, match=r"not allowed|no address"):
                await Sender(network).send(target, notice())
    assert receiver.connections == 0


async def test_a_closed_port_is_tried_again() -> None:
    async with receiving(says(OK)) as receiver:
        pass
    with pytest.raises(DeliveryError, match="does not accept") as failed:
        await here().send(hook(receiver.port), notice())
    assert not failed.value.permanent


@pytest.mark.parametrize("answer", [hangs, dribbles])
async def test_a_receiver_that_is_slow_is_left_in_time(answer: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(posting, "MOST_SECONDS", 0.3)
    begun = time.monotonic()
    async with receiving(answer) as receiver:
        with pytest.raises(DeliveryError, match="did not answer within") as failed:
            await here().send(hook(receiver.port), notice())
    assert time.monotonic() - begun < 3
    assert not failed.value.permanent


@pytest.mark.long
@pytest.mark.parametrize("answer", [hangs, dribbles])
async def test_the_real_limit_of_time_holds(answer: Any) -> None:
    begun = time.monotonic()
    async with receiving(answer) as receiver:
        with pytest.raises(DeliveryError, match="within 10 seconds"):
            await here().send(hook(receiver.port), notice())
    assert 9 < time.monotonic() - begun < 15


async def test_slack_and_pagerduty_are_posted_to() -> None:
    async with receiving(says(OK), status(202)) as receiver:
        address = f"http://{NAME}:{receiver.port}/v2/enqueue"
        sending = here(pagerduty_addresses={"us": "http://nowhere.example/", "eu": address})
        await sending.send(SlackTarget(url=f"http://{NAME}:{receiver.port}/services/T/B/x"), notice())
        target = PagerDutyTarget(routing_key="k" * 32, region="eu")
        assert (await sending.send(target, notice("test"))).status_code == 202
        await sending.send(target, notice())
        await sending.send(target, notice("recovered"))
    slack, *events = receiver.requests
    assert json.loads(slack.body)["blocks"]
    keys = [(json.loads(one.body)["event_action"], json.loads(one.body)["dedup_key"]) for one in events]
    assert [action for action, _ in keys] == ["trigger", "resolve", "trigger", "resolve"]
    assert len({key for _, key in keys}) == 1


def mailbox(port: int, security: Any = "none", **fields: Any) -> EmailTarget:
    given: dict[str, Any] = {
        "host": NAME,
        "port": port,
        "security": security,
        "username": "monitor",
        "password": "a-password",
        "sender": "monitor@example.com",
        "recipients": ("a@example.com", "b@example.com"),
        **fields,
    }
    return EmailTarget(**given)


async def test_a_mail_goes_to_all_recipients_over_tls(tmp_path: Path) -> None:
    server, client = make_certificate(tmp_path, NAME)
    async with taking_mail(tls=server) as box:
        assert (await here(tls=client).send(mailbox(box.port, "starttls"), notice())).warning is None
    assert [line.split()[0] for line in box.dialogue[:4]] == ["EHLO", "STARTTLS", "EHLO", "AUTH"]
    assert "RCPT TO:<b@example.com>" in box.dialogue
    assert b"Subject: [default] critical: Quality drop" in box.mails[0]


async def test_no_password_is_said_to_a_server_without_tls(tmp_path: Path) -> None:
    async with taking_mail() as box:
        with pytest.raises(DeliveryError):
            await here().send(mailbox(box.port, "starttls"), notice())
        with pytest.raises(DeliveryError, match="not allowed"):
            await sender(Names(["8.8.8.8"])).send(mailbox(box.port, "none"), notice())
    assert not [line for line in box.dialogue if line.startswith("AUTH")]
    server, _ = make_certificate(tmp_path, "other.example")
    async with taking_mail(tls=server) as box:
        with pytest.raises(DeliveryError):
            await here().send(mailbox(box.port, "starttls"), notice())
    assert not [line for line in box.dialogue if line.startswith("AUTH")]


@pytest.mark.parametrize(
    ("refuse", "permanent", "code"),
    [
        ("AUTH 535 wrong", True, 535),
        ("AUTH 454 later", False, 454),
        ("MAIL 550 never", True, 550),
        ("RCPT 550 nobody", True, None),
        ("RCPT 450 busy", False, None),
        ("DATA 554 no", True, 554),
        ("EHLO garbage", False, None),
    ],
)
async def test_a_mail_server_that_refuses(
    refuse: str,
    *,
    permanent: bool,
    code: int | None,
) -> None:
    async with taking_mail(refuse=[refuse]) as box:
        with pytest.raises(DeliveryError) as failed:
            await here().send(mailbox(box.port), notice())
    assert failed.value.permanent is permanent
    assert code in {None, failed.value.status_code}
    assert "a-password" not in failed.value.detail


async def test_a_mail_server_that_hangs_is_left_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mail, "MOST_SECONDS", 0.3)
    async with taking_mail(silent=True) as box:
        with pytest.raises(DeliveryError, match="longer than") as failed:
            await here().send(mailbox(box.port), notice())
    assert not failed.value.permanent
