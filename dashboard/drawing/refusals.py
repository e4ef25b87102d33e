"""What the API refuses, said at the fields of a form or in a notice."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Final

from app.errors import Forbidden, MonitorError
from dashboard.data.changes import NotAllowed
from dashboard.drawing.components import notice

__all__ = ["refusals", "refused"]

_AT_FIELD: Final = re.compile(r" at ([\w.]+)\.$")


def refused(error: MonitorError, title: str = "Nothing was changed", rest: str | None = None) -> Any:
    """Return a notice that says why something was refused, and who may do it."""
    detail = error.detail if rest is None else rest
    if isinstance(error, Forbidden | NotAllowed):
        return notice("This needs an admin key", f"Sign in with one to see and change it. {detail}")
    return notice(title, detail or "See the fields that are marked.")


def refusals(error: MonitorError, fields: Iterable[str]) -> tuple[dict[str, str], str]:
    """Return what is wrong by field of a form, and what is left to say about the rest."""
    known = list(fields)
    found: dict[str, str] = {}
    rest = []
    for one in error.errors:
        where, message = str(one.get("field") or ""), str(one.get("message") or "")
        name = next((name for name in known if name in where.split(".")), None)
        if name:
            found[name] = message
        else:
            rest.append(f"{where}: {message}".removeprefix(": "))
    if not error.errors and (at := _AT_FIELD.search(error.detail)):
        named = at[1].split(".")
        found = {name: error.detail for name in known if name in named}
    return found, "; ".join(rest) if found else error.detail
