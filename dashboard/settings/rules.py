"""Rules: the evaluators that workers run, and which of them a file of one's own describes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from dash import dcc, html

from dashboard.data.sources import Sources
from dashboard.drawing.components import flag_name, snippet
from dashboard.drawing.formatting import UNKNOWN
from dashboard.drawing.lists import listing
from dashboard.settings.section import Asked, Section, Shown, link

__all__ = ["SECTION"]

# The version of a rule is a digest of its content; that of a shipped evaluator is a number.
_DIGEST: Final = re.compile(r"[0-9a-f]{12}")
_CATEGORIES: Final = {"quality": "quality: 1 is good", "safety": "safety: 1 is bad", "descriptive": "a label"}


async def _read(sources: Sources, asked: Asked) -> Any:
    return (await sources.changes.send("GET", "/policy", asked.project_id))["evaluators"]


def _draw(evaluators: Mapping[str, Mapping[str, Any]], shown: Shown) -> Any:
    own = {name: one for name, one in evaluators.items() if _DIGEST.fullmatch(str(one["version"]))}
    rest = {name: one for name, one in evaluators.items() if name not in own}
    return [
        html.H3("Your own"),
        _table("Rules of your own", own, shown, "No worker runs a rule of your own yet."),
        html.H3("Shipped"),
        _table("Shipped evaluators", rest, shown, "No worker has reported its evaluators yet: start one."),
        html.P("Rules come from a YAML file, which workers read when they start. To check a file first:"),
        snippet(
            'llm-monitor rules rules.yaml --response "a text"\nLLM_MONITOR_RULES=rules.yaml python main.py'
        ),
    ]


def _table(title: str, evaluators: Mapping[str, Mapping[str, Any]], shown: Shown, empty: str) -> Any:
    rows = [
        [
            html.Bdi(name),
            _CATEGORIES.get(one["category"], one["category"]),
            html.Bdi(flag_name(one["flag"])) if one["flag"] else UNKNOWN,
            UNKNOWN
            if one["threshold"] is None
            else dcc.Link(f"{one['threshold']:g}", href=link(shown.search, "thresholds", evaluator=name)),
            html.Code(one["version"]),
        ]
        for name, one in sorted(evaluators.items())
    ]
    return listing(title, ("Evaluator", "It gives", "Flag", "Threshold", "Version"), rows, empty)


SECTION: Final = Section(
    name="rules",
    title="Rules",
    about="The evaluators that workers run on every record. Rules of your own stand beside the shipped ones.",
    read=_read,
    draw=_draw,
)
