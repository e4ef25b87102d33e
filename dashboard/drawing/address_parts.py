"""The parts of the address that the server answers; each changes only with what it is about.

Most changes of an address are about the page alone. A callback that needs only the trace, the
filter or the project listens to its part, so that it is not asked again for each of them.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final

from dash import ClientsideFunction, Dash, Input, Output, State, dcc

from dashboard.drawing.browser import answer_in_browser

__all__ = [
    "FILTERED",
    "NAMED_PROJECT",
    "NAMED_TRACE",
    "address_parts",
    "keep_part",
    "register_address_parts",
]

# The path and query of an address with a filter, else empty.
FILTERED: Final = "address-filtered"
# The query of an address that names a trace, else empty.
NAMED_TRACE: Final = "address-trace"
# The project that the address names, else the default one.
NAMED_PROJECT: Final = "address-project"
_PARTS: Final = (FILTERED, NAMED_TRACE, NAMED_PROJECT)


def address_parts() -> list[Any]:
    """Return the stores of the parts, which assets/address.js fills."""
    return [dcc.Store(id=part) for part in _PARTS]


def register_address_parts(dash: Dash, url: str) -> None:
    """Write each part in the browser when it changed."""
    answer_in_browser(
        dash,
        ClientsideFunction("address", "split"),
        *(Output(part, "data") for part in _PARTS),
        Input(url, "pathname"),
        Input(url, "search"),
        *(State(part, "data") for part in _PARTS),
    )


def keep_part(dash: Dash, url: str, store: str, fields: Sequence[str]) -> None:
    """Keep those fields of the address in a store, as a query; it is empty without the first field.

    What a form was filled with stays there while the rest of the address changes.
    """
    answer_in_browser(
        dash,
        f"(search, known) => dash_clientside.address.part(search, known, {json.dumps(list(fields))})",
        Output(store, "data"),
        Input(url, "search"),
        State(store, "data"),
    )
