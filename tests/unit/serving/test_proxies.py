from __future__ import annotations

from typing import Any

import pytest

from app.serving.proxies import behind_proxies

TOLD = {"x-forwarded-for": "203.0.113.9", "x-forwarded-proto": "https"}


async def seen(trusted: tuple[str, ...], peer: str, headers: dict[str, str]) -> tuple[str, str]:
    """The client's address and the scheme as the application sees them."""
    found: list[tuple[str, str]] = []

    async def app(scope: Any, *_: Any) -> None:
        found.append((scope["client"][0], scope["scheme"]))

    raw = [(name.encode(), value.encode()) for name, value in headers.items()]
    scope = {"type": "http", "scheme": "http", "client": (peer, 1), "headers": raw}
    await behind_proxies(app, trusted)(scope, None, None)
    return found[0]


@pytest.mark.parametrize(
    ("trusted", "peer", "headers", "expected"),
    [
        ((), "127.0.0.1", TOLD, ("127.0.0.1", "http")),
        (("10.0.0.0/8",), "127.0.0.1", TOLD, ("127.0.0.1", "http")),
        (("10.0.0.0/8",), "11.0.0.1", TOLD, ("11.0.0.1", "http")),
        (("10.0.0.0/8",), "10.1.2.3", TOLD, ("203.0.113.9", "https")),
        (("127.0.0.1", "::1"), "::1", TOLD, ("203.0.113.9", "https")),
        (("127.0.0.1",), "127.0.0.1", {}, ("127.0.0.1", "http")),
        # What the client itself claimed comes before what the proxy adds.
        (
            ("127.0.0.1",),
            "127.0.0.1",
            {"x-forwarded-for": "1.2.3.4, 203.0.113.9"},
            ("203.0.113.9", "http"),
        ),
        # A second proxy of ours is looked through.
        (
            ("127.0.0.1", "10.0.0.0/8"),
            "127.0.0.1",
            {"x-forwarded-for": "1.2.3.4, 203.0.113.9, 10.0.0.7"},
            ("203.0.113.9", "http"),
        ),
    ],
)
async def test_only_named_proxies_are_believed(
    trusted: tuple[str, ...], peer: str, headers: dict[str, str], expected: tuple[str, str]
) -> None:
    assert await seen(trusted, peer, headers) == expected
