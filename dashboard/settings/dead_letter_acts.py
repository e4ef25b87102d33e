"""Replaying and deleting dead letters."""

from __future__ import annotations

from uuid import UUID

from app.errors import InvalidParameter
from dashboard.data.sources import Sources
from dashboard.settings.section import Asked

__all__ = ["delete_letters", "letter_id", "replay_letters"]


def letter_id(asked: Asked) -> UUID:
    """Return the trace id that the address names; raises InvalidParameter."""
    try:
        return UUID(asked.fields["letter"])
    except (ValueError, KeyError):
        raise InvalidParameter("The address names no dead letter: choose one of the list.") from None


async def delete_letters(sources: Sources, asked: Asked) -> str:
    """Delete the dead letters that the address names, and say so; raises what the API refuses."""
    path = (
        "/pipeline/dead" if asked.fields.get("act") == "delete-all" else f"/pipeline/dead/{letter_id(asked)}"
    )
    done = await sources.changes.send("DELETE", path, asked.project_id)
    number = done["purged"]
    if number == 1:
        return "1 dead letter was deleted with its record."
    return f"{number:,} dead letters were deleted with their records."


async def replay_letters(sources: Sources, asked: Asked) -> str:
    """Queue the dead letter that the address names again, or all; raises what the API refuses."""
    if "letter" in asked.fields:
        await sources.changes.send("POST", f"/pipeline/dead/{letter_id(asked)}/replay", asked.project_id)
        return "The record is queued again. It leaves this list once it is stored."
    done = await sources.changes.send("POST", "/pipeline/dead/replay", asked.project_id)
    replayed, unreadable = done["replayed"], done["unreadable"]
    again = " There may be more: replay again." if replayed or unreadable else ""
    return f"Queued again: {replayed:,}. Records that cannot be read: {unreadable:,}.{again}"
