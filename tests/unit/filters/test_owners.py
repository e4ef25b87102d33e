"""Ids of users and sessions are found under their pseudonyms too."""

from __future__ import annotations

import pytest

from app.filters import parse_filter
from app.filters.owners import with_stored_forms
from monitoring.privacy.redaction import OwnId


def _forms(kind: OwnId, value: str) -> tuple[str, ...]:
    return value, f"[{kind}:{value.upper()}]"


@pytest.mark.parametrize(
    ("text", "widened"),
    [
        ("", ""),
        ("user = ada", 'user in ("ada", "[USER_ID:ADA]")'),
        ("user != ada", 'user not in ("ada", "[USER_ID:ADA]")'),
        ("session in (a, b)", 'session in ("a", "[SESSION_ID:A]", "b", "[SESSION_ID:B]")'),
        (
            "is_safe and (user = a or not (cost > 1 and session = s))",
            'is_safe = true and (user in ("a", "[USER_ID:A]") or not (cost > 1 and session in ("s", "[SESSION_ID:S]")))',
        ),
        ("user ~ ada", 'user ~ "ada"'),
        ("user is null", "user is null"),
        ("model = ada", 'model = "ada"'),
    ],
)
def test_an_id_is_looked_for_in_every_form(text: str, widened: str) -> None:
    assert with_stored_forms(parse_filter(text), _forms).to_text() == widened
