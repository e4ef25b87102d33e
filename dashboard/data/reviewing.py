"""What the page Review asks of the API and of Postgres."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, NamedTuple
from uuid import UUID

import numpy as np

from app.filters import Filter
from app.filters.conditions import Comparison, Operator, Or
from app.policies import EvaluatorPolicy, PolicyReport, read_policy
from app.review.queue import queue_of
from app.schemas.labels import ReviewProgress
from app.schemas.projects import ProjectSettings
from app.schemas.traces import Trace
from app.storage.access.projects import read_settings
from app.storage.engine import Connection
from app.storage.traces.labels import read_labelled_values
from app.storage.traces.reading import read_trace
from app.storage.traces.reviewing import MOST_COUNTED, read_progress
from app.storage.traces.sampling import take_sample
from app.storage.traces.score_values import MOST_PREVIEWED, read_values
from dashboard.data.review import MOST_IN_HAND, Entry, Hand
from dashboard.data.shared import Shared
from dashboard.data.sources import Sources
from dashboard.data.view import View
from monitoring.statistics.thresholds import ThresholdEffects, find_effects

__all__ = ["Effects", "Reviewing", "raiser_of"]

# Dismissed flags were raised too, and were looked at.
_DISMISSED = Comparison("dismissed_flag", Operator.EXISTS)
_MORE = 10
_SHARED_SECONDS = 3.0
_DAY, _REMEMBERED = timedelta(days=1), timedelta(days=30)
_NOTHING = np.zeros(0)


class Effects(NamedTuple):
    """What thresholds of an evaluator would do to the calls of the last day."""

    evaluator: str
    policy: EvaluatorPolicy
    of: ThresholdEffects


class Reviewing:
    """Claims calls, gives labels and sets thresholds, as the person who is signed in."""

    def __init__(self, sources: Sources) -> None:
        self._queries = sources.queries
        self._changes = sources.changes
        self._effects: Shared[Effects | None] = Shared(_SHARED_SECONDS)

    async def claim(self, view: View, hand: Hand, reviewer: str) -> Hand:
        """Return the hand with more calls that wait; raises what `Changes.send` raises."""
        limit = min(hand.waiting + _MORE, MOST_IN_HAND)
        asked: dict[str, Any] = {"reviewer": reviewer, "limit": limit, "source": view.source}
        window = view.window(self._queries.clock())
        asked |= {"from": window.start.isoformat(), "to": window.end.isoformat()}
        if view.filter:
            asked["filter"] = view.filter
        found = await self._changes.send("GET", "/review/next", view.project_id, params=asked)
        return hand.take([(UUID(one["trace_id"]), one["flags"]) for one in found["traces"]])

    async def label(self, view: View, entry: Entry, **said: Any) -> UUID:
        """Give a label, and return its id; raises what `Changes.send` raises."""
        path = f"/traces/{entry.trace_id}/labels"
        return UUID((await self._changes.send("POST", path, view.project_id, json=said))["label_id"])

    async def take_back(self, view: View, trace_id: UUID, label_id: UUID) -> None:
        """Take a label back; raises what `Changes.send` raises."""
        await self._changes.send("DELETE", f"/traces/{trace_id}/labels/{label_id}", view.project_id)

    async def set_threshold(self, view: View, evaluator: str, threshold: float) -> None:
        """Set a threshold of the project; raises what `Changes.send` raises."""
        body = {"thresholds": {evaluator: threshold}}
        await self._changes.send("PATCH", "/policy", view.project_id, json=body)

    async def progress(self, view: View) -> ReviewProgress:
        """Return how many of the calls of a view were looked at; raises as `Queries.read`."""
        chosen = view.chosen(self._queries.clock(), self._queries.privacy)
        judges = await self._queries.judges()

        async def read(connection: Connection) -> ReviewProgress:
            asked = chosen
            if not view.filter:
                settings = await read_settings(connection, view.project_id) or ProjectSettings()
                asked = chosen._replace(filter=_either(queue_of(settings, judges)))
            return await read_progress(connection, await take_sample(connection, asked, MOST_COUNTED))

        return await self._queries.read(view.project_id, read)

    async def trace(self, view: View, trace_id: UUID) -> tuple[Trace | None, PolicyReport | None]:
        """Return a call and the policy of its project; raises as `Queries.read`."""
        judges = await self._queries.judges()

        async def read(connection: Connection) -> tuple[Trace | None, PolicyReport | None]:
            trace = await read_trace(connection, view.project_id, trace_id)
            known = trace is not None and judges
            return trace, await read_policy(connection, view.project_id, judges) if known else None

        return await self._queries.read(view.project_id, read)

    async def effects(self, view: View, evaluator: str) -> Effects | None:
        """Return what other thresholds of an evaluator would do, as it was a moment ago.

        The result is None for an evaluator without a threshold. Raises as `Queries.read`.
        """
        key = view.project_id, view.source, evaluator
        return await self._effects.get(key, lambda: self._read_effects(view, evaluator))

    async def _read_effects(self, view: View, evaluator: str) -> Effects | None:
        now, judges = self._queries.clock(), await self._queries.judges()

        async def read(connection: Connection) -> Effects | None:
            policies = (await read_policy(connection, view.project_id, judges)).evaluators
            policy = policies.get(evaluator)
            if policy is None or policy.threshold is None:
                return None
            values = await read_values(
                connection, view.project_id, now - _DAY, [evaluator], view.source, MOST_PREVIEWED
            )
            flag = policy.flag or evaluator
            labelled = await read_labelled_values(
                connection, view.project_id, evaluator, flag, now - _REMEMBERED
            )
            of = find_effects(
                values.get(evaluator, _NOTHING),
                labelled.get("true_alarm", _NOTHING),
                labelled.get("false_alarm", _NOTHING),
            )
            return Effects(evaluator, policy, of)

        return await self._queries.read(view.project_id, read)


def _either(queue: Filter) -> Filter:
    return Filter(_DISMISSED if queue.condition is None else Or((queue.condition, _DISMISSED)))


def raiser_of(trace: Trace, flag: str | None, policy: PolicyReport | None) -> str | None:
    """Return the evaluator that raised a flag of a call, None if no known one did."""
    if policy is None or flag is None:
        return None
    raisers = (name for name, one in policy.evaluators.items() if one.flag == flag)
    return next((name for name in raisers if name in trace.hits), None)
