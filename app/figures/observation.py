"""From stored traces to the columns that rollups are made of: pure, and the same for every path."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from app.figures.calls import ASSESSED, UNSAFE, Calls, Places
from app.schemas.kinds import COUNTED_KINDS
from app.schemas.traces import Trace
from monitoring.bounds import MOST_MILLISECONDS, MOST_TOKENS, MOST_USD, MOST_VALUE, is_bounded
from monitoring.marks import COUNTED_AS_OTHER
from monitoring.models import Score

__all__ = ["OTHER", "observe", "other_mark"]

OTHER = "(other)"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MINUTE = timedelta(minutes=1)
_MEASURED = ("overall_quality", "safety_score", "response_time_ms", "time_to_first_token_ms")


def other_mark(dimension: str, value: str) -> str:
    """Return the mark of a trace whose name is counted under `(other)`, because too many were seen that day.

    The trace says so itself, so that what it added can be taken back exactly, whenever that is.
    """
    of = f"tag:{value}" if dimension == "tag" else dimension
    return f"{COUNTED_AS_OTHER}{of}"


def observe(traces: Sequence[Trace], descriptive: Collection[str]) -> list[Calls]:
    """Return what the traces add to every bucket of every dimension, by project; steps add nothing.

    It follows from the traces alone: thresholds and caps of the moment they were scored are written in them,
    so that what was added can be taken back exactly after both have changed.

    A number of a trace that is beyond its bound, as one may be that was stored before there were bounds, counts
    as unknown. Raises ValueError for what an evaluator measured and is negative or beyond every bound.
    """
    calls: dict[str, list[Trace]] = defaultdict(list)
    for trace in traces:
        if trace.kind in COUNTED_KINDS:
            calls[trace.project_id].append(trace)
    return [_Observing(descriptive).columns(project, found) for project, found in calls.items()]


class _Observing:
    def __init__(self, descriptive: Collection[str]) -> None:
        self._descriptive = sorted(descriptive)
        self._places = Places()
        self._parts: dict[str, dict[str, int]] = {}
        self._labels: list[tuple[int, int, int]] = []
        self._lengths: list[int] = []
        self._measures: list[int] = []
        self._values: list[float] = []
        self._hits: list[int] = []
        self._unbinned: list[int] = []

    def columns(self, project_id: str, calls: Sequence[Trace]) -> Calls:
        places = self._places
        for number, call in enumerate(calls):
            self._measure(call)
            self._labels += [
                (number, places[dimension], places[value]) for dimension, value in self._describe(call)
            ]
        _check(self._values)
        labelled, dimensions, labels = zip(*self._labels, strict=True) if self._labels else ((), (), ())
        found = Calls(
            project_id=project_id,
            names=[],
            ids=b"".join([call.trace_id.bytes for call in calls]),
            minutes=[(call.occurred_at - _EPOCH) // _MINUTE for call in calls],
            **self._named(calls),
            verdicts=[_verdict(call) for call in calls],
            qualities=[_quality(call) for call in calls],
            costs=[_cost(call) for call in calls],
            prompt_tokens=[_tokens(call.prompt_tokens) for call in calls],
            completion_tokens=[_tokens(call.completion_tokens) for call in calls],
            labelled=list(labelled),
            dimensions=list(dimensions),
            labels=list(labels),
            lengths=self._lengths,
            measures=self._measures,
            values=self._values,
            hits=self._hits,
            unbinned=self._unbinned,
        )
        found.names.extend(places)
        return found

    def _named(self, calls: Sequence[Trace]) -> dict[str, list[int]]:
        """Return the columns of names, as places in the list of all names."""
        places = self._places
        return {
            "sources": [places[call.source] for call in calls],
            "models": [places[_name(call, "model", call.model_name)] for call in calls],
            "templates": [places[_name(call, "template", call.template_id)] for call in calls],
            "users": [places[_name(call, "user", call.user_id)] if call.user_id else -1 for call in calls],
            "sessions": [
                places[_name(call, "session", call.session_id)] if call.session_id else -1 for call in calls
            ],
        }

    def _describe(self, call: Trace) -> Iterator[tuple[str, str]]:
        """Return what a call is counted under besides its names: tags, flags, and labels."""
        for tag in dict.fromkeys(_name(call, "tag", tag) for tag in call.tags):
            yield "tag", tag
        for flag in call.flags:
            yield "flag", flag
        for evaluator in self._descriptive:
            result = call.scores.get(evaluator)
            if isinstance(result, Score):
                yield evaluator, result.label

    def _measure(self, call: Trace) -> None:
        places, measures, values = self._places, self._measures, self._values
        begun = len(measures)
        for evaluator, result in call.scores.items():
            if not isinstance(result, Score):
                continue
            if result.value is not None:
                if evaluator in call.hits:
                    self._hits.append(len(measures))
                measures.append(places[evaluator])
                values.append(result.value)
            if result.parts:
                measures += self._part_places(evaluator, result.parts)
                values += result.parts.values()
        for measure in _MEASURED:
            value = getattr(call, measure)
            if value is not None and 0 <= value <= MOST_MILLISECONDS:
                measures.append(places[measure])
                values.append(value)
        if (cost := _cost(call)) is not None:
            measures.append(places["cost_usd"])
            values.append(float(cost))
        for flag in call.flags:
            self._hits.append(len(measures))
            self._unbinned.append(len(measures))
            measures.append(places[f"flag:{flag}"])
            values.append(1.0)
        self._lengths.append(len(measures) - begun)

    def _part_places(self, evaluator: str, parts: Collection[str]) -> list[int]:
        known = self._parts.setdefault(evaluator, {})
        if not all(part in known for part in parts):
            known.update({part: self._places[f"{evaluator}.{part}"] for part in parts})
        return [known[part] for part in parts]


def _check(values: Sequence[float]) -> None:
    # A sum alone tells NaN, which no comparison does.
    if values and not (min(values) >= 0 and max(values) <= MOST_VALUE and math.isfinite(sum(values))):
        raise ValueError(
            f"what an evaluator measures is a finite number of zero or more, {MOST_VALUE:g} at most"
        )


def _verdict(call: Trace) -> int:
    return ASSESSED * (call.safety_score is not None) + UNSAFE * (call.is_safe is False)


def _quality(call: Trace) -> float | None:
    quality = call.overall_quality
    return quality if quality is not None and 0 <= quality <= MOST_VALUE else None


def _cost(call: Trace) -> Decimal | None:
    cost = call.cost_usd
    return cost if cost is not None and is_bounded(cost, MOST_USD) else None


def _tokens(count: int | None) -> int:
    return count if count is not None and is_bounded(count, MOST_TOKENS) else 0


def _name(call: Trace, dimension: str, value: str | None) -> str:
    if call.marks and value and other_mark(dimension, value) in call.marks:
        return OTHER
    return value or ""
