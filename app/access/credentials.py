"""Where a request carries its key: Authorization (Bearer or Basic) or X-API-Key."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Final

from app.errors import Unauthorized

__all__ = ["SUBPROTOCOL", "offered", "read_credential", "read_offered"]

SUBPROTOCOL: Final = "llm-monitor"
_KEY_OFFER: Final = f"{SUBPROTOCOL}.key."


def read_credential(headers: Mapping[str, str]) -> str | None:
    """Return the key of a request, None when it carries none.

    In Basic the password is the key and the user may be anything. If the password is empty, the
    user is the key. Raises Unauthorized for an Authorization header of another kind.
    """
    authorization = headers.get("authorization", "").strip()
    if not authorization:
        return headers.get("x-api-key", "").strip() or None
    scheme, _, value = authorization.partition(" ")
    match scheme.lower():
        case "bearer":
            return value.strip()
        case "basic":
            user, _, password = _decode(value.strip()).partition(":")
            return password or user
    raise Unauthorized("Send the key as Authorization: Bearer, as Authorization: Basic, or as X-API-Key.")


def offered(headers: Mapping[str, str]) -> list[str]:
    """Return the subprotocols that a WebSocket handshake offers."""
    return [name.strip() for name in headers.get("sec-websocket-protocol", "").split(",") if name.strip()]


def read_offered(headers: Mapping[str, str]) -> str | None:
    """Return the key that a page put among its subprotocols. A page can choose no other header.

    With `new WebSocket(url, ["llm-monitor", "llm-monitor.key." + key])` the key does not appear in
    the address, nor in the logs of addresses.
    """
    keys = [name.removeprefix(_KEY_OFFER) for name in offered(headers) if name.startswith(_KEY_OFFER)]
    return keys[0] if keys else None


def _decode(value: str) -> str:
    try:
        return base64.b64decode(value, validate=True).decode()
    except (binascii.Error, ValueError) as error:
        raise Unauthorized("Authorization: Basic is followed by user:password in Base64.") from error
