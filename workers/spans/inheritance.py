"""User, session, tags and metadata of outer spans, given to the spans inside them.

An outer span ends after what is inside it, so that most come later, in another batch or in another worker's job. Of
two jobs at the same time the one that ends later sees both: each looks once more when it is settled, under locks on
the spans that it is about to change. Looking again, as after a redelivery, changes nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar
from uuid import UUID

from msgspec import structs

from app.figures.aggregation import difference
from app.schemas.inherited import INHERITED_NAMES, Given, Kin, shared_metadata, unite_tags
from app.schemas.kinds import PART_KINDS, RETRIEVERS
from app.schemas.queued import Envelope
from app.schemas.traces import Trace
from app.storage.engine import Connection, Engine
from app.storage.rollups.writing import append_deltas
from app.storage.traces.inheritance import Heir, give, lock_counted, read_kin, read_shared
from monitoring.marks import COUNTED_AS_OTHER, Mark
from monitoring.models import Record
from workers.cardinality import CardinalityCaps
from workers.spans.context import within_reach

__all__ = ["bequeath", "inherit"]

_NOTHING = Given()
_MOST_ROUNDS = 8
_OWNED = frozenset({"user", "session", "tag"})
_OWNERS_AS_OTHER = tuple(f"{COUNTED_AS_OTHER}{of}" for of in ("user", "session", "tag:"))
# Spans whose texts are not kept have no metadata either.
_WITHOUT_TEXT = frozenset({Mark.TEXT_DROPPED, Mark.TEXT_NOT_SAMPLED})

_Id = tuple[bytes | None, bytes | None]
_Owned = TypeVar("_Owned", Record, Trace)


class _Place(NamedTuple):
    """The span around a span, and what the span itself says."""

    outer: _Id
    own: Given


def inherit(envelopes: Sequence[Envelope]) -> list[Envelope]:
    """Return envelopes with what outer spans among them say of their owner.

    A span's own value wins, then that of the nearest outer span that has one; tags are united.
    """
    inner = {(one.otel_trace_id, one.otel_parent_span_id) for one in envelopes if one.otel_parent_span_id}
    if not inner:
        return list(envelopes)
    places: dict[_Id, _Place] = {
        (one.otel_trace_id, one.otel_span_id): _Place(
            (one.otel_trace_id, one.otel_parent_span_id),
            # What no other span is inside of passes nothing on.
            _said_by(one) if (one.otel_trace_id, one.otel_span_id) in inner else _NOTHING,
        )
        for one in envelopes
        if one.otel_span_id is not None
    }
    passed = _passed_on(places)
    if not passed:
        return list(envelopes)
    return [
        structs.replace(one, record=_endowed(one.record, found))
        if (found := passed.get((one.otel_trace_id, one.otel_span_id)))
        else one
        for one in envelopes
    ]


async def bequeath(
    engine: Engine,
    caps: CardinalityCaps,
    project_id: str,
    envelopes: Sequence[Envelope],
    shared: Collection[bytes],
    descriptive: Collection[str],
) -> frozenset[bytes]:
    """Give stored spans of the envelopes' traces what outer ones say, and correct the figures by the difference.

    `shared` are those of the traces of which other spans are stored too: what spans of one job say of each other was
    seen to before they were stored. Returns those of the traces in which documents were retrieved.
    """
    related = {one.otel_trace_id for one in envelopes if one.otel_trace_id and _may_matter(one)}
    ids = sorted(related.intersection(shared))
    if not ids:
        return frozenset()
    lineage = _Lineage(project_id, ids, *within_reach(envelopes))
    for _ in range(_MOST_ROUNDS):
        async with engine.begin() as connection:
            found = await _find(connection, lineage)
            if not found.wanting:
                break
            await _give(connection, lineage, sorted(found.wanting), caps, descriptive)
    return found.retrieved


class _Lineage(NamedTuple):
    """The traces whose spans are looked through, and between which ids they lie."""

    project_id: str
    otel_trace_ids: Sequence[bytes]
    since: UUID
    until: UUID


class _Found(NamedTuple):
    """What stored spans lack, by their ids, and the traces in which documents were retrieved."""

    wanting: Mapping[UUID, Given]
    retrieved: frozenset[bytes]


async def _give(
    connection: Connection,
    lineage: _Lineage,
    trace_ids: Sequence[UUID],
    caps: CardinalityCaps,
    descriptive: Collection[str],
) -> None:
    """Give spans what they lack; one that is written anew meanwhile is missed, and met again in the next round."""
    locked = await lock_counted(connection, lineage.project_id, trace_ids)
    # What was read before the locks were had may be less than what another worker gave meanwhile.
    wanting = (await _find(connection, lineage)).wanting
    stored = [trace for id_, trace in locked.items() if id_ in wanting]
    if not stored:
        return
    endowed = [_endowed(_unnamed(trace), wanting[trace.trace_id]) for trace in stored]
    named = await caps.mark(endowed)
    final = [_renamed(trace, one) for trace, one in zip(endowed, named, strict=True)]
    heirs = [Heir(trace, wanting[trace.trace_id].shared) for trace in final]
    await give(connection, lineage.project_id, heirs)
    changed = difference(stored, final, descriptive)
    await append_deltas(connection, [delta for delta in changed if delta.dimension in _OWNED])


async def _find(connection: Connection, lineage: _Lineage) -> _Found:
    project_id, ids, since, until = lineage
    kin = await read_kin(connection, project_id, ids, since=since, until=until)
    retrieved = frozenset(one.otel_trace_id for one in kin if one.kind in RETRIEVERS)
    return _Found(await _find_wanting(connection, project_id, kin) if kin else {}, retrieved)


async def _find_wanting(connection: Connection, project_id: str, kin: Sequence[Kin]) -> dict[UUID, Given]:
    """Return by id the spans that lack something that an outer one says, with what outer ones say.

    Of metadata only what is to be added is returned.
    """
    by_place: dict[_Id, Kin] = {(one.otel_trace_id, one.otel_span_id): one for one in kin}
    outer = {(one.otel_trace_id, one.otel_parent_span_id) for one in kin}
    givers = [one.trace_id for place, one in by_place.items() if place in outer]
    shared = await read_shared(connection, project_id, givers)
    passed = _passed_on(
        {
            place: _Place(
                (one.otel_trace_id, one.otel_parent_span_id),
                _said(one, shared_metadata(shared.get(one.trace_id, {}))) if place in outer else _NOTHING,
            )
            for place, one in by_place.items()
        }
    )
    found = {by_place[place].trace_id: given for place, given in passed.items()}
    heirs = [one for one in kin if one.trace_id in found]
    takers = {one.trace_id for one in heirs if not _WITHOUT_TEXT.intersection(one.marks)}
    known = (
        await read_shared(connection, project_id, sorted(takers))
        if any(g.shared for g in found.values())
        else {}
    )
    wanting = {}
    for one in heirs:
        given, own = found[one.trace_id], known.get(one.trace_id, {})
        lacking = _lacking(own, given.shared) if one.trace_id in takers else {}
        if lacking or _lacks(one, given):
            wanting[one.trace_id] = structs.replace(given, shared=lacking)
    return wanting


def _passed_on(places: Mapping[_Id, _Place]) -> dict[_Id, Given]:
    """Return what the spans around each span pass on to it, of spans to which anything is passed on."""
    if not any(place.own for place in places.values()):
        return {}
    passing: dict[_Id, Given] = {}
    for start in places:
        path: dict[_Id, None] = {}
        at = start
        while at in places and at not in passing and at not in path:  # ids of a client may form a circle
            path[at] = None
            at = places[at].outer
        above = passing.get(at, _NOTHING)
        for step in reversed(path):
            above = passing[step] = places[step].own.over(above)
    return {
        at: found
        for at, place in places.items()
        if place.outer != at and (found := passing.get(place.outer, _NOTHING))
    }


def _said(one: Kin | Record, shared: Mapping[str, Any]) -> Given:
    return Given(
        None if Mark.INHERITED_USER in one.marks else one.user_id,
        None if Mark.INHERITED_SESSION in one.marks else one.session_id,
        one.tags,
        shared,
    )


def _said_by(envelope: Envelope) -> Given:
    return _said(envelope.record, shared_metadata(envelope.record.metadata))


def _may_matter(envelope: Envelope) -> bool:
    """Tell whether a span may get anything from other spans of its trace, or give them anything."""
    return envelope.kind not in PART_KINDS and bool(
        envelope.otel_parent_span_id or envelope.kind in RETRIEVERS or _said_by(envelope)
    )


def _lacks(one: Kin, given: Given) -> bool:
    return (
        _owner(one.user_id, given.user_id, inherited=Mark.INHERITED_USER in one.marks) != one.user_id
        or _owner(one.session_id, given.session_id, inherited=Mark.INHERITED_SESSION in one.marks)
        != one.session_id
        or unite_tags(one.tags, given.tags) != one.tags
    )


def _owner(own: str | None, given: str | None, *, inherited: bool) -> str | None:
    return given if given and (own is None or inherited) else own


def _lacking(known: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is to be added to metadata: names that a span does not have itself, and values that changed.

    The names of all that are inherited are among it.
    """
    own = shared_metadata(known)
    lacking = {name: value for name, value in given.items() if name not in own and known.get(name) != value}
    if not lacking:
        return {}
    return {**lacking, INHERITED_NAMES: list(dict.fromkeys((*known.get(INHERITED_NAMES, ()), *lacking)))}


