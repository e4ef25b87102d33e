"""Capping the names that clients invent, so that rollups stay small whatever is sent."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from datetime import date

from app.schemas.traces import Trace
from app.storage.engine import Engine
from app.storage.observed_values import admit_values

__all__ = ["CAPS", "OTHER", "Naming"]

OTHER = "(other)"
# Distinct values per project and day that get rollup rows of their own.
CAPS = {"model": 500, "template": 2_000, "tag": 1_000, "user": 10_000, "session": 10_000}
_REMEMBERED = 200_000

_Known = tuple[str, date, str, str]


class Naming:
    """Remembers which names were admitted, and asks Postgres only about new ones."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._admitted: dict[_Known, bool] = {}

    async def names(self, traces: Sequence[Trace]) -> Callable[[str, str], str]:
        """Return the function that maps (dimension, value) of these traces to the counted name."""
        if not traces:
            return lambda _dimension, value: value
        if len(self._admitted) > _REMEMBERED:
            self._admitted.clear()
        project_id = traces[0].project_id
        # The day of counting, not of the call: a flood of back-dated records has no cap of its own.
        day = max(trace.trace_id.int >> 80 for trace in traces) // 86_400_000
        today = date.fromordinal(date(1970, 1, 1).toordinal() + day)
        unknown: dict[str, set[str]] = defaultdict(set)
        for dimension, value in _supplied(traces):
            if (project_id, today, dimension, value) not in self._admitted:
                unknown[dimension].add(value)
        if unknown:
            await self._register(project_id, today, unknown)

        def name(dimension: str, value: str) -> str:
            admitted = self._admitted.get((project_id, today, dimension, value), True)
            return value if admitted else OTHER

        return name

    async def _register(self, project_id: str, day: date, unknown: dict[str, set[str]]) -> None:
        async with self._engine.begin() as connection:
            for dimension, values in sorted(unknown.items()):
                admitted = await admit_values(connection, project_id, day, dimension, values, CAPS[dimension])
                for value in values:
                    self._admitted[project_id, day, dimension, value] = value in admitted


def _supplied(traces: Sequence[Trace]) -> Iterator[tuple[str, str]]:
    for trace in traces:
        yield "model", trace.model_name
        if trace.template_id:
            yield "template", trace.template_id
        if trace.user_id:
            yield "user", trace.user_id
        if trace.session_id:
            yield "session", trace.session_id
        for tag in trace.tags:
            yield "tag", tag
