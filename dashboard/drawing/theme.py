"""Colours and type, the same for the components of Mantine and the charts of Plotly.

There is a light and a dark scheme. The colours of series are those of Okabe and Ito ("Color
Universal Design", 2008), which people with any kind of colour vision tell apart. For dark
backgrounds they are lighter, so that lines keep a contrast of at least 3:1.
"""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

__all__ = ["FONT", "MANTINE", "Palette", "Scheme", "palette", "scheme_of"]

Scheme = Literal["light", "dark"]

FONT = "Inter, system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', 'DejaVu Sans', sans-serif"

MANTINE: dict[str, Any] = {
    "fontFamily": FONT,
    "primaryColor": "indigo",
    "primaryShade": 8,  # lighter shades are hard to read as text
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
    """Read the colour scheme of the browser; light until the browser reports one."""
    return "dark" if value == "dark" else "light"


def palette(scheme: Scheme) -> Palette:
    """Return the chart colours of a scheme."""
    return _DARK if scheme == "dark" else _LIGHT