def _endowed(one: _Owned, given: Given) -> _Owned:
    """Return a record or a stored span with what it is given; its own values stay."""
    user = _owner(one.user_id, given.user_id, inherited=Mark.INHERITED_USER in one.marks)
    session = _owner(one.session_id, given.session_id, inherited=Mark.INHERITED_SESSION in one.marks)
    marks = dict.fromkeys(one.marks)
    if user != one.user_id:
        marks[Mark.INHERITED_USER] = None
    if session != one.session_id:
        marks[Mark.INHERITED_SESSION] = None
    changed = structs.replace(
        one, user_id=user, session_id=session, tags=unite_tags(one.tags, given.tags), marks=tuple(marks)
    )
    if isinstance(changed, Record) and given.shared and not _WITHOUT_TEXT.intersection(marks):
        lacking = _lacking(changed.metadata, given.shared)
        changed = structs.replace(changed, metadata={**changed.metadata, **lacking})
    return changed


def _unnamed(trace: Trace) -> Trace:
    """Return a stored span without the marks that say which of its names are counted under `(other)`."""
    marks = tuple(mark for mark in trace.marks if not mark.startswith(_OWNERS_AS_OTHER))
    return structs.replace(trace, marks=marks)


def _renamed(trace: Trace, named: Trace) -> Trace:
    """Return a span with those of the marks of its names that are about its owner; the others were settled before."""
    others = (mark for mark in named.marks[len(trace.marks) :] if mark.startswith(_OWNERS_AS_OTHER))
    return structs.replace(trace, marks=(*trace.marks, *others))
