"""The latest flagged calls with their texts, the places of their evidence, and what was found."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final
from uuid import UUID

import msgspec

from app.errors import InvalidParameter
from app.filters.conditions import Comparison, Operator
from app.filters.filter import Filter
from app.filters.parameters import filter_of
from app.schemas.listed import Filters
from app.schemas.traces import Trace
from app.storage.engine import Connection
from app.storage.traces.evidence_counts import EvidenceCounts, read_evidence_counts
from app.storage.traces.labels import read_verdicts
from app.storage.traces.reading import read_page, read_traces
from app.storage.traces.sampling import Chosen, Sample, take_sample
from monitoring.models import SafetyFlag

__all__ = ["Findings", "flagged", "read_findings"]

# More of them would be read from all over the disk, and one rare flag from all rows of the window.
_MOST_COUNTED: Final = 5_000


class Findings(msgspec.Struct, frozen=True, kw_only=True):
    """Flagged calls, the newest first, and what the evidence of the newest five thousand says.

    `verdicts` says by call and flag what people decided. `personal_data` counts calls by the type
    of personal data, and `injections` by the field that holds the injected instructions. `refused`
    says why calls could not be listed, otherwise None.
    """

    calls: tuple[Trace, ...] = ()
    verdicts: Mapping[UUID, Mapping[str, str]] = {}
    personal_data: dict[str, int]
    injections: dict[str, int]
    refused: str | None = None


def flagged(flag: str | None) -> Filter:
    """Return the filter of calls with a flag, or with any."""
    if flag is None:
        return Filter(Comparison("is_safe", Operator.IN, (False,)))
    return Filter(Comparison("flag", Operator.IN, (flag,)))


async def read_findings(
    connection: Connection,
    chosen: Chosen,
    *,
    flag: str | None,
    raisers: Mapping[str, Collection[str]],
    limit: int,
) -> Findings:
    """Read the newest flagged calls among the chosen ones, with this flag if it is given.

    `raisers` are the evaluators that raise each flag.
    """
    newest = await take_sample(
        connection, chosen._replace(filter=chosen.filter & flagged(None)), _MOST_COUNTED
    )
    personal = await _counted(connection, newest, SafetyFlag.PII_LEAK, raisers)
    injected = await _counted(connection, newest, SafetyFlag.PROMPT_INJECTION, raisers)
    window = Filters(source=chosen.source, start=chosen.window.start, end=chosen.window.end)
    condition = filter_of(window) & chosen.filter & flagged(flag)
    try:
        listed = await read_page(connection, chosen.project_id, condition, limit=limit)
    except InvalidParameter as error:
        return Findings(personal_data=personal.kinds, injections=injected.fields, refused=error.detail)
    ids = [one.trace_id for one in listed]
    traces = await read_traces(connection, chosen.project_id, ids)
    return Findings(
        calls=tuple(sorted(traces, key=lambda one: one.trace_id, reverse=True)),
        verdicts=await read_verdicts(connection, chosen.project_id, ids) if ids else {},
        personal_data=personal.kinds,
        injections=injected.fields,
    )


async def _counted(
    connection: Connection, newest: Sample, flag: str, raisers: Mapping[str, Collection[str]]
) -> EvidenceCounts:
    of_flag = newest.chosen._replace(filter=newest.chosen.filter & flagged(flag))
    sample = newest._replace(chosen=of_flag)
    return await read_evidence_counts(connection, sample, sorted(raisers.get(flag, (flag,))))
