"""Values of metadata and messages: what speaks for a number there, and what does not."""

from typing import Any

import pytest

from monitoring.models import Record
from monitoring.privacy.redaction import Redaction
from monitoring.privacy.redactor import redact

SSN, CARD = 536224587, 4539578763621486
HIDDEN = "[US_SSN]"


def masked(value: dict[str, Any] | list[Any]) -> dict[str, Any] | list[Any]:
    (found,) = redact(
        [Record(prompt="", response="", metadata={"x": value})], Redaction(mode="mask"), lambda *_: ""
    )
    return found.record.metadata["x"]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"customer_ssn": SSN}, {"customer_ssn": HIDDEN}),
        ({"customerSsn": [SSN, 7]}, {"customerSsn": [HIDDEN, 7]}),
        ({"ssn": {"value": SSN}}, {"ssn": {"value": HIDDEN}}),
        ({"ssn": [[SSN]]}, {"ssn": [[HIDDEN]]}),
        ([{"name": "ssn", "value": SSN}], [{"name": "ssn", "value": HIDDEN}]),
        (
            {"key": "user.ssn", "value": {"intValue": str(SSN)}},
            {"key": "user.ssn", "value": {"intValue": HIDDEN}},
        ),
        (["ssn", SSN], ["ssn", HIDDEN]),
        ([["ssn", SSN], ["count", SSN]], [["ssn", HIDDEN], ["count", SSN]]),
        ([["name", "ssn"], ["Jane", SSN]], [["name", "ssn"], ["Jane", HIDDEN]]),
        (
            {"columns": ["name", "ssn"], "rows": [["Jane", SSN]]},
            {"columns": ["name", "ssn"], "rows": [["Jane", HIDDEN]]},
        ),
        ([CARD, {"n": CARD}], ["[CREDIT_CARD]", {"n": "[CREDIT_CARD]"}]),
        ({"phone_number": 2127365000}, {"phone_number": "[PHONE_NUMBER]"}),
        ({"DATABASE_PASSWORD": "letmein"}, {"DATABASE_PASSWORD": "[PASSWORD]"}),
        (["DB_PASSWORD=hunter2x"], ["DB_PASSWORD=[PASSWORD]"]),
        (["https://x.io/?to=jane%40corp.net"], ["https://x.io/?to=[EMAIL_ADDRESS]"]),
    ],
)
def test_what_is_said_about_a_value_counts_for_it(
    value: dict[str, Any] | list[Any], expected: dict[str, Any] | list[Any]
) -> None:
    assert masked(value) == expected


@pytest.mark.parametrize(
    "value",
    [
        {"count": SSN},
        [SSN, SSN],
        [["name", "count"], ["ssn", SSN]],
        {"columns": ["name", "count"], "rows": [["ssn", SSN]]},
        {"ssn": {"updated_at": SSN}},
        {"ssn": "none", "total": SSN},
        ["ssn", "none", SSN],
        {"phone": {"updated_at": 1700000000}},
        {"password": "required", "passwordHint": "letmein"},
        {"name": "password", "hint": "Enter your password"},
    ],
)
def test_what_is_said_about_something_else_does_not(value: dict[str, Any] | list[Any]) -> None:
    assert masked(value) == value
