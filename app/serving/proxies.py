"""Proxies in front of a server, whose statements on client and scheme are believed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

__all__ = ["behind_proxies"]


def behind_proxies(app: Any, trusted: Sequence[str]) -> Any:
    """Return the application, which reads client and scheme only from the headers of these proxies.

    uvicorn itself would believe every process of this machine, so it is started with
    --no-proxy-headers.
    """
    return ProxyHeadersMiddleware(app, [*trusted]) if trusted else app
