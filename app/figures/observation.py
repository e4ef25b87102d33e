"""From stored traces to the columns that rollups are made of.

It is pure, and the same wherever traces are added to rollups or taken out of them.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from app.figures.calls import ASSESSED, UNSAFE, Calls, Places
from app.schemas.kinds import COUNTED_KINDS
from app.schemas.traces import Trace
from monitoring.behaviour import COUNTED_BY_MODEL
from monitoring.bounds import MOST_MILLISECONDS, MOST_TOKENS, MOST_USD, MOST_VALUE, is_bounded
from monitoring.marks import COUNTED_AS_OTHER
from monitoring.models import Score
from monitoring.overall_quality import NAME as OVERALL_QUALITY

__all__ = ["ERROR", "LABEL_PREFIX", "OTHER", "RESPONSE_TOKENS", "observe", "other_mark"]

OTHER = "(other)"
ERROR = "error"
"""The measure that counts calls that ended with an error."""
RESPONSE_TOKENS = "completion_tokens"
"""The measure of the length of responses, with a histogram."""
LABEL_PREFIX = "label:"
"""What begins the name of a measure that counts the calls with a label of an evaluator."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MINUTE = timedelta(minutes=1)
_MEASURED = (OVERALL_QUALITY, "safety_score", "response_time_ms", "time_to_first_token_ms")


def other_mark(dimension: str, value: str) -> str:
    """Return the mark of a trace whose name is counted under `(other)`, because a day had too many.

    The mark is stored in the trace, so that its figures can be taken out exactly at any later time.
    """
    of = f"tag:{value}" if dimension == "tag" else dimension
    return f"{COUNTED_AS_OTHER}{of}"


def observe(traces: Sequence[Trace], descriptive: Collection[str]) -> list[Calls]:
    """Return what the traces add to every bucket of every dimension, by project. Steps add nothing.

    The result depends only on the traces. They hold the thresholds and caps of the moment when they
    were scored. So their figures can be taken out exactly after both have changed.

    A number of a trace that is beyond its bound counts as unknown. Traces from before there were
    bounds may hold one. Raises ValueError for an evaluator's measurement that is negative or beyond
    every bound.
    """
    calls: dict[str, list[Trace]] = defaultdict(list)
    for trace in traces:
        if trace.kind in COUNTED_KINDS:
            calls[trace.project_id].append(trace)
    return [_Observing(descriptive).columns(project, found) for project, found in calls.items()]


class _Observing:
    def __init__(self, descriptive: Collection[str]) -> None:
        self._descriptive = sorted(set(descriptive) - set(COUNTED_BY_MODEL))
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
        """Return the values of tags, flags and labels under which a call is counted too."""
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
            # What overall_quality is made of explains one record; its value is measured below.
            if not isinstance(result, Score) or evaluator == OVERALL_QUALITY:
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
        self._observe_response(call)
        self._count_marks(call)
        self._lengths.append(len(measures) - begun)

    def _observe_response(self, call: Trace) -> None:
        """Add the length and the labels of a response; those of old traces were never added."""
        found = [(name, call.scores.get(name)) for name in COUNTED_BY_MODEL]
        labels = [f"{LABEL_PREFIX}{name}:{one.label}" for name, one in found if isinstance(one, Score)]
        if not labels:
            return
        if call.completion_tokens is not None and is_bounded(call.completion_tokens, MOST_TOKENS):
            self._measures.append(self._places[RESPONSE_TOKENS])
            self._values.append(float(call.completion_tokens))
        for label in labels:
            self._count(label)

    def _count_marks(self, call: Trace) -> None:
        for flag in call.flags:
            self._hits.append(len(self._measures))
            self._count(f"flag:{flag}")
        if call.error:
            self._count(ERROR)

    def _count(self, measure: str) -> None:
        self._unbinned.append(len(self._measures))
        self._measures.append(self._places[measure])
        self._values.append(1.0)

    def _part_places(self, evaluator: str, parts: Collection[str]) -> list[int]:
        known = self._parts.setdefault(evaluator, {})
        if not all(part in known for part in parts):
            known.update({part: self._places[f"{evaluator}.{part}"] for part in parts})
        return [known[part] for part in parts]


def _check(values: Sequence[float]) -> None:
    # Only a sum reveals NaN; no comparison does.
    if values and not (min(values) >= 0 and max(values) <= MOST_VALUE and math.isfinite(sum(values))):
        raise ValueError(f"a measurement of an evaluator must be a finite number from zero to {MOST_VALUE:g}")


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
