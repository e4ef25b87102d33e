"""`llm-monitor erase`: delete one user's data, or one call, everywhere."""

from __future__ import annotations

import time
from typing import Annotated, Any
from urllib.parse import quote
from uuid import UUID

import httpx
import typer

from app.config import load_settings
from app.errors import InvalidParameter, Unavailable
from app.refusal import read_refusal

__all__ = ["erase"]

_POLL_SECONDS = 0.5


def erase(
    user: Annotated[str | None, typer.Option(help="The user_id whose data is erased.")] = None,
    trace: Annotated[UUID | None, typer.Option(help="The trace_id of one call.")] = None,
    url: Annotated[
        str | None, typer.Option(help="Base address of the API; default: the local stack.")
    ] = None,
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Erase what was accepted until now: calls, scores, feedback, dead letters, figures; waits for the end."""
    if (user is None) == (trace is None):
        raise InvalidParameter("Give either --user or --trace.")
    what = f"everything of user {user}" if user is not None else f"trace {trace}"
    if not yes:
        typer.confirm(f"Erase {what}? Nothing brings it back.", abort=True)
    path = f"/users/{quote(user, safe='')}" if user is not None else f"/traces/{trace}"
    settings = load_settings()
    headers = {"Authorization": f"Bearer {settings.api_key}"} if settings.api_key else {}
    with httpx.Client(base_url=url or settings.api_url, timeout=30, headers=headers) as client:
        job = _ask(client, "DELETE", path)
        while job["state"] in {"queued", "running"}:
            time.sleep(_POLL_SECONDS)
            job = _ask(client, "GET", f"/jobs/{job['job_id']}")
    if job["state"] != "done":
        raise Unavailable(f"The erasure is {job['state']}: {job['error'] or 'somebody ended it'}.")
    typer.echo("  ".join(f"{name} {count:,}" for name, count in job["result"].items()))


def _ask(client: httpx.Client, method: str, path: str) -> Any:
    try:
        response = client.request(method, path)
    except httpx.TransportError as error:
        raise Unavailable(f"No API answers at {client.base_url}: start one, or give --url.") from error
    if response.is_error:
        raise read_refusal(response, scope="admin")
    return response.json()
