"""Which spans tell of a call that another span tells of too: that call is counted once.

A span above another call restates it when their models agree and their usage is the same, when its usage is the
sum of the calls inside, or when it reports none and only wraps them, unless both have another prompt and another
response. Whatever else lies inside a call is a call of its own.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple
from uuid import UUID

from app.schemas.kinds import COUNTED_KINDS
from app.schemas.spans import POINTING, PlacedSpan, Reason, Restatement, Wording
from workers.spans.likeness import (
    COUNTED_AGAIN,
    Tokens,
    differ,
    is_same_model,
    is_same_usage,
    is_sum,
    match,
    tokens_of,
)
from workers.spans.twins import find_twins, is_request_of_stream

__all__ = ["Restating", "restate"]

_Id = tuple[bytes, bytes | None]


class Restating(NamedTuple):
    """What restates which call, by the id of its row, and whose wording has to be known to say more."""

    found: Mapping[UUID, Restatement]
    wanted: frozenset[UUID]


def restate(
    spans: Iterable[PlacedSpan], wording: Mapping[UUID, Wording], *, beside: bool = False
) -> Restating:
    """Return what restates which call among spans; time grows with their number.

    Calls `beside` each other are compared only where a project has several instrumentations. Without the wording
    of two spans that have texts they are left apart, and it is asked for.
    """
    placed = {span.trace_id: span for span in spans}
    calls = [one for one in placed.values() if one.kind in COUNTED_KINDS or one.restates]
    if not (beside or any(is_request_of_stream(one) or one.restates for one in calls)):
        shared = Counter(one.otel_trace_id for one in calls)
        calls = [one for one in calls if shared[one.otel_trace_id] > 1]
    if len(calls) < 2:  # noqa: PLR2004 one alone repeats nothing
        return Restating({}, frozenset())
    return _Restating(placed, calls, wording).restating(beside=beside)


class _Restating:
    def __init__(
        self, placed: Mapping[UUID, PlacedSpan], calls: Sequence[PlacedSpan], wording: Mapping[UUID, Wording]
    ) -> None:
        self._placed = placed
        self._calls = calls
        self._wording = wording
        self._wanted: set[UUID] = set()
        self._heads: dict[UUID, UUID] = {}  # of each call that was joined to another: the next of its group
        self._reasons: dict[UUID, str] = {}
        self._usages: dict[UUID, Tokens] = {}  # of each group, by its head
        self._pointing: dict[UUID, Restatement] = {}
        self._outer, self._depths = _nest(placed.values(), calls)

    def restating(self, *, beside: bool) -> Restating:
        """Return what was settled before and what is found now."""
        for call in self._calls:
            if call.restates and call.restates_because in POINTING:
                self._pointing[call.trace_id] = Restatement(call.restates, call.restates_because)
            elif call.restates is not None and call.restates in self._placed:
                self._join(call.trace_id, call.restates, call.restates_because or Reason.USAGE)
        self._look_inside()
        self._look_beside(beside=beside)
        found = dict(self._pointing)
        for group in self._groups().values():
            found |= self._told_by_one(group)
        return Restating(found, frozenset(self._wanted))

    def _told_by_one(self, group: Sequence[UUID]) -> dict[UUID, Restatement]:
        """Return what restates the one of a group that tells most: texts, then usage, then the innermost."""
        counted = [one for id_ in group if (one := self._placed[id_]).kind in COUNTED_KINDS]
        counted = [one for one in counted if one.trace_id not in self._pointing]
        if len(group) < 2 or not counted:  # noqa: PLR2004 one alone repeats nothing
            return {}
        kept = max(counted, key=self._rank).trace_id
        reasons = [self._reasons[id_] for id_ in group if id_ in self._reasons]
        return {
            id_: Restatement(kept, self._reasons.get(id_, reasons[0]))
            for id_ in group
            if id_ != kept and id_ not in self._pointing
        }

    def _rank(self, call: PlacedSpan) -> tuple[bool, bool, bool, bool, int, float, UUID]:
        depth, lasted = self._depths[call.trace_id], call.lasted_ms or 0.0
        return (not call.silent, call.answered, call.reports, lasted > 0, depth, -lasted, call.trace_id)

    def _look_inside(self) -> None:
        """Compare each call with those next inside it, the innermost first."""
        inside: dict[UUID, list[PlacedSpan]] = defaultdict(list)
        for call in self._calls:
            if (outer := self._outer.get(call.trace_id)) is not None:
                inside[outer].append(call)
        for outer in sorted(inside, key=lambda id_: -self._depths[id_]):
            # What was settled before stays: a span that came later takes no call back.
            if outer not in self._pointing and self._placed[outer].kind in COUNTED_KINDS:
                self._compare(self._placed[outer], inside[outer])

    def _compare(self, outer: PlacedSpan, inner: Sequence[PlacedSpan]) -> None:
        same = [one for one in inner if self._is_one_response(outer, one)]
        for one in same:
            self._join(outer.trace_id, one.trace_id, Reason.RESPONSE)
        if same:
            return
        kindred = [one for one in inner if one.kind == outer.kind or one.kind not in COUNTED_KINDS]
        alike = [one for one in kindred if is_same_model(one.model_name, outer.model_name)]
        if tokens_of(outer) is None:
            self._unwrap(outer, kindred, alike)
            return
        reporting = [one for one in alike if self._usage(one)]
        if self._adds_up(outer, reporting) or self._adds_up(
            outer, [one for one in inner if self._usage(one)]
        ):
            return
        equal = [
            one
            for one in reporting
            if (usage := self._usage(one)) and (own := tokens_of(outer)) and is_same_usage(own, usage)
        ]
        surely = len(equal) > 1  # of several of the same usage one is repeated only where texts say which
        if repeated := next((one for one in equal if self._is_one(outer, one, surely=surely)), None):
            self._join(outer.trace_id, repeated.trace_id, Reason.USAGE)
        for one in alike:
            if self._usage(one) is None and (one.silent or (len(alike) == 1 and self._is_one(outer, one))):
                self._join(outer.trace_id, one.trace_id, Reason.SILENT if one.silent else Reason.BARE)

    def _unwrap(self, outer: PlacedSpan, kindred: Sequence[PlacedSpan], alike: Sequence[PlacedSpan]) -> None:
        """Take a call that reports no usage for what it wraps."""
        if outer.silent:
            wrapped = list(kindred)
        else:
            wrapped = [one for one in alike if one.silent or self._is_one(outer, one)]
            wrapped = wrapped or [one for one in kindred if self._is_one(outer, one, surely=True)]
        if not wrapped:
            return
        reporting = [one for one in wrapped if self._usage(one)]
        chosen = reporting[-1] if reporting else wrapped[-1]
        if not outer.silent and all(one.silent for one in wrapped):
            # The outer one has the texts; calls without any that report nothing add nothing to them.
            for one in (chosen, *(one for one in wrapped if self._usage(one) is None)):
                self._join(outer.trace_id, one.trace_id, Reason.SILENT)
        elif len(wrapped) == 1 and (chosen in alike or not outer.silent):
            self._join(outer.trace_id, chosen.trace_id, Reason.BARE)
        else:
            self._pointing[outer.trace_id] = Restatement(self._last(wrapped), Reason.WRAPS)

    def _adds_up(self, outer: PlacedSpan, parts: Sequence[PlacedSpan]) -> bool:
        total, counts = tokens_of(outer), [usage for one in parts if (usage := self._usage(one))]
        if total is None or not is_sum(total, counts):
            return False
        if not outer.silent and all(one.silent for one in parts):
            for one in parts:
                self._join(outer.trace_id, one.trace_id, Reason.PART)
        else:
            self._pointing[outer.trace_id] = Restatement(self._last(parts), Reason.SUM)
        return True

    def _look_beside(self, *, beside: bool) -> None:
        """Join calls that do not lie inside each other, those first that are closest in time."""
        alone = [call for call in self._calls if call.trace_id not in self._pointing]
        twins, wanted = find_twins(alone, self._wording, self._outer, beside=beside)
        self._wanted |= wanted
        streamed = {
            id_
            for call in self._calls
            if call.restates and call.restates_because == Reason.STREAM
            for id_ in (call.trace_id, call.restates)
        }
        scopes = {head: self._scopes(group) for head, group in self._groups().items()} if twins else {}
        for one, other, because in twins:
            first, second = self._head(one), self._head(other)
            if first == second:
                continue
            if because == Reason.STREAM:
                if streamed & {one, other}:
                    continue
                streamed |= {one, other}
            # An instrumentation tells of a call once: two spans of it are two calls.
            elif scopes[first] & scopes[second]:
                continue
            self._join(one, other, because)
            scopes[self._head(one)] = scopes[first] | scopes[second]

    def _scopes(self, group: Sequence[UUID]) -> frozenset[str]:
        known = (self._wording.get(id_) for id_ in group)
        return frozenset(one.scope for one in known if one is not None and one.scope)

    def _is_one_response(self, outer: PlacedSpan, inner: PlacedSpan) -> bool:
        """Tell whether both name the same response; some servers give every response the same id."""
        if outer.response_key is None or outer.response_key != inner.response_key:
            return False
        own, usage = tokens_of(outer), self._usage(inner)
        agree = own is None or usage is None or is_same_usage(own, usage, apart=COUNTED_AGAIN)
        return self._is_one(outer, inner, surely=not agree)

    def _is_one(self, outer: PlacedSpan, inner: PlacedSpan, *, surely: bool = False) -> bool:
        """Tell whether the texts allow that two spans are of one call; `surely`, whether they say so."""
        if outer.silent or inner.silent:
            return not surely
        one, other = self._wording.get(outer.trace_id), self._wording.get(inner.trace_id)
        if one is None or other is None:
            self._wanted.update(id_ for id_ in (outer.trace_id, inner.trace_id) if id_ not in self._wording)
            return False
        keys = {outer.response_key, inner.response_key}
        told_apart = len(keys) > 1 and None not in keys
        return match(one, other) if surely or told_apart else not differ(one, other)

    def _usage(self, call: PlacedSpan) -> Tokens | None:
        """Return what a call, or one that it was joined to, reports as used."""
        own = tokens_of(call)
        return own or self._usages.get(self._head(call.trace_id))

    def _last(self, calls: Sequence[PlacedSpan]) -> UUID:
        return max((one.begun is not None, one.begun, one.trace_id) for one in calls)[-1]

    def _join(self, one: UUID, other: UUID, because: str) -> None:
        self._reasons.setdefault(one, because)
        self._reasons.setdefault(other, because)
        first, second = self._head(one), self._head(other)
        if first != second:
            self._heads[first] = second
            usages = (self._usages.get(head) or tokens_of(self._placed[head]) for head in (second, first))
            if usage := next((found for found in usages if found), None):
                self._usages[second] = usage

    def _head(self, call: UUID) -> UUID:
        path = []
        while call in self._heads:
            path.append(call)
            call = self._heads[call]
        for member in path:
            self._heads[member] = call
        return call

    def _groups(self) -> dict[UUID, list[UUID]]:
        groups: dict[UUID, list[UUID]] = defaultdict(list)
        for call in self._calls:
            groups[self._head(call.trace_id)].append(call.trace_id)
        return groups


def _nest(
    spans: Iterable[PlacedSpan], calls: Sequence[PlacedSpan]
) -> tuple[dict[UUID, UUID], dict[UUID, int]]:
    """Return of each call the next one around it, if any, and how many calls are around it.

    Calls of a circle, which no honest exporter sends, have none around them.
    """
    above: dict[_Id, _Id] = {
        (span.otel_trace_id, span.otel_span_id): (span.otel_trace_id, span.otel_parent_span_id)
        for span in spans
    }
    by_place: dict[_Id, UUID] = {(call.otel_trace_id, call.otel_span_id): call.trace_id for call in calls}
    nearest: dict[_Id, UUID | None] = {}
    outer: dict[UUID, UUID] = {}
    for call in calls:
        path: dict[_Id, None] = {}
        place = above[call.otel_trace_id, call.otel_span_id]
        while place in above and place not in by_place and place not in nearest and place not in path:
            path[place] = None
            place = above[place]
        found = by_place.get(place) or nearest.get(place)
        nearest |= dict.fromkeys(path, found)
        if found is not None and found != call.trace_id:
            outer[call.trace_id] = found
    return outer, _count_outer(outer, calls)


def _count_outer(outer: dict[UUID, UUID], calls: Sequence[PlacedSpan]) -> dict[UUID, int]:
    """Return the depth of each call, after taking circles apart."""
    depths: dict[UUID, int] = {}
    for call in calls:
        path: dict[UUID, None] = {}
        place: UUID | None = call.trace_id
        while place is not None and place not in depths and place not in path:
            path[place] = None
            place = outer.get(place)
        if place in path:
            climbed = list(path)
            for member in climbed[climbed.index(place) :]:
                outer.pop(member, None)
                depths[member] = 0
                del path[member]
        depth = depths[place] if place is not None else -1
        for member in reversed(path):
            depth += 1
            depths[member] = depth
    return depths
