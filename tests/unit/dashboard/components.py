"""Reading what components of Dash show."""

from __future__ import annotations

from typing import Any

__all__ = ["links", "text"]


def text(part: Any) -> str:
    """Return what a part shows, in order."""
    if isinstance(part, list | tuple):
        return "".join(map(text, part))
    if isinstance(part, str):
        return part
    return text(getattr(part, "children", None) or ())


def links(part: Any) -> list[tuple[str, str]]:
    """Return the words and the address of every link in a part."""
    if isinstance(part, list | tuple):
        return [found for one in part for found in links(one)]
    if isinstance(part, str):
        return []
    if href := getattr(part, "href", None):
        return [(text(part), href)]
    return links(getattr(part, "children", None) or ())
