"""Headers that every answer carries for the sake of browsers."""

from __future__ import annotations

from starlette.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["SecurityHeaders", "security_headers"]

_ALWAYS = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
)
_FOR_A_YEAR = (b"strict-transport-security", b"max-age=31536000")

_Raw = tuple[tuple[bytes, bytes], ...]


def security_headers(policy: str | None, scheme: str) -> _Raw:
    """Return the headers of an answer over `scheme`, with a Content-Security-Policy where there is one."""
    of_page = ((b"content-security-policy", policy.encode("latin-1")),) if policy else ()
    return (*_ALWAYS, *of_page, *((_FOR_A_YEAR,) if scheme == "https" else ()))


class SecurityHeaders:
    """ASGI middleware; `policy` is the Content-Security-Policy of the paths that begin with none of `pages`."""

    def __init__(self, app: ASGIApp, *, policy: str, pages: tuple[str, ...] = ()) -> None:
        self._app = app
        self._pages = pages
        self._of_data = {scheme: security_headers(policy, scheme) for scheme in ("http", "https")}
        self._of_pages = {scheme: security_headers(None, scheme) for scheme in ("http", "https")}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def add(message: Message) -> None:
            if message["type"] == "http.response.start":
                given = [*message.get("headers", ())]
                names = {name.lower() for name, _ in given}
                more = [header for header in self._of(scope) if header[0] not in names]
                message = {**message, "headers": given + more}
            await send(message)

        await self._app(scope, receive, add)

    def _of(self, scope: Scope) -> _Raw:
        is_page = bool(self._pages) and scope["path"].startswith(self._pages)
        return (self._of_pages if is_page else self._of_data)[scope["scheme"]]
