"""The state of the whole stack, as the API reports it."""

from __future__ import annotations

from typing import Any

import httpx
from dash import html
from pydantic import ValidationError

from app.reports.readiness import Readiness
from dashboard.drawing.components import attributes
from dashboard.drawing.formatting import UNKNOWN, count, milliseconds

__all__ = ["HealthReader", "health_label", "health_table"]

_SHOWN_TASKS = 10
_WORDS = {"good": "Healthy", "warn": "Degraded", "bad": "No API", "": "Checking"}


class HealthReader:
    """Asks the API for its state and the state of everything behind it."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client

    async def read(self) -> Readiness | None:
        """Return the readiness that the API reports, good or bad; None without a usable answer."""
        try:
            response = await self._client.get("/health/ready")
            return Readiness.model_validate_json(response.content)
        except (httpx.HTTPError, ValidationError):
            return None


def _state(found: Readiness | None) -> str:
    if found is None:
        return "bad"
    return "good" if found.status == "ready" and found.disk != "full" else "warn"


def health_label(found: Readiness | None, *, asked: bool = True) -> Any:
    """Return what the button of the header says; `asked` is false before the first answer."""
    state = _state(found) if asked else ""
    words = _WORDS[state]
    if found and found.disk == "full":
        words = "Disk full"
    if found and found.status != "ready":
        missing = [name for name in ("postgres", "redis", "workers", "guard") if getattr(found, name) != "ok"]
        words = (
            "Stopping" if found.status == "stopping" else f"No {' or '.join(missing)}" if missing else words
        )
    return [
        html.Span(className="dot", **attributes(data_state=state)),
        html.Span("State of the system: ", className="unseen"),
        html.Span(words),
    ]


def health_table(found: Readiness | None) -> Any:
    """Return one row per part of the stack."""
    queue = found.queue if found else None
    parts = [("API", "ok" if found else "unavailable")]
    parts += [
        (title, getattr(found, name) if found else UNKNOWN)
        for title, name in (
            ("Postgres", "postgres"),
            ("Redis", "redis"),
            ("Workers", "workers"),
            ("Guard", "guard"),
        )
    ]
    if found and found.disk != "unknown":
        parts.append(("Disk", "ok" if found.disk == "ok" else "full: new records are refused"))
    rows = [_row(title, state, {"ok": "good", UNKNOWN: ""}.get(state, "bad")) for title, state in parts]
    age = queue.oldest_age_seconds if queue else None
    rows += [
        _row("Worker processes", count(queue.workers if queue else None)),
        _row("Records in the queue", count(queue.records if queue else None)),
        _row("Oldest waits for", milliseconds(None if age is None else 1000 * age)),
    ]
    rows += _task_rows(found)
    return html.Table(html.Tbody(rows), className="health-table")


def _task_rows(found: Readiness | None) -> list[Any]:
    """Return one row for each background task that fails, or one row if all are well."""
    if found is None or not found.failing_tasks:
        return [_row("Background tasks", UNKNOWN if found is None else "ok", "good" if found else "")]
    return [
        _row(
            f"Task {task.task}",
            f"failed {count(task.failures)} times in a row ({task.error}) in {task.process}",
            "warn",
        )
        for task in found.failing_tasks[:_SHOWN_TASKS]
    ]


def _row(title: str, value: str, state: str | None = None) -> Any:
    dot: list[Any] = (
        [] if state is None else [html.Span(className="dot", **attributes(data_state=state)), " "]
    )
    return html.Tr([html.Th(title, scope="row"), html.Td([*dot, value])])
