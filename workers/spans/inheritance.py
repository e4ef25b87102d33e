"""Giving the user, conversation, tags and metadata of outer spans to the spans inside them.

An outer span ends after the spans inside it, so it usually arrives later, in another batch or in
the job of another worker. Each job looks again when it is settled, under locks on the spans that it
is about to change. Of two jobs that run at the same time the later one therefore sees both. Looking
again, as after a redelivery, changes nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar
from uuid import UUID

from msgspec import structs

from app.figures.aggregation import difference
from app.schemas.inherited import INHERITED_NAMES, Given, OwnedSpan, shared_metadata, unite_tags
from app.schemas.kinds import PART_KINDS, RETRIEVERS
from app.schemas.queued import Envelope
from app.schemas.traces import Trace
from app.storage.budgets.spending import count_spending
from app.storage.engine import Connection, Engine
from app.storage.rollups.writing import append_deltas
from app.storage.traces.inheritance import Heir, give, lock_counted, read_owned_spans, read_shared
from monitoring.marks import COUNTED_AS_OTHER, Mark
from monitoring.models import Record
from workers.cardinality import CardinalityCaps
from workers.spans.context import within_reach

__all__ = ["inherit", "inherit_stored"]

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
    """Return envelopes with the owner that outer spans among them name.

    A value of the span itself wins, then the value of the nearest outer span; tags are united.
    """
    inner = {(one.otel_trace_id, one.otel_parent_span_id) for one in envelopes if one.otel_parent_span_id}
    if not inner:
        return list(envelopes)
    places: dict[_Id, _Place] = {
        (one.otel_trace_id, one.otel_span_id): _Place(
            (one.otel_trace_id, one.otel_parent_span_id),
            # A span with no other span inside it passes nothing on.
            _said_by(one) if (one.otel_trace_id, one.otel_span_id) in inner else _NOTHING,
        )
        for one in envelopes
        if one.otel_span_id is not None
    }
    passed = _passed_on(places)
    if not passed:
        return list(envelopes)
    return [
        structs.replace(one, record=_inheriting(one.record, found))
        if (found := passed.get((one.otel_trace_id, one.otel_span_id)))
        else one
        for one in envelopes
    ]


async def inherit_stored(
    engine: Engine,
    caps: CardinalityCaps,
    project_id: str,
    envelopes: Sequence[Envelope],
    shared: Collection[bytes],
    descriptive: Collection[str],
) -> frozenset[bytes]:
    """Let stored spans of the envelopes' traces inherit, and change the figures by the difference.

    `shared` holds those traces of which other jobs stored spans too, because the spans of one job
    inherit from each other before they are stored. Returns the traces in which documents were
    retrieved.
    """
    related = {one.otel_trace_id for one in envelopes if one.otel_trace_id and _may_matter(one)}
    ids = sorted(related.intersection(shared))
    if not ids:
        return frozenset()
    search = _Search(project_id, ids, *within_reach(envelopes))
    for _ in range(_MOST_ROUNDS):
        async with engine.begin() as connection:
            found = await _find(connection, search)
            if not found.wanting:
                break
            await _give(connection, search, sorted(found.wanting), caps, descriptive)
    return found.retrieved


class _Search(NamedTuple):
    """The traces whose spans are looked through, and the range of ids in which those lie."""

    project_id: str
    otel_trace_ids: Sequence[bytes]
    since: UUID
    until: UUID


class _Found(NamedTuple):
    """What stored spans are to inherit, by their ids, and the traces that retrieved documents."""

    wanting: Mapping[UUID, Given]
    retrieved: frozenset[bytes]


async def _give(
    connection: Connection,
    search: _Search,
    trace_ids: Sequence[UUID],
    caps: CardinalityCaps,
    descriptive: Collection[str],
) -> None:
    """Let spans inherit what they lack; the next round sees a span that was replaced meanwhile."""
    locked = await lock_counted(connection, search.project_id, trace_ids)
    # Another worker may have given values between the first reading and the locks.
    wanting = (await _find(connection, search)).wanting
    stored = [trace for id_, trace in locked.items() if id_ in wanting]
    if not stored:
        return
    inheriting = [_inheriting(_unnamed(trace), wanting[trace.trace_id]) for trace in stored]
    named = await caps.mark(inheriting)
    final = [_renamed(trace, one) for trace, one in zip(inheriting, named, strict=True)]
    heirs = [Heir(trace, wanting[trace.trace_id].shared) for trace in final]
    await give(connection, search.project_id, heirs)
    changed = difference(stored, final, descriptive)
    await append_deltas(connection, [delta for delta in changed if delta.dimension in _OWNED])
    enriched = [
        structs.replace(heir.trace, metadata={**heir.trace.metadata, **heir.shared}) for heir in heirs
    ]
    await count_spending(connection, search.project_id, stored, enriched)


async def _find(connection: Connection, search: _Search) -> _Found:
    project_id, ids, since, until = search
    spans = await read_owned_spans(connection, project_id, ids, since=since, until=until)
    retrieved = frozenset(one.otel_trace_id for one in spans if one.kind in RETRIEVERS)
    return _Found(await _find_wanting(connection, project_id, spans) if spans else {}, retrieved)


async def _find_wanting(
    connection: Connection, project_id: str, spans: Sequence[OwnedSpan]
) -> dict[UUID, Given]:
    """Return, by id, what spans are to inherit, for those that lack something.

    The metadata in it are only those that have to be added.
    """
    by_place: dict[_Id, OwnedSpan] = {(one.otel_trace_id, one.otel_span_id): one for one in spans}
    outer = {(one.otel_trace_id, one.otel_parent_span_id) for one in spans}
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
    heirs = [one for one in spans if one.trace_id in found]
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
    """Return what outer spans pass on to each span, for spans to which anything is passed on."""
    if not any(place.own for place in places.values()):
        return {}
    passing: dict[_Id, Given] = {}
    for start in places:
        path: dict[_Id, None] = {}
        at = start
        while at in places and at not in passing and at not in path:  # ids may form a circle
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


def _said(one: OwnedSpan | Record, shared: Mapping[str, Any]) -> Given:
    return Given(
        None if Mark.INHERITED_USER in one.marks else one.user_id,
        None if Mark.INHERITED_SESSION in one.marks else one.session_id,
        one.tags,
        shared,
    )


def _said_by(envelope: Envelope) -> Given:
    return _said(envelope.record, shared_metadata(envelope.record.metadata))


def _may_matter(envelope: Envelope) -> bool:
    """Tell whether a span may inherit anything or pass anything on."""
    return envelope.kind not in PART_KINDS and bool(
        envelope.otel_parent_span_id or envelope.kind in RETRIEVERS or _said_by(envelope)
    )


def _lacks(one: OwnedSpan, given: Given) -> bool:
    return (
        _owner(one.user_id, given.user_id, inherited=Mark.INHERITED_USER in one.marks) != one.user_id
        or _owner(one.session_id, given.session_id, inherited=Mark.INHERITED_SESSION in one.marks)
        != one.session_id
        or unite_tags(one.tags, given.tags) != one.tags
    )


def _owner(own: str | None, given: str | None, *, inherited: bool) -> str | None:
    return given if given and (own is None or inherited) else own


def _lacking(known: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Return what has to be added to metadata: names that are missing and values that changed.

    Names that the span has itself stay. The list of all inherited names is part of the answer.
    """
    own = shared_metadata(known)
    lacking = {name: value for name, value in given.items() if name not in own and known.get(name) != value}
    if not lacking:
        return {}
    return {**lacking, INHERITED_NAMES: list(dict.fromkeys((*known.get(INHERITED_NAMES, ()), *lacking)))}


def _inheriting(one: _Owned, given: Given) -> _Owned:
    """Return a record or a stored span with what it inherits; its own values stay."""
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
    """Return a stored span without the marks for names that are counted under `(other)`."""
    marks = tuple(mark for mark in trace.marks if not mark.startswith(_OWNERS_AS_OTHER))
    return structs.replace(trace, marks=marks)


def _renamed(trace: Trace, named: Trace) -> Trace:
    """Return a span with the new marks about the names of its owner.

    The marks about other names were settled before.
    """
    others = (mark for mark in named.marks[len(trace.marks) :] if mark.startswith(_OWNERS_AS_OTHER))
    return structs.replace(trace, marks=(*trace.marks, *others))
