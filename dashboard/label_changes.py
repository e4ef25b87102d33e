"""What people say about the call in the drawer: the buttons, and the requests that they send."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from dash import Dash, Input, Output, State, no_update

from app.errors import MonitorError
from dashboard.data.sources import Sources
from dashboard.data.view import read_trace_id, read_view
from dashboard.drawing.components import notice
from dashboard.drawing.labels import BEST, PLACE, PRESSED, VERDICTS, said

__all__ = ["register_label_changes", "request_of"]


def request_of(trace_id: UUID, pressed: object) -> tuple[str, str, dict[str, Any] | None] | None:
    """Return method, path and body of what a button asks for, None for what is no button.

    It comes from a browser, so every part of it is checked.
    """
    if not isinstance(pressed, dict):
        return None
    act, of, path = str(pressed.get("act")), str(pressed.get("of")), f"/traces/{trace_id}/labels"
    if act in VERDICTS:
        return "POST", path, {"finding": of[:128], "verdict": act}
    if act == "score" and of in map(str, range(BEST + 1)):
        return "POST", path, {"score": int(of) / BEST}
    try:
        return ("DELETE", f"{path}/{UUID(of)}", None) if act == "undo" else None
    except ValueError:
        return None


def register_label_changes(dash: Dash, sources: Sources, url: str) -> None:
    """Send what a button of the drawer says, and draw again what people say."""

    @dash.callback(
        Output(PLACE, "children"),
        Input(PRESSED, "data"),
        State(url, "search"),
        prevent_initial_call=True,
    )
    async def label(pressed: Any, search: str | None) -> Any:
        _, trace_id = read_trace_id(search)
        request = None if trace_id is None else request_of(trace_id, pressed)
        if trace_id is None or request is None:
            return no_update
        method, path, body = request
        project_id, problem = read_view(search).project_id, None
        options = {} if body is None else {"json": body}
        try:
            await sources.changes.send(method, path, project_id, **options)
        except MonitorError as error:
            problem = notice(error.title, error.detail)
        try:
            found = await sources.queries.trace(project_id, trace_id, 1)
        except MonitorError:
            return no_update
        return no_update if found is None else said(found, problem)
