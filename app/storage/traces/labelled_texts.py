"""Labelled calls with their texts, page by page, for those who take labels out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple
from uuid import UUID

import msgspec
from sqlalchemy import and_, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from app.schemas.labels import Label, Span
from app.storage.tables import labels, traces
from monitoring.statistics.trends import Window

__all__ = ["LabelledText", "Place", "read_labelled_texts"]

_TEXTS: Final = ("prompt", "response", "system_prompt", "context", "reference", "model_name", "template_id")
_LABEL: Final = [labels.c[name] for name in Label.__struct_fields__ if name != "source"]


class Place(NamedTuple):
    """The place of a label in the order of all: by its call, and by its id."""

    trace_id: UUID
    label_id: UUID


class LabelledText(msgspec.Struct, frozen=True, kw_only=True):
    """One label, and the texts of its call."""

    label: Label
    prompt: str
    response: str
    system_prompt: str | None
    context: tuple[str, ...]
    reference: str | None
    model_name: str
    template_id: str | None

    @property
    def place(self) -> Place:
        """The place from which the next page continues."""
        return Place(self.label.trace_id, self.label.label_id)


async def read_labelled_texts(
    connection: AsyncConnection,
    project_id: str,
    window: Window,
    source: str = "live",
    *,
    after: Place | None = None,
    most: int = 500,
) -> Sequence[LabelledText]:
    """Return up to `most` labels of the calls of a window with their texts, in order of place.

    `after` is the place of the last label of the page before.
    """
    column = labels.c
    same = and_(traces.c.project_id == column.project_id, traces.c.trace_id == column.trace_id)
    found = (
        select(*_LABEL, *(traces.c[name] for name in _TEXTS))
        .join(traces, same)
        .where(
            column.project_id == project_id,
            column.occurred_at >= window.start,
            column.occurred_at < window.end,
            column.trace_source == source,
        )
        .order_by(column.trace_id, column.label_id)
        .limit(most)
    )
    if after is not None:
        found = found.where(tuple_(column.trace_id, column.label_id) > tuple_(*after))
    return [_read(row._asdict()) for row in await connection.execute(found)]


def _read(row: dict[str, Any]) -> LabelledText:
    texts = {name: row.pop(name) for name in _TEXTS}
    place = row.pop("evidence")
    ids: dict[str, Any] = {name: UUID(bytes=row.pop(name).bytes) for name in ("trace_id", "label_id")}
    label = Label(**row, **ids, evidence=None if place is None else msgspec.convert(place, Span))
    return LabelledText(label=label, **texts | {"context": tuple(texts["context"])})
