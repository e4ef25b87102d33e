from __future__ import annotations

import hmac
import json
from email import message_from_bytes, policy
from typing import Any

import pytest

from app.channels import pagerduty, slack, webhook
from app.channels.mail import write_mail
from app.schemas.channels import EmailTarget
from tests.unit.channels.notices import DELIVERY, NOW, groups, notice

LONG = "<!channel> & " * 2_000


def test_a_webhook_gets_every_field_and_a_signature_over_timestamp_and_body() -> None:
    told = notice(groups=groups(2))
    body = webhook.write_body(told)
    headers = webhook.write_headers("secret-of-sixteen", told, body, NOW)
    fields = json.loads(body)
    assert fields["id"] == headers["X-LLM-Monitor-Delivery"] == str(DELIVERY)
    assert fields["type"] == "alert.firing"
    assert (fields["value"], fields["threshold"], fields["n"], fields["window_seconds"]) == (
        0.41,
        0.6,
        1234,
        3600,
    )
    assert fields["link"] == "https://monitor.example/alerts/1"
    assert fields["examples"][0]["response"] == "It is [EMAIL_ADDRESS]."
    assert [group["group"] for group in fields["groups"]] == ["model-0", "model-1"]
    assert "channels" not in fields
    timestamp = headers["X-LLM-Monitor-Timestamp"]
    assert timestamp == str(int(NOW.timestamp()))
    expected = hmac.new(b"secret-of-sixteen", timestamp.encode() + b"." + body, "sha256").hexdigest()
    assert headers["X-LLM-Monitor-Signature"] == f"v1={expected}"


@pytest.mark.parametrize(
    ("changed", "value"),
    [("secret", "another-sixteen!"), ("timestamp", "1"), ("body", b"{}")],
)
def test_a_signature_depends_on_the_secret_the_timestamp_and_the_body(changed: str, value: Any) -> None:
    given: dict[str, Any] = {"secret": "secret-of-sixteen", "timestamp": "2", "body": b'{"a": 1}'}
    assert webhook.sign(**given) != webhook.sign(**{**given, changed: value})


def test_slack_gets_blocks_and_a_text() -> None:
    body = json.loads(slack.write_body(notice(groups=groups(12))))
    assert body["text"] == "[default] critical: Quality drop (quality 0.41, threshold 0.6)"
    assert [block["type"] for block in body["blocks"]] == ["header", *["section"] * 4]
    written = json.dumps(body)
    assert "1,234" in written
    assert "and 2 more" in written
    assert "<https://monitor.example/alerts/1|Open the alert>" in written


@pytest.mark.parametrize("count", [0, 1, 100])
def test_no_text_for_slack_is_too_long_or_mentions_anybody(count: int) -> None:
    told = notice(rule=LONG, reason=LONG, link=f"/{LONG}", groups=groups(count))
    body = json.loads(slack.write_body(told))
    header, *sections = body["blocks"]
    assert len(header["text"]["text"]) <= 150
    for section in sections:
        assert len(section.get("fields", ())) <= 10
        for text in section.get("fields", [section.get("text")]):
            assert 0 < len(text["text"]) <= 3000
            assert "<!" not in text["text"]
    assert len(body["text"]) <= 4000
    assert "<" not in body["text"]
    assert len(body["blocks"]) <= 50


@pytest.mark.parametrize(
    ("kind", "actions"),
    [
        ("firing", ["trigger"]),
        ("renotify", ["trigger"]),
        ("recovered", ["resolve"]),
        ("test", ["trigger", "resolve"]),
    ],
)
def test_pagerduty_gets_one_key_for_all_events_of_an_alert(kind: Any, actions: list[str]) -> None:
    events = [json.loads(event) for event in pagerduty.write_events(notice(kind), "k" * 32)]
    assert [event["event_action"] for event in events] == actions
    assert {event["dedup_key"] for event in events} == {"default:rule-1/alert-1"}
    assert {event["routing_key"] for event in events} == {"k" * 32}


def test_an_event_of_pagerduty_has_what_its_schema_asks_for() -> None:
    (event,) = (json.loads(event) for event in pagerduty.write_events(notice(rule="x" * 2000), "k" * 32))
    payload = event["payload"]
    assert len(payload["summary"]) <= 1024
    assert payload["severity"] == "critical"
    assert payload["source"] == "llm-monitor/default"
    assert payload["timestamp"] == "2026-11-30T14:00:00+00:00"
    assert payload["custom_details"]["value"] == 0.41
    assert payload["custom_details"]["examples"] == [
        "00000000-0000-0000-0000-000000000003: Who is it? → It is [EMAIL_ADDRESS]."
    ]
    assert event["links"] == [{"href": "https://monitor.example/alerts/1", "text": "Open the alert"}]
    (other,) = (json.loads(event) for event in pagerduty.write_events(notice(dedup_key="y" * 300), "k" * 32))
    assert len(other["dedup_key"]) <= 255


def target(**fields: Any) -> EmailTarget:
    given: dict[str, Any] = {
        "host": "mail.example",
        "port": 587,
        "security": "starttls",
        "username": None,
        "password": None,
        "sender": "monitor@example.com",
        "recipients": ("a@example.com", "b@example.com"),
        **fields,
    }
    return EmailTarget(**given)


def test_a_mail_says_it_in_plain_text_and_threads_by_alert() -> None:
    mail = message_from_bytes(bytes(write_mail(notice(groups=groups(1)), target())), policy=policy.default)
    assert mail["To"] == "a@example.com, b@example.com"
    assert mail["Subject"] == "[default] critical: Quality drop (quality 0.41, threshold 0.6)"
    assert mail["Message-ID"] == f"<{DELIVERY}@llm-monitor>"
    assert mail["References"] == write_mail(notice("recovered"), target())["References"]
    text = mail.get_content()
    for part in (
        "Records: 1,234",
        "Window: 1:00:00",
        "model-0: critical",
        "https://monitor.example/alerts/1",
    ):
        assert part in text


def test_a_name_with_line_breaks_adds_no_header_to_a_mail() -> None:
    mail = message_from_bytes(
        bytes(write_mail(notice(rule="drop\r\nBcc: eve@example.com"), target())), policy=policy.default
    )
    assert mail["Bcc"] is None
    assert "Bcc: eve@example.com" in mail["Subject"]


@pytest.mark.parametrize(
    ("fields", "measured"),
    [
        ({}, "quality 0.41, threshold 0.6"),
        ({"threshold": None}, "quality 0.41"),
        ({"value": None, "reason": "no data"}, "quality: no data"),
        ({"value": None}, "quality: no value"),
    ],
)
def test_a_line_says_value_and_threshold_or_why_there_is_none(fields: Any, measured: str) -> None:
    assert notice(**fields).summary == f"[default] critical: Quality drop ({measured})"
