"""The button that saves what a page shows as a file, in the format that is chosen."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from dash import Dash, Input, Output, html

from app.schemas.exported import FORMATS, Format
from dashboard.drawing.browser import answer_in_browser

__all__ = ["RESULTS_PATH", "TRACES_PATH", "export_menu", "follow_address"]

TRACES_PATH: Final = "/download"
RESULTS_PATH: Final = "/download/evaluation"
_NAMES: Final[dict[Format, str]] = {"csv": "CSV", "ndjson": "NDJSON", "parquet": "Parquet"}
_ABOUT: Final[dict[Format, str]] = {
    "csv": "for spreadsheets",
    "ndjson": "one JSON object per line",
    "parquet": "for pandas and DuckDB",
}
_FOLLOW: Final = """
(search) => %s.map((format) => {
    const fields = new URLSearchParams(search || "");
    fields.delete("trace");
    fields.set("format", format);
    return `%s?${fields}`;
})
"""


def export_menu(address_of: Callable[[Format], str], *, name: str = "") -> Any:
    """Return the button that folds out a link for each format.

    `name` is the beginning of the ids of links whose addresses change with that of the page.
    """
    return html.Details(
        [
            html.Summary("Export", className="quiet-button"),
            html.Ul([html.Li(_link(form, address_of(form), name)) for form in _NAMES], className="card"),
        ],
        className="export-menu",
    )


def _link(form: Format, address: str, name: str) -> Any:
    named: dict[str, Any] = {"id": f"{name}-{form}"} if name else {}
    shown = [html.Span(_NAMES[form]), html.Span(_ABOUT[form], className="remark")]
    return html.A(shown, href=address, **named)


def follow_address(dash: Dash, url: str, name: str) -> None:
    """Let the links of a menu have the filter and time of the page's address."""
    answer_in_browser(
        dash,
        _FOLLOW % (list(FORMATS), TRACES_PATH),
        *(Output(f"{name}-{form}", "href") for form in FORMATS),
        Input(url, "search"),
    )
