"""Money in JSON is a plain number, whatever form it has in Postgres, and texts stay as they are."""

from __future__ import annotations

import json
from decimal import Decimal

import msgspec
import pytest

from app.api.responses import json_response
from app.events import Event
from app.schemas.json_output import encode_json


class _Budget(msgspec.Struct):
    remaining_usd: Decimal | None
    name: str


@pytest.mark.parametrize(
    ("amount", "written"),
    [
        ("0E-10", "0"),
        ("-0E-10", "0"),
        ("1E+2", "100"),
        ("-2.50E+3", "-2500"),
        ("1.00E-8", "0.00000001"),
        ("0.0000001230", "0.000000123"),
        ("0.000123", "0.000123"),
        ("150.0000000000", "150.0000000000"),
        ("12345678901234567890.0000000001", "12345678901234567890.0000000001"),
    ],
)
def test_decimals_are_plain_numbers(amount: str, written: str) -> None:
    shown = _Budget(Decimal(amount), "x")
    for encoded in (encode_json(shown), json_response(shown).body, encode_json({"of": [shown]})):
        assert f'"remaining_usd":{written},'.encode() in bytes(encoded)
    event = encode_json(Event("cost_update", "default", {"cost_usd": Decimal(amount)}))
    assert f'"cost_usd":{written}}}'.encode() in event


@pytest.mark.parametrize(
    "text",
    [
        "0E-10",
        ":0E-10,",
        '","x":0E-10,"',
        '\\":1E+2,',
        "\\\\",
        '"',
        "1E-10\n",
        "[1E+2]",
        "\u202e1E9",
        '\\"1E5',
    ],
)
def test_texts_stay_as_they_are(text: str) -> None:
    value = {text: [text, Decimal("0E-10"), text], "float": 1e-9}
    assert json.loads(encode_json(value)) == {text: [text, 0, text], "float": 1e-9}
