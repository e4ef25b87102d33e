"""Which requests without a key a web page somewhere else made a browser send."""

from __future__ import annotations

import ipaddress
from collections.abc import Collection, Mapping
from functools import lru_cache
from urllib.parse import urlsplit

from app.errors import Forbidden

__all__ = ["refuse_foreign_pages", "same_origin"]


def refuse_foreign_pages(headers: Mapping[str, str], *, allowed: Collection[str], loopback: bool) -> None:
    """Raise Forbidden for a request that only a page of another origin can have caused.

    Without it every web page that is open on this machine could read a server that needs no key: over a
    WebSocket, which browsers let every page open, or under a name of its own that it lets point to 127.0.0.1
    (DNS rebinding). Addresses and names without a dot cannot be pointed anywhere by a stranger.
    """
    if not same_origin(headers, allowed):
        raise Forbidden(
            "A web page of another origin asks, without a key: name its origin in LLM_MONITOR_CORS_ORIGINS."
        )
    host = headers.get("host", "")
    if loopback and _is_public_name(host) and host not in {urlsplit(origin).netloc for origin in allowed}:
        raise Forbidden(
            "This server needs no key on this machine alone: call it by localhost, make a key, or name the "
            "address in LLM_MONITOR_CORS_ORIGINS."
        )


def same_origin(headers: Mapping[str, str], allowed: Collection[str] = ()) -> bool:
    """Tell whether a request comes from a page of the same host, of an allowed origin, or from no page."""
    origin = headers.get("origin")
    if origin is None or origin in allowed:
        return True
    try:
        return urlsplit(origin).netloc == headers.get("host")
    except ValueError:
        return False


@lru_cache(maxsize=256)
def _is_public_name(host: str) -> bool:
    name = urlsplit(f"//{host}").hostname if _splits(host) else None
    if name is None or "." not in name:
        return False
    if name.endswith(".localhost"):
        return False
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return True
    return False


def _splits(host: str) -> bool:
    try:
        urlsplit(f"//{host}")
    except ValueError:
        return False
    return True
