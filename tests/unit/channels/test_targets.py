from __future__ import annotations

from typing import Any

import msgspec
import pytest

from app.api.channels import ChannelIn, read_target
from app.errors import InvalidRecord
from app.schemas.json_input import WrongShapeError, reader

READ: Any = reader(ChannelIn)
EMAIL = {
    "kind": "email",
    "host": "mail.example",
    "username": "monitor",
    "password": "hidden-password",
    "sender": "monitor@example.com",
    "recipients": ["oncall@example.com"],
}


@pytest.mark.parametrize(
    ("target", "field"),
    [
        ({"kind": "webhook", "url": "ftp://hooks.example/"}, "url"),
        ({"kind": "webhook", "url": "https://"}, "url"),
        ({"kind": "webhook", "url": "https://me:pw@hooks.example/"}, "url"),
        ({"kind": "webhook", "url": "https://hooks.example/#part"}, "url"),
        ({"kind": "webhook", "url": "https://hooks.example/" + "x" * 2048}, "url"),
        ({"kind": "webhook", "url": "https://hooks.example/", "secret": "short"}, "secret"),
        ({"kind": "slack"}, "url"),
        ({"kind": "pagerduty", "routing_key": "short"}, "routing_key"),
        ({"kind": "pagerduty", "routing_key": "k" * 32, "region": "moon"}, "region"),
        ({**EMAIL, "recipients": []}, "recipients"),
        ({**EMAIL, "recipients": ["a@example.com"] * 21}, "recipients"),
        ({**EMAIL, "recipients": ["a@example.com\r\nBcc: b@example.com"]}, "recipients"),
        ({**EMAIL, "sender": "Monitor <a@example.com>"}, "sender"),
        ({**EMAIL, "port": 0}, "port"),
        ({**EMAIL, "host": "mail.example/x"}, "host"),
        ({**EMAIL, "password": None}, "password"),
        ({"kind": "pigeon"}, "target"),
        ({**EMAIL, "unknown": 1}, "unknown"),
    ],
)
def test_a_wrong_target_is_refused_with_its_field(target: Any, field: str) -> None:
    with pytest.raises((WrongShapeError, InvalidRecord)) as refused:
        read_target(READ(msgspec.json.encode({"name": "on call", "target": target})).target)
    told: Any = refused.value
    assert field in (told.detail if isinstance(told, InvalidRecord) else f"{told} {told.field}")


@pytest.mark.parametrize("target", [EMAIL, {"kind": "webhook", "url": "http://10.0.0.1:8080/x?y=z"}])
def test_a_right_target_is_read(target: Any) -> None:
    read = read_target(READ(msgspec.json.encode({"name": "on call", "target": target})).target)
    for name, value in target.items():
        assert getattr(read, name, "kind") in {"kind", value if not isinstance(value, list) else tuple(value)}
