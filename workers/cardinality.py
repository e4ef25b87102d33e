"""Capping the names that clients invent, so that rollups stay small whatever is sent."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator, Sequence
from datetime import date
from functools import lru_cache

import msgspec

from app.figures.observation import other_mark
from app.schemas.traces import Trace
from app.storage.engine import Engine
from app.storage.rollups.observed_values import admit_values

__all__ = ["CAPS", "CardinalityCaps"]

# Distinct values per project and day that get rollup rows of their own.
CAPS = {
    "model": 500,
    "template": 2_000,
    "tag": 1_000,
    "user": 10_000,
    "session": 10_000,
    "template of model": 5_000,
}
_REMEMBERED = 200_000

# Templates and flags are counted per model: without a cap of its own, the product of two caps is a million rows an hour.
_TEMPLATE_OF_MODEL = "template of model"

_Pair = tuple[str, str]  # a dimension and a value
_Known = tuple[str, date, str, str]


class CardinalityCaps:
    """Remembers which names were admitted, and asks Postgres only about new ones."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._admitted: dict[_Known, bool] = {}

    async def mark(self, traces: Sequence[Trace]) -> list[Trace]:
        """Return the traces of one project, those marked whose names count under `(other)`."""
        if not traces:
            return []
        if len(self._admitted) > _REMEMBERED:
            self._admitted.clear()
        project_id = traces[0].project_id
        # The day of counting, not of the call: a flood of back-dated records has no cap of its own.
        day = max(trace.trace_id.int >> 80 for trace in traces) // 86_400_000
        today = date.fromordinal(date(1970, 1, 1).toordinal() + day)
        names = {pair for trace in traces for pair in _supplied(trace)}
        known = {pair: self._admitted.get((project_id, today, *pair)) for pair in names}
        unknown = [pair for pair, admitted in known.items() if admitted is None]
        if unknown:
            known |= await self._register(project_id, today, unknown)
        refused = {pair for pair, admitted in known.items() if not admitted}
        return [_marked(trace, refused) for trace in traces] if refused else list(traces)

    async def _register(self, project_id: str, day: date, names: Sequence[_Pair]) -> dict[_Pair, bool]:
        found: dict[_Pair, bool] = {}
        async with self._engine.begin() as connection:
            for dimension in sorted({dimension for dimension, _ in names}):
                values = {value for of, value in names if of == dimension}
                admitted = await admit_values(connection, project_id, day, dimension, values, CAPS[dimension])
                found |= {(dimension, value): value in admitted for value in values}
        self._admitted |= {(project_id, day, *pair): admitted for pair, admitted in found.items()}
        return found


def _marked(trace: Trace, refused: Collection[_Pair]) -> Trace:
    others = tuple(
        dict.fromkeys(
            other_mark("template" if of == _TEMPLATE_OF_MODEL else of, value)
            for of, value in _supplied(trace)
            if (of, value) in refused
        )
    )
    return msgspec.structs.replace(trace, marks=(*trace.marks, *others)) if others else trace


def _supplied(trace: Trace) -> Iterator[_Pair]:
    yield "model", trace.model_name
    if trace.template_id:
        yield "template", trace.template_id
        yield _TEMPLATE_OF_MODEL, _pair(trace.template_id, trace.model_name)
    if trace.user_id:
        yield "user", trace.user_id
    if trace.session_id:
        yield "session", trace.session_id
    for tag in dict.fromkeys(trace.tags):
        yield "tag", tag


@lru_cache(maxsize=8_192)
def _pair(template: str, model: str) -> str:
    """Return one short name for a template and a model, which may both be long."""
    return hashlib.blake2b(msgspec.json.encode((template, model)), digest_size=16).hexdigest()
