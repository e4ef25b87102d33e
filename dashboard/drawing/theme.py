"""Colours and type, the same for Mantine's components and Plotly's charts, in light and in dark.

Series colours are those of Okabe and Ito ("Color Universal Design", 2008), which people with any kind of
colour vision tell apart, lightened for dark backgrounds so that lines keep a contrast of 3:1 and more.
"""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

__all__ = ["FONT", "MANTINE", "Palette", "Scheme", "palette", "scheme_of"]

Scheme = Literal["light", "dark"]

FONT = "Inter, system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', 'DejaVu Sans', sans-serif"

MANTINE: dict[str, Any] = {
    "fontFamily": FONT,
    "primaryColor": "indigo",
    "primaryShade": 8,  # lighter ones are hard to read as text
    "defaultRadius": "md",
    "headings": {"fontFamily": FONT, "fontWeight": "600"},
}


class Palette(NamedTuple):
    """Colours of charts in one scheme."""

    text: str
    muted: str
    grid: str
    surface: str
    quality: str
    safety: str
    cost: str
    volume: str


_LIGHT = Palette(
    text="#1f2430",
    muted="#5c6270",
    grid="#e7e9ee",
    surface="#ffffff",
    quality="#0072b2",
    safety="#c24e00",
    cost="#00785a",
    volume="#7a4fa3",
)
_DARK = Palette(
    text="#e6e8ee",
    muted="#a3a9b8",
    grid="#333845",
    surface="#1d2029",
    quality="#56b4e9",
    safety="#f0883e",
    cost="#35c79a",
    volume="#c69be0",
)


def scheme_of(value: str | None) -> Scheme:
    """Read the browser's colour scheme; light before it has said."""
    return "dark" if value == "dark" else "light"


def palette(scheme: Scheme) -> Palette:
    """Return the chart colours of a scheme."""
    return _DARK if scheme == "dark" else _LIGHT
