"""Who without a key counts as this machine, and what anybody else may do."""

from __future__ import annotations

from typing import Any

import pytest

from app.access.identity import anonymous
from app.access.origins import limit_anonymous
from app.config import Settings
from app.errors import Forbidden, Unauthorized
from app.schemas.keys import Scope

ALL: frozenset[Scope] = frozenset({"feedback", "ingest", "read", "admin"})
NETWORK: frozenset[Scope] = frozenset({"ingest", "read"})
HERE = {"host": "127.0.0.1:8000", "user-agent": "curl/8", "accept": "*/*", "x-request-id": "1"}


@pytest.mark.parametrize(
    ("headers", "version", "local"),
    [
        (HERE, "1.1", True),
        (HERE, "2", True),
        ({"host": "localhost:8000"}, "1.1", True),
        ({"host": "[::1]:8000"}, "1.1", True),
        ({"host": "127.0.0.2"}, "1.1", True),
        ({"host": "0.0.0.0:8000"}, "1.1", True),
        ({"host": "monitor"}, "1.1", True),
        ({}, "1.1", True),
        (HERE | {"x-api-key": "pk-lf-1", "x-for": "1", "viaduct": "1", "forwarded-to": "1"}, "1.1", True),
        (HERE | {"x-forwarded-for": "203.0.113.9"}, "1.1", False),
        (HERE | {"x-forwarded-for": ""}, "1.1", False),
        (HERE | {"x-forwarded-proto": "http"}, "1.1", False),
        (HERE | {"x-forwarded-server": "a"}, "1.1", False),
        (HERE | {"forwarded": "for=127.0.0.1"}, "1.1", False),
        (HERE | {"x-real-ip": "127.0.0.1"}, "1.1", False),
        (HERE | {"via": "1.1 proxy"}, "1.1", False),
        (HERE | {"cf-connecting-ip": "203.0.113.9"}, "1.1", False),
        (HERE, "1.0", False),
        ({"host": "192.0.2.7:8000"}, "1.1", False),
        ({"host": "10.0.0.7"}, "1.1", False),
        ({"host": "[2001:db8::1]:8000"}, "1.1", False),
        ({"host": "[bad"}, "1.1", False),
    ],
)
def test_only_what_nothing_handed_on_is_this_machine(
    headers: dict[str, str], version: str, local: Any
) -> None:
    caller = anonymous(ALL)
    if local:
        assert limit_anonymous(caller, headers, Settings(), version) == caller
    else:
        with pytest.raises(Unauthorized, match=r"came through a proxy .* LLM_MONITOR_ALLOW_ANONYMOUS=1"):
            limit_anonymous(caller, headers, Settings(), version)
    let_in = limit_anonymous(caller, headers, Settings(allow_anonymous=True), version)
    assert let_in.scopes == (ALL if local else NETWORK)
    assert let_in.anonymous


def test_a_name_that_is_allowed_lets_send_and_read_and_no_more() -> None:
    settings = Settings(cors_origins="https://app.example, http://localhost:3000")
    assert limit_anonymous(anonymous(ALL), {"host": "app.example"}, settings).scopes == NETWORK
    assert limit_anonymous(anonymous(ALL), {"host": "localhost:3000"}, settings).scopes == ALL
    with pytest.raises(Unauthorized):
        limit_anonymous(anonymous(ALL), HERE | {"via": "1.1 a"}, settings)
    with pytest.raises(Forbidden):
        limit_anonymous(anonymous(ALL), {"host": "other.example"}, settings)


def test_over_the_network_nothing_changes() -> None:
    settings = Settings(host="192.0.2.1", allow_anonymous=True)
    caller = anonymous(NETWORK)
    assert limit_anonymous(caller, HERE | {"via": "1.1 a"}, settings, "1.0") == caller


def test_long_hosts_are_refused_and_not_remembered() -> None:
    from app.access import origins

    before = origins._sort.cache_info().currsize  # noqa: SLF001 what it holds is the question
    with pytest.raises(Forbidden):
        limit_anonymous(anonymous(ALL), {"host": "a" * 1000}, Settings())
    assert origins._sort.cache_info().currsize == before  # noqa: SLF001 a look at what is remembered


@pytest.mark.parametrize(
    ("value", "proxies"),
    [
        ("", ()),
        ("127.0.0.1, 10.0.0.0/8,::1", ("127.0.0.1", "10.0.0.0/8", "::1")),
        ("*", None),
        ("proxy", None),
        ("10.0.0.0/40", None),
    ],
)
def test_proxies_are_named_by_address(value: str, proxies: tuple[str, ...] | None) -> None:
    if proxies is None:
        with pytest.raises(ValueError, match="LLM_MONITOR_TRUSTED_PROXIES"):
            Settings(trusted_proxies=value)
    else:
        assert Settings(trusted_proxies=value).proxies == proxies
