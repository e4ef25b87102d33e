"""Spans beside each other, or of separate traces, that tell of one call.

Two instrumentations tell of one call when both name its response, or when one tells of it within the time of the
other with the same model, usage, prompt and response; never two spans of one instrumentation, because those are two
calls. Alone the request and the end of a stream, which some tell as two spans of the same instrumentation, are one.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from app.schemas.spans import PlacedSpan, Reason, Wording
from workers.spans.likeness import COUNTED_AGAIN, differ, is_same_model, is_same_usage, match, tokens_of

__all__ = ["LONGEST_STREAM", "Twins", "find_twins", "is_end_of_stream", "is_request_of_stream"]

LONGEST_STREAM = timedelta(minutes=10)
"""How long after its request was answered the end of a stream may be told."""
# Two clocks, and a span that ends with the last piece of a stream beside one that ends with its object.
_SLACK, _LATE = timedelta(milliseconds=5), timedelta(seconds=1)
_MOST_NEIGHBOURS = 8
_MOST_LEVELS = 32

Twins = tuple[UUID, UUID, str]


class _Timed(NamedTuple):
    begun: datetime
    ended: datetime
    call: PlacedSpan


def is_request_of_stream(call: PlacedSpan) -> bool:
    """Tell whether a span may be the request of a stream: it asked, and tells of no answer, usage or error."""
    return not (call.silent or call.answered or call.reports or call.failed)


def is_end_of_stream(call: PlacedSpan) -> bool:
    """Tell whether a span may be the end of a stream: it took no time and has an answer."""
    return call.lasted_ms == 0 and call.answered and not call.silent


def find_twins(
    calls: Sequence[PlacedSpan],
    wording: Mapping[UUID, Wording],
    outer: Mapping[UUID, UUID],
    *,
    beside: bool,
) -> tuple[list[Twins], set[UUID]]:
    """Return pairs of calls that may be one, the closest in time first, and whose wording is missing to say so.

    `outer` names the call around each one: calls inside each other are no twins. Without `beside` only streams are
    looked for.
    """
    wanted: set[UUID] = set()
    found: list[tuple[timedelta, Twins]] = []
    for one, other, because in _candidates(calls, beside=beside):
        first, second = one.call.trace_id, other.call.trace_id
        if because != Reason.STREAM and _lies_inside(first, second, outer):
            continue
        said, too = wording.get(first), wording.get(second)
        if said is None or too is None:
            wanted.update(id_ for id_ in (first, second) if id_ not in wording)
        elif _CHECKS[because](one, other, said, too):
            apart = other.begun - one.ended if because == Reason.STREAM else _apart(one, other)
            found.append((apart, (first, second, because)))
    found.sort()
    return [twins for _, twins in found], wanted


def _candidates(calls: Sequence[PlacedSpan], *, beside: bool) -> Iterator[tuple[_Timed, _Timed, str]]:
    timed = sorted(
        (
            _Timed(call.begun, call.begun + timedelta(milliseconds=call.lasted_ms or 0), call)
            for call in calls
            if call.begun
        ),
        key=lambda one: (one.begun, one.call.trace_id),
    )
    if beside:
        for one, other in _overlapping(timed, _response_of, crowded=False):
            if _used_as_one(one, other):
                yield one, other, Reason.RESPONSE
        for one, other in _overlapping(timed, _usage_of):
            if _at_one_moment(one, other):
                yield one, other, Reason.MOMENT
        for one, other in _overlapping(timed, _trace_of):
            if one.call.reports != other.call.reports and _at_one_moment(one, other):
                yield one, other, Reason.MOMENT
    requests = [one for one in timed if is_request_of_stream(one.call)]
    ends = [one for one in timed if is_end_of_stream(one.call)] if requests else []
    yield from ((one, other, Reason.STREAM) for one, other in _following(requests, ends))


def _response_of(call: PlacedSpan) -> Hashable:
    return call.response_key


def _usage_of(call: PlacedSpan) -> Hashable:
    return (call.prompt_tokens, call.completion_tokens) if call.reports else False


def _trace_of(call: PlacedSpan) -> Hashable:
    return call.otel_trace_id


def _overlapping(
    timed: Sequence[_Timed], key: Callable[[PlacedSpan], Hashable], *, crowded: bool = True
) -> Iterator[tuple[_Timed, _Timed]]:
    """Return pairs of one key that overlap or nearly do, of each call with the few that began next.

    Unless it may be `crowded`, nothing is returned of a call with more neighbours than that: servers that give every
    response one id tell none apart by it.
    """
    groups: dict[Hashable, list[_Timed]] = defaultdict(list)
    for one in timed:
        if (value := key(one.call)) is not None:
            groups[value].append(one)
    for group in groups.values():
        for place, one in enumerate(group):
            reach = one.ended + _LATE
            if (
                not crowded
                and len(group) > (end := place + 1 + _MOST_NEIGHBOURS)
                and group[end].begun <= reach
            ):
                continue
            for other in group[place + 1 : place + 1 + _MOST_NEIGHBOURS]:
                if other.begun > reach:
                    break
                yield one, other


def _following(requests: Sequence[_Timed], ends: Sequence[_Timed]) -> Iterator[tuple[_Timed, _Timed]]:
    """Return pairs of a request and an end of a stream after it, of each end with the few requests next before it."""
    answered = sorted(requests, key=lambda one: (one.ended, one.call.trace_id))
    moments = [one.ended for one in answered]
    for end in ends:
        place = bisect_right(moments, end.begun + _SLACK)
        for request in answered[max(place - _MOST_NEIGHBOURS, 0) : place]:
            # The next stream may be asked for within the slack after this one's end.
            if request.begun <= end.begun <= request.ended + LONGEST_STREAM:
                yield request, end


def _used_as_one(one: _Timed, other: _Timed) -> bool:
    """Tell whether teller and usage allow that spans which name the same response are of one call."""
    if one.call.scope and one.call.scope == other.call.scope:
        return False
    first, second = tokens_of(one.call), tokens_of(other.call)
    if first is None or second is None or is_same_usage(first, second):
        return True
    within = _contains(one, other) or _contains(other, one)
    return within and is_same_usage(first, second, apart=COUNTED_AGAIN)


def _at_one_moment(one: _Timed, other: _Timed) -> bool:
    """Tell whether tellers, owners, response, time and model allow that spans of the same usage are of one call."""
    tellers = {one.call.scope, other.call.scope}
    if len(tellers) == 1 or None in tellers:
        return False
    for mine, other_one in (
        (one.call.user_id, other.call.user_id),
        (one.call.session_id, other.call.session_id),
    ):
        if mine and other_one and mine != other_one:
            return False
    if one.call.response_key and other.call.response_key and one.call.response_key != other.call.response_key:
        return False
    if not (_contains(one, other) or _contains(other, one)):
        return False
    return is_same_model(one.call.model_name, other.call.model_name)


def _tell_one_response(one: _Timed, other: _Timed, said: Wording, too: Wording) -> bool:
    """Tell whether spans that name the same response, with a usage that allows it, are of one call."""
    if differ(said, too):
        return False
    return is_same_model(one.call.model_name, other.call.model_name) or match(said, too)


def _tell_one_moment(one: _Timed, other: _Timed, said: Wording, too: Wording) -> bool:
    """Tell whether spans at one moment are of one call."""
    if said.service != too.service:
        return False
    if one.call.silent or other.call.silent:
        # Within a trace a span without texts may be of the call beside it; elsewhere texts have to say so.
        return one.call.otel_trace_id == other.call.otel_trace_id and one.call.reports and other.call.reports
    return match(said, too)


def _tell_one_stream(one: _Timed, other: _Timed, said: Wording, too: Wording) -> bool:
    """Tell whether a request and the end of a stream are of one call."""
    same = said.scope == too.scope and said.service == too.service
    asked = said._replace(response="")
    return (
        same
        and match(asked, too._replace(response=""))
        and is_same_model(one.call.model_name, other.call.model_name)
    )


_CHECKS: Mapping[str, Callable[[_Timed, _Timed, Wording, Wording], bool]] = {
    Reason.RESPONSE: _tell_one_response,
    Reason.MOMENT: _tell_one_moment,
    Reason.STREAM: _tell_one_stream,
}


def _contains(long: _Timed, short: _Timed) -> bool:
    return long.begun - _SLACK <= short.begun and short.ended <= long.ended + _SLACK


def _apart(one: _Timed, other: _Timed) -> timedelta:
    return abs(one.begun - other.begun) + abs(one.ended - other.ended)


def _lies_inside(one: UUID, other: UUID, outer: Mapping[UUID, UUID]) -> bool:
    """Tell whether one call lies in the other, and also where that is too far to look."""
    for inner, sought in ((one, other), (other, one)):
        place: UUID | None = inner
        for _ in range(_MOST_LEVELS):
            place = outer.get(place) if place else None
            if place is None:
                break
            if place == sought:
                return True
        else:
            return True
    return False
