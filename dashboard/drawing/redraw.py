"""Redrawing only what changed, so that a live page neither flickers nor sends what the browser has."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import blake2b
from typing import Any

from dash import no_update
from plotly.io.json import to_json_plotly

__all__ = ["only_changed"]


def only_changed(
    parts: Mapping[str, Any], drawn: Mapping[str, str] | None
) -> tuple[dict[str, Any], dict[str, str]]:
    """Return the parts with `no_update` for those the browser shows already, and what it will show then.

    `drawn` is the second result of the previous call for the same page, None for a page just opened.
    """
    known = drawn or {}
    shown = {name: _digest(part) for name, part in parts.items()}
    kept = {name: no_update if shown[name] == known.get(name) else part for name, part in parts.items()}
    return kept, shown


def _digest(part: Any) -> str:
    return blake2b(to_json_plotly(part).encode(), digest_size=12).hexdigest()
