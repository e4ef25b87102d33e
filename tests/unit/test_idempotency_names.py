from __future__ import annotations

import pytest

from app.ingest.idempotency import client_key, name_of

SECRET = "0123456789abcdef" * 2


@pytest.mark.parametrize(
    ("given", "claimed"),
    [
        ("order-7", "order-7"),
        ("", ""),
        ("OTEL:1", "OTEL:1"),
        ("an otel:1", "an otel:1"),
        ("otel:aa:bb", "id:otel:aa:bb"),
        ("otel:", "id:otel:"),
        ("id:otel:aa:bb", "id:id:otel:aa:bb"),
        ("id:7", "id:id:7"),
    ],
)
def test_a_client_cannot_claim_the_id_of_a_span(given: str, claimed: str) -> None:
    assert client_key(given) == claimed
    assert not client_key(given).startswith("otel:")


def test_no_two_ids_of_clients_become_one() -> None:
    given = ["otel:1", "id:otel:1", "id:id:otel:1", "1", "id:1"]
    assert len({*map(client_key, given)}) == len(given)


def test_with_the_privacy_key_an_id_cannot_be_guessed_from_redis() -> None:
    mail = "jane.doe@example.com"
    kept = name_of("shop", mail, SECRET)
    assert kept == name_of("shop", mail, SECRET)
    assert kept.startswith("llm-monitor:id:shop:")
    others = {
        name_of("shop", mail, None),
        name_of("shop", mail, SECRET[::-1]),
        name_of("shop", mail + ".", SECRET),
    }
    assert kept not in others
    assert len(others) == 3
    assert mail not in kept


def test_ids_that_were_claimed_before_the_update_are_known_after_it() -> None:
    assert name_of("default", "a", None) == "llm-monitor:id:default:27c35e6e9373877f29e562464e46497e"
