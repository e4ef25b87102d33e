"""The items that a body adds to a dataset: written ones, and those made from stored calls."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from functools import partial
from uuid import UUID

from msgspec.structs import replace

from app.api.datasets import ItemsIn
from app.api.dependencies import Services
from app.errors import InvalidParameter, InvalidRecord, NotFound
from app.experiments.datasets import item_of
from app.jobs.kinds import JobKind
from app.schemas.datasets import MOST_CALLS, Item, content_id
from app.schemas.ids import mint_many
from app.schemas.records import without_nul
from app.storage.engine import Connection, reading
from app.storage.evaluations.parts import list_ids
from app.storage.traces.reading import read_page, read_traces
from app.storage.upkeep.jobs import read_job
from monitoring.models import Record

__all__ = ["items_of"]

_AT_ONCE = 50
"""Calls that are read together with all their texts."""


async def items_of(serving: Services, project: str, body: ItemsIn) -> list[Item]:
    """Return the items of a body, without the personal data that the project does not want.

    Raises NotFound for calls that are not stored, and InvalidRecord for calls that make no item,
    for a correction of another call, and for more text than a body may have.
    """
    written = await _protected(serving, project, [one.to_item() for one in body.items])
    made = await _from_calls(serving, project, body)
    # The text of a call lost its personal data when it came. That of a correction did not yet.
    corrected = [
        Item(item_id=item.item_id, prompt="", reference=item.reference, trace_id=item.trace_id)
        for item in made
        if item.trace_id in body.corrections
    ]
    clean = {item.trace_id: item.reference for item in await _protected(serving, project, corrected)}
    return [
        *written,
        *(_expecting(one, clean[one.trace_id]) if one.trace_id in clean else one for one in made),
    ]


def _expecting(item: Item, reference: str | None) -> Item:
    return replace(item, reference=reference, item_id=content_id(item.prompt, item.context, reference))


async def _from_calls(serving: Services, project: str, body: ItemsIn) -> list[Item]:
    if not (body.trace_ids or body.calls or body.evaluation_id or body.corrections):
        return []
    items, room = [], serving.settings.max_body_bytes
    async with serving.readers.admit(project), reading(serving.engine) as connection:
        named, chosen = await _wanted(connection, serving, project, body)
        wanted = list(dict.fromkeys([*named, *chosen]))
        if foreign := body.corrections.keys() - set(wanted):
            raise InvalidRecord(f"corrections: {min(foreign)} is none of the calls that make items.")
        missing = set(named)
        for batch in _batches(wanted):
            found = {trace.trace_id: trace for trace in await read_traces(connection, project, batch)}
            missing -= found.keys()
            for trace in (found[trace_id] for trace_id in batch if trace_id in found):
                item = item_of(trace, body.reference, body.corrections.get(trace.trace_id))
                if item is not None:
                    items.append(item)
                    room -= _size(item)
            if room < 0:
                raise InvalidRecord("These calls have more text than one request may add: choose fewer.")
    if missing:
        raise NotFound(f"{len(missing)} of {len(wanted)} calls are not stored: {min(missing)}.")
    if not items:
        raise InvalidRecord(_NOTHING if wanted else "No stored call fits: choose a longer period.")
    return items


_NOTHING = "None of these calls makes an item: they have no prompt, or no response that could be expected."


def _size(item: Item) -> int:
    return len(item.prompt) + len(item.reference or "") + sum(map(len, item.context))


def _batches(ids: Sequence[UUID]) -> Iterator[Sequence[UUID]]:
    for begin in range(0, len(ids), _AT_ONCE):
        yield ids[begin : begin + _AT_ONCE]


async def _wanted(
    connection: Connection, serving: Services, project: str, body: ItemsIn
) -> tuple[list[UUID], list[UUID]]:
    """Return the ids of calls that a body names, and of those that its filter lets pass."""
    named = list(body.trace_ids)
    if body.evaluation_id is not None:
        job = await read_job(connection, project, body.evaluation_id, JobKind.EVALUATE)
        if job is None:
            raise NotFound("There is no evaluation with this id.")
        if (job.total or 0) > MOST_CALLS:
            raise InvalidParameter(
                f"At most {MOST_CALLS} calls are added at once, and this evaluation has {job.total}: "
                "name the calls that you want as trace_ids."
            )
        named += await list_ids(connection, project, job.job_id, MOST_CALLS)
    if body.calls is None:
        return named, []
    forms = partial(serving.privacy.stored_forms, project)
    chosen = body.calls.to_query().chosen(serving.clock(), forms)
    rows = await read_page(connection, project, chosen, limit=min(body.calls.limit, MOST_CALLS))
    return named, [row.trace_id for row in rows]


async def _protected(serving: Services, project: str, items: list[Item]) -> list[Item]:
    records = [without_nul(_record(item)) for item in items]
    redaction = (await serving.projects.find(project)).redaction
    if redaction.on and items:
        serving.privacy.require(redaction)
        named = dict(zip(mint_many(0, len(items)), records, strict=True))
        kept = await asyncio.to_thread(serving.privacy.protect, project, redaction, named)
        if len(kept) < len(named):
            raise InvalidRecord("Personal data could not be taken out of an item, so nothing was added.")
        records = [kept[trace_id].record for trace_id in named]
    return [
        replace(
            item,
            prompt=record.prompt,
            context=record.context,
            reference=record.reference,
            metadata=record.metadata,
        )
        for item, record in zip(items, records, strict=True)
    ]


def _record(item: Item) -> Record:
    return Record(
        prompt=item.prompt,
        response="",
        context=item.context,
        reference=item.reference,
        metadata=item.metadata,
    )
