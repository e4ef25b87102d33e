"""Pairs of calls that lie beside each other or in separate traces and may be one call.

Two instrumentations report one call when both name the same response. They also do when one span
lies within the time of the other and model, usage, prompt and response agree. Two spans of one
instrumentation are two calls. The exception is a stream, which some instrumentations report as two
spans: one for its request and one for its end.
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

__all__ = ["LONGEST_STREAM", "CallPair", "find_call_pairs", "is_end_of_stream", "is_request_of_stream"]

LONGEST_STREAM = timedelta(minutes=10)
"""How long after the answer to its request the end of a stream may be reported."""
# Clocks differ, and one span may end with the last chunk of a stream, the other with its object.
_SLACK, _LATE = timedelta(milliseconds=5), timedelta(seconds=1)
_MOST_NEIGHBOURS = 8
_MOST_LEVELS = 32

CallPair = tuple[UUID, UUID, str]


class _Timed(NamedTuple):
    begun: datetime
    ended: datetime
    call: PlacedSpan


def is_request_of_stream(call: PlacedSpan) -> bool:
    """Tell whether a span may be the request of a stream: no answer, no usage and no error."""
    return not (call.silent or call.answered or call.reports or call.failed)


def is_end_of_stream(call: PlacedSpan) -> bool:
    """Tell whether a span may be the end of a stream: it took no time and has an answer."""
    return call.lasted_ms == 0 and call.answered and not call.silent


def find_call_pairs(
    calls: Sequence[PlacedSpan],
    wording: Mapping[UUID, Wording],
    outer: Mapping[UUID, UUID],
    *,
    beside: bool,
) -> tuple[list[CallPair], set[UUID]]:
    """Return pairs of calls that may be one, the closest in time first, and ids of missing wording.

    `outer` names the call around each call; calls inside each other are no pair. Unless `beside` is
    true, only the two spans of a stream are looked for.
    """
    wanted: set[UUID] = set()
    found: list[tuple[timedelta, CallPair]] = []
    for one, other, because in _candidates(calls, beside=beside):
        first, second = one.call.trace_id, other.call.trace_id
        if because != Reason.STREAM and _lies_inside(first, second, outer):
            continue
        wording_one, wording_other = wording.get(first), wording.get(second)
        if wording_one is None or wording_other is None:
            wanted.update(id_ for id_ in (first, second) if id_ not in wording)
        elif _CHECKS[because](one, other, wording_one, wording_other):
            apart = other.begun - one.ended if because == Reason.STREAM else _apart(one, other)
            found.append((apart, (first, second, because)))
    found.sort()
    return [pair for _, pair in found], wanted


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
            if _may_be_one_response(one, other):
                yield one, other, Reason.RESPONSE
        for one, other in _overlapping(timed, _usage_of):
            if _may_be_one_moment(one, other):
                yield one, other, Reason.MOMENT
        for one, other in _overlapping(timed, _trace_of):
            if one.call.reports != other.call.reports and _may_be_one_moment(one, other):
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
    """Return pairs with one key that overlap or nearly do: each call with the few that begin next.

    Some servers give all responses one id. Unless `crowded` is true, calls with more neighbours
    than those few are therefore left out.
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
    """Return pairs of a stream's end and one of the few requests that were answered before it."""
    answered = sorted(requests, key=lambda one: (one.ended, one.call.trace_id))
    moments = [one.ended for one in answered]
    for end in ends:
        place = bisect_right(moments, end.begun + _SLACK)
        for request in answered[max(place - _MOST_NEIGHBOURS, 0) : place]:
            # The next stream may be requested within the slack after the end of this one.
            if request.begun <= end.begun <= request.ended + LONGEST_STREAM:
                yield request, end


def _may_be_one_response(one: _Timed, other: _Timed) -> bool:
    """Tell whether spans that name the same response can be one call.

    They need different instrumentations and a usage that agrees.
    """
    if one.call.scope and one.call.scope == other.call.scope:
        return False
    first, second = tokens_of(one.call), tokens_of(other.call)
    if first is None or second is None or is_same_usage(first, second):
        return True
    within = _contains(one, other) or _contains(other, one)
    return within and is_same_usage(first, second, apart=COUNTED_AGAIN)


def _may_be_one_moment(one: _Timed, other: _Timed) -> bool:
    """Tell whether spans with the same usage can be one call.

    They need different instrumentations, and owner, response, time and model have to agree.
    """
    scopes = {one.call.scope, other.call.scope}
    if len(scopes) == 1 or None in scopes:
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


def _is_one_response(one: _Timed, other: _Timed, wording_one: Wording, wording_other: Wording) -> bool:
    """Tell whether the texts of spans that name the same response allow that they are one call."""
    if differ(wording_one, wording_other):
        return False
    return is_same_model(one.call.model_name, other.call.model_name) or match(wording_one, wording_other)


def _is_one_moment(one: _Timed, other: _Timed, wording_one: Wording, wording_other: Wording) -> bool:
    """Tell whether the texts of spans at one moment show that they are one call."""
    if wording_one.service != wording_other.service:
        return False
    if one.call.silent or other.call.silent:
        # Spans without texts are one call only within one trace. Elsewhere the texts have to agree.
        return one.call.otel_trace_id == other.call.otel_trace_id and one.call.reports and other.call.reports
    return match(wording_one, wording_other)


def _is_one_stream(one: _Timed, other: _Timed, wording_one: Wording, wording_other: Wording) -> bool:
    """Tell whether a request and the end of a stream are one call."""
    same = wording_one.scope == wording_other.scope and wording_one.service == wording_other.service
    asked = wording_one._replace(response="")
    return (
        same
        and match(asked, wording_other._replace(response=""))
        and is_same_model(one.call.model_name, other.call.model_name)
    )


_CHECKS: Mapping[str, Callable[[_Timed, _Timed, Wording, Wording], bool]] = {
    Reason.RESPONSE: _is_one_response,
    Reason.MOMENT: _is_one_moment,
    Reason.STREAM: _is_one_stream,
}


def _contains(long: _Timed, short: _Timed) -> bool:
    return long.begun - _SLACK <= short.begun and short.ended <= long.ended + _SLACK


def _apart(one: _Timed, other: _Timed) -> timedelta:
    return abs(one.begun - other.begun) + abs(one.ended - other.ended)


def _lies_inside(one: UUID, other: UUID, outer: Mapping[UUID, UUID]) -> bool:
    """Tell whether one call lies in the other; beyond a limit of levels the answer is yes."""
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
