"""Addresses of earlier versions, in which a list of traces had a field for each filter."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Final

from starlette.responses import RedirectResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from app.errors import InvalidParameter
from app.filters import Filter, parse_filter
from app.filters.filter import quoted
from dashboard.data.view import read_fields, with_fields

__all__ = ["OldAddresses", "translated"]

_PATH: Final = "/traces"
_TEXTS: Final = ("model", "flag", "user", "session")
_VERDICTS: Final = {"flagged": "is_safe = false", "clean": "is_safe = true"}
_OLD: Final = (*_TEXTS, "verdict", "quality", "before")


def translated(search: str | None) -> str | None:
    """Return the query part of an address with its old fields as one filter.

    None means that it has no old fields. Values that made no sense are left out, as they were.
    """
    fields = read_fields(search)
    if not fields.keys() & set(_OLD):
        return None
    conditions = [f"{name} = {quoted(fields[name])}" for name in _TEXTS if name in fields]
    conditions += [_VERDICTS[fields["verdict"]]] if fields.get("verdict") in _VERDICTS else []
    conditions += _quality(fields.get("quality", ""))
    found = Filter()
    for text in (fields.get("filter", ""), *conditions):
        try:
            found &= parse_filter(text.replace("\0", ""))
        except InvalidParameter:
            continue
    removed: dict[str, str | None] = dict.fromkeys(_OLD)
    return with_fields(search, **removed | {"filter": found.to_text() or None})


def _quality(text: str) -> list[str]:
    try:
        value = Decimal(text)
    except InvalidOperation:
        return []
    return [f"quality <= {value:f}"] if value.is_finite() and 0 <= value <= 1 else []


class OldAddresses:
    """ASGI middleware that sends browsers from an old address to the same list at its new one."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        answer = self._app
        if scope["type"] == "http" and scope["path"] == _PATH:
            search = translated(scope["query_string"].decode("latin-1"))
            answer = self._app if search is None else RedirectResponse(f"{_PATH}{search}")
        await answer(scope, receive, send)
