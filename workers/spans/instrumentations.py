"""How many instrumentations tell of the calls of a project: where there is one, nothing is told twice beside it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

from app.schemas.ids import minted_at
from app.schemas.kinds import COUNTED_KINDS
from app.schemas.queued import Envelope
from app.schemas.spans import SCOPE, named_in
from app.storage.engine import Connection, Engine
from app.storage.rollups.observed_values import admit_values, read_values

__all__ = ["Instrumentations", "tell_beside"]

_DIMENSION = "instrumentation"
_MOST = 100
_REMEMBERED = 10_000


class Instrumentations:
    """Notes by project and day which instrumentations told of calls, and asks Postgres only about new ones."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._known: set[tuple[str, date, str]] = set()

    async def register(self, project_id: str, envelopes: Sequence[Envelope]) -> None:
        """Note the instrumentations of calls before these are stored, so that whoever looks later knows them."""
        seen = {
            (project_id, minted_at(one.trace_id).date(), _scope(one))
            for one in envelopes
            if one.kind in COUNTED_KINDS and one.otel_trace_id is not None
        }
        new = seen - self._known
        if not new:
            return
        if len(self._known) > _REMEMBERED:
            self._known.clear()
        async with self._engine.begin() as connection:
            for day in sorted({day for _, day, _ in new}):
                scopes = {scope for _, of, scope in new if of == day}
                await admit_values(connection, project_id, day, _DIMENSION, scopes, _MOST)
        self._known |= new


async def tell_beside(connection: Connection, project_id: str, day: date) -> bool:
    """Tell whether spans beside each other may be of one call: of several instrumentations, or of one without a name."""
    names = await read_values(connection, project_id, _DIMENSION, since=day - timedelta(days=1))
    return len(names) > 1 or "" in names


def _scope(envelope: Envelope) -> str:
    return named_in(envelope.record, SCOPE) or ""
