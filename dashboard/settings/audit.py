"""Audit: who changed what, the newest first."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final

from dash import dcc, html

from dashboard.data.sources import Sources
from dashboard.drawing.formatting import clip
from dashboard.drawing.lists import listing, moment
from dashboard.settings.section import Asked, Section, Shown, link

__all__ = ["SECTION"]

_PAGE: Final = 200
_LONGEST_SUBJECT: Final = 120
_LONGEST_DETAIL: Final = 400


async def _read(sources: Sources, asked: Asked) -> Any:
    before = asked.fields.get("earlier")
    parameters = {"limit": str(_PAGE), **({"before": before} if before else {})}
    return await sources.changes.send("GET", "/audit", asked.project_id, params=parameters)


def _draw(page: Mapping[str, Any], shown: Shown) -> Any:
    acts: Sequence[Mapping[str, Any]] = page["acts"]
    chosen = shown.fields.get("act")
    several = len({act["project_id"] for act in acts}) > 1
    rows = [_row(act, several=several) for act in acts if chosen in (None, act["act"])]
    heads = ("When, in UTC", *(("Project",) if several else ()), "Who", "What", "On", "Details")
    return [
        _choices(acts, chosen, shown),
        listing("Acts of administration", heads, rows, "Nothing was changed yet."),
        _earlier(page["next"], shown),
    ]


def _choices(acts: Sequence[Mapping[str, Any]], chosen: str | None, shown: Shown) -> Any:
    counts = Counter(str(act["act"]) for act in acts)
    if len(counts) <= 1 and chosen is None:
        return None
    kept = {name: value for name, value in shown.fields.items() if name == "earlier"}
    offers = [html.Li(dcc.Link(f"all ({len(acts)})", href=link(shown.search, "audit", **kept)))]
    for act, number in counts.most_common():
        words = f"{act} ({number})"
        offers.append(
            html.Li(
                html.Strong(words)
                if act == chosen
                else dcc.Link(words, href=link(shown.search, "audit", act=act, **kept))
            )
        )
    return html.Ul(offers, className="steps")


def _earlier(following: str | None, shown: Shown) -> Any:
    if following is None:
        return None
    return html.Div(
        dcc.Link("Earlier acts", href=link(shown.search, "audit", earlier=following)), className="pages"
    )


def _row(act: Mapping[str, Any], *, several: bool) -> list[Any]:
    return [
        html.Time(moment(act["at"]), dateTime=act["at"]),
        *([act["project_id"]] if several else []),
        html.Bdi(act["actor"]),
        act["act"],
        html.Bdi(clip(str(act["subject"]), _LONGEST_SUBJECT)),
        html.Bdi(_details(act["detail"])),
    ]


def _details(detail: Mapping[str, Any]) -> str:
    told = [
        f"{name}: {value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)}"
        for name, value in detail.items()
    ]
    return clip("; ".join(told), _LONGEST_DETAIL)


SECTION: Final = Section(
    name="audit",
    title="Audit",
    about="Every change to keys, settings and stored records, with the person or key that made it.",
    read=_read,
    draw=_draw,
    fields=("earlier", "act"),
)
