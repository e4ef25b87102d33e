"""Proxies in front of a server: whose word on client and scheme is believed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

__all__ = ["behind_proxies"]


def behind_proxies(app: Any, trusted: Sequence[str]) -> Any:
    """Return the application, which takes client and scheme from the headers of these proxies and of nobody else.

    uvicorn itself would believe every process of this machine; it is started with --no-proxy-headers.
    """
    return ProxyHeadersMiddleware(app, [*trusted]) if trusted else app
