"""Headers that every answer carries for the sake of browsers."""

from __future__ import annotations

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["SecurityHeaders"]

_ALWAYS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_YEAR = "max-age=31536000"


class SecurityHeaders:
    """ASGI middleware; `policy` is the Content-Security-Policy of the paths that begin with none of `pages`."""

    def __init__(self, app: ASGIApp, *, policy: str, pages: tuple[str, ...] = ()) -> None:
        self._app = app
        self._policy = policy
        self._pages = pages

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def add(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self._of(scope).items():
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, add)

    def _of(self, scope: Scope) -> dict[str, str]:
        headers = dict(_ALWAYS)
        if not self._pages or not scope["path"].startswith(self._pages):
            headers["Content-Security-Policy"] = self._policy
        if scope["scheme"] == "https":
            headers["Strict-Transport-Security"] = _YEAR
        return headers
