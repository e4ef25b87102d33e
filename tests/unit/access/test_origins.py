from __future__ import annotations

from typing import Any

import pytest

from app.access.origins import refuse_foreign_pages
from app.config import Settings
from app.errors import Forbidden

ALLOWED = ("https://app.example",)


@pytest.mark.parametrize(
    ("headers", "loopback", "passes"),
    [
        ({"host": "127.0.0.1:8000"}, True, True),
        ({"host": "localhost:8000"}, True, True),
        ({"host": "[::1]:8000"}, True, True),
        ({"host": "api"}, True, True),
        ({"host": "a.localhost:8000"}, True, True),
        ({}, True, True),
        ({"host": "localhost:8000", "origin": "http://localhost:8000"}, True, True),
        ({"host": "localhost:8000", "origin": "https://app.example"}, True, True),
        ({"host": "app.example"}, True, True),  # a proxy under the name that was allowed
        ({"host": "monitor.example.org"}, False, True),
        # A page that opens a WebSocket or posts a form to this machine.
        ({"host": "localhost:8000", "origin": "https://evil.example"}, True, False),
        ({"host": "localhost:8000", "origin": "http://localhost:3000"}, True, False),
        ({"host": "localhost:8000", "origin": "null"}, True, False),
        ({"host": "localhost:8000", "origin": "http://[bad"}, True, False),
        ({"host": "monitor.example.org", "origin": "https://evil.example"}, False, False),
        ({"host": "localhost:8000", "origin": "https://app.example.evil"}, True, False),
        # A name of a stranger that points to 127.0.0.1.
        ({"host": "evil.example:8000"}, True, False),
        ({"host": "evil.example:8000", "origin": "http://evil.example:8000"}, True, False),
        ({"host": "127.0.0.1.evil.example"}, True, False),
    ],
)
def test_a_page_of_another_origin_comes_in_only_where_it_is_named(
    headers: dict[str, str],
    loopback: Any,
    passes: Any,
) -> None:
    if passes:
        refuse_foreign_pages(headers, allowed=ALLOWED, loopback=loopback)
    else:
        with pytest.raises(Forbidden, match="LLM_MONITOR_CORS_ORIGINS"):
            refuse_foreign_pages(headers, allowed=ALLOWED, loopback=loopback)


@pytest.mark.parametrize(
    ("value", "origins"),
    [
        ("", ()),
        ("https://a.example, http://localhost:3000", ("https://a.example", "http://localhost:3000")),
        ("*", None),
        ("https://a.example/", None),
        ("a.example", None),
        ("https://*.example", None),
    ],
)
def test_origins_are_named_one_by_one(value: str, origins: tuple[str, ...] | None) -> None:
    if origins is None:
        with pytest.raises(ValueError, match="LLM_MONITOR_CORS_ORIGINS"):
            Settings(cors_origins=value)
    else:
        assert Settings(cors_origins=value).allowed_origins == origins
