"""Ledger: where every accepted record went."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from dash import dcc, html

from dashboard.data.sources import Sources
from dashboard.drawing.components import notice
from dashboard.drawing.formatting import UNKNOWN
from dashboard.drawing.lists import listing
from dashboard.settings.section import Asked, Section, Shown, link

__all__ = ["SECTION"]

_OUTCOMES: Final = {
    "accepted": ("Accepted", "records that were answered with a 2xx status, replays counted again"),
    "stored": ("Stored", "records with their scores in PostgreSQL"),
    "duplicate": ("Duplicate", "records that were stored before under the same id"),
    "dead": ("Given up", "records that failed again and again; they are kept as dead letters"),
    "in_flight": ("On their way", "records that wait, or are being scored"),
    "unaccounted": ("Unaccounted for", "records of which nothing is known; this should be 0"),
}


async def _read(sources: Sources, asked: Asked) -> Any:
    report = await sources.changes.send("GET", "/pipeline", asked.project_id)
    mine = [one for one in report["projects"] if one["project_id"] == asked.project_id]
    return {"ledger": mine[0] if mine else None, "queue": report["queue"]}


def _draw(found: Mapping[str, Any], shown: Shown) -> Any:
    ledger, queue = found["ledger"], found["queue"]
    if ledger is None:
        return html.P("No record was accepted yet.", className="remark")
    lost = ledger["unaccounted"]
    rows = [
        [title, html.Span(f"{ledger[name]:,}", className="number"), _told(name, told, shown)]
        for name, (title, told) in _OUTCOMES.items()
    ]
    return [
        notice(f"{lost:,} records are unaccounted for", "The log of the workers says more.")
        if lost
        else None,
        listing("Where every accepted record went", ("Records", "Number", "They are"), rows, ""),
        html.P(_balance(ledger)),
        html.P(_queue(queue)),
        _set_aside(ledger),
    ]


def _told(name: str, told: str, shown: Shown) -> Any:
    return dcc.Link(told, href=link(shown.search, "dead-letters")) if name == "dead" else told


def _balance(ledger: Mapping[str, Any]) -> str:
    parts = " + ".join(f"{ledger[name]:,}" for name in _OUTCOMES if name != "accepted")
    return f"{ledger['accepted']:,} accepted = {parts}."


def _queue(queue: Mapping[str, Any]) -> str:
    oldest = queue["oldest_age_seconds"]
    age = UNKNOWN if oldest is None else f"{oldest:,.1f} s"
    return (
        f"In the queue of all projects: {queue['records']:,} records, the oldest {age}. "
        f"Worker processes: {queue['workers']:,}."
    )


def _set_aside(ledger: Mapping[str, Any]) -> Any:
    batches, days = ledger["set_aside_batches"], ledger["set_aside_days"]
    if not batches and not days:
        return None
    told = f"Figures lack {batches:,} batches and values of {days:,} days. llm-monitor doctor --repair restores them."
    return notice("Something could not be added up", told, color="orange")


SECTION: Final = Section(
    name="ledger",
    title="Ledger",
    about="Every record that was accepted is stored, known already, given up, or still on its way.",
    read=_read,
    draw=_draw,
    live=True,
)
