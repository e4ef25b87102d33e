"""Where a request without a key comes from: a web page somewhere else, a proxy, or this machine."""

from __future__ import annotations

import ipaddress
from collections.abc import Collection, Mapping
from functools import lru_cache
from typing import Final, Literal
from urllib.parse import urlsplit

from app.access.identity import Identity
from app.config import Settings, is_loopback
from app.errors import Forbidden, Unauthorized

__all__ = ["limit_anonymous", "refuse_foreign_pages", "same_origin"]

_LONGEST_HOST: Final = 255  # of a name in DNS
_FOR_NETWORK: Final = frozenset({"ingest", "read"})
# What proxies, tunnels and content networks add; every one of them may be the only one.
_FORWARDED: Final = frozenset(
    {
        *("forwarded", "via", "x-real-ip", "x-client-ip", "x-cluster-client-ip", "true-client-ip"),
        *("cf-connecting-ip", "cf-ray", "fastly-client-ip", "cdn-loop", "x-amzn-trace-id"),
    }
)
_STARTS: Final = ("x-forwarded", "x-original-f", "x-envoy-")


def limit_anonymous(
    identity: Identity, headers: Mapping[str, str], settings: Settings, http_version: str = "1.1"
) -> Identity:
    """Return what somebody without a key may be, who asks with these headers.

    Where this server listens on loopback, a request that a proxy handed on is not from this machine: it is treated
    as one over the network is. Raises Forbidden for pages of another origin, Unauthorized where
    LLM_MONITOR_ALLOW_ANONYMOUS lets nobody in without a key.
    """
    loopback = is_loopback(settings.host)
    refuse_foreign_pages(headers, allowed=settings.allowed_origins, loopback=loopback)
    if not loopback:
        return identity
    host = headers.get("host", "")
    sign = _sign_of_proxy(headers, http_version)
    if sign is None and _kind_of(host) != "local":
        sign = f"the name {host}"
    if sign is None:
        return identity
    if not (settings.allow_anonymous or _is_named(host, settings.allowed_origins)):
        raise Unauthorized(
            f"Without a key this server answers its own machine alone, and this request came through a proxy ({sign}). "
            "Send a key (`llm-monitor keys create` makes one), or set LLM_MONITOR_ALLOW_ANONYMOUS=1 to let "
            "everybody who reaches the proxy send and read."
        )
    return identity._replace(scopes=identity.scopes & _FOR_NETWORK)


def _sign_of_proxy(headers: Mapping[str, str], http_version: str) -> str | None:
    if not _FORWARDED.isdisjoint(headers):
        return f"the header {min(_FORWARDED.intersection(headers))}"
    names = "\n".join(headers)  # looked through as a whole, once for each request without a key
    if "x-forwarded" in names or "x-original-f" in names or "x-envoy-" in names:
        return f"the header {next(name for name in headers if any(start in name for start in _STARTS))}"
    # nginx speaks it to what is behind it unless it is told otherwise, and then adds no header.
    return "HTTP/1.0" if http_version == "1.0" else None


def _is_named(host: str, allowed: Collection[str]) -> bool:
    return any(urlsplit(origin).netloc == host for origin in allowed)


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
    if loopback and _kind_of(host) == "public" and not _is_named(host, allowed):
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


def _kind_of(host: str) -> Literal["local", "address", "public"]:
    """Tell what a Host names: maybe this machine, an address of another kind, or a name that anybody can give."""
    return "public" if len(host) > _LONGEST_HOST else _sort(host)


@lru_cache(maxsize=256)  # of what clients send, so nothing long comes here
def _sort(host: str) -> Literal["local", "address", "public"]:
    try:
        name = urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return "address"
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        return "public" if "." in name and not name.endswith(".localhost") else "local"
    return "local" if address.is_loopback or address.is_unspecified else "address"
