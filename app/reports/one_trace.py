"""Everything that is stored about one trace: texts, scores, opinions, and what stands around it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import NamedTuple
from uuid import UUID

from app.schemas.catalogue import Judge
from app.schemas.feedback import Feedback
from app.schemas.labels import Label
from app.schemas.listed import GivenScore, Restating, TreeNode
from app.schemas.traces import Trace
from app.storage.access.projects import read_settings
from app.storage.engine import Connection
from app.storage.traces.feedback import read_feedback
from app.storage.traces.labels import read_labels
from app.storage.traces.late_scores import read_scores
from app.storage.traces.reading import read_restating, read_trace, read_tree

__all__ = ["OneTrace", "read_one_trace"]


class OneTrace(NamedTuple):
    """A trace with its spans, opinions of people, spans that restate it, and given scores.

    `thresholds` holds those of today, by evaluator, and `labels` those of people, the newest first.
    """

    trace: Trace
    nodes: tuple[TreeNode, ...] = ()
    opinions: tuple[Feedback, ...] = ()
    restating: tuple[Restating, ...] = ()
    given: tuple[GivenScore, ...] = ()
    thresholds: Mapping[str, float] = MappingProxyType({})
    labels: tuple[Label, ...] = ()


async def read_one_trace(
    connection: Connection, project_id: str, trace_id: UUID, judges: Iterable[Judge], *, most_spans: int
) -> OneTrace | None:
    """Return all that is known about a trace, None if it is not stored.

    At most `most_spans` spans of its OpenTelemetry trace are read.
    """
    trace = await read_trace(connection, project_id, trace_id)
    if trace is None:
        return None
    nodes = await read_tree(connection, project_id, trace_id, limit=most_spans) if trace.otel_trace_id else []
    settings = await read_settings(connection, project_id)
    known = {judge.name: judge.threshold for judge in judges if judge.threshold is not None}
    return OneTrace(
        trace=trace,
        nodes=tuple(nodes),
        opinions=tuple(await read_feedback(connection, project_id, trace_id)),
        restating=tuple(await read_restating(connection, project_id, trace_id)),
        given=tuple(await read_scores(connection, project_id, trace_id)),
        thresholds={**known, **(settings.policy.thresholds if settings else {})},
        labels=tuple(await read_labels(connection, project_id, trace_id)),
    )
