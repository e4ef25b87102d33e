"""How many of a bounded number of calls hold evidence of each kind, and in each field."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from sqlalchemy import ARRAY, Text, bindparam, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.storage.tables import traces
from app.storage.traces.sampling import Sample

__all__ = ["EvidenceCounts", "read_evidence_counts"]

# The kind is the first word of the reason: the type of personal data, for instance.
_SELECTED = (
    "given.value ->> 'field' AS field, split_part(given.value ->> 'reason', ' ', 1) AS kind, "
    "count(DISTINCT trace_id) AS number"
)
_SOURCE = (
    "chosen, unnest(CAST(:evaluators AS text[])) AS evaluator, "
    "LATERAL json_array_elements(json_extract_path(scores, evaluator, 'evidence')) AS given "
    "GROUP BY GROUPING SETS ((given.value ->> 'field'), (split_part(given.value ->> 'reason', ' ', 1)))"
)


class EvidenceCounts(msgspec.Struct, frozen=True):
    """The number of calls by field of the evidence, and by its kind; the most frequent first."""

    fields: dict[str, int]
    kinds: dict[str, int]


async def read_evidence_counts(
    connection: AsyncConnection, sample: Sample, evaluators: Sequence[str]
) -> EvidenceCounts:
    """Count the sampled calls by the evidence that some evaluators gave."""
    read = sample.calls(traces.c.trace_id, traces.c.scores).cte("chosen")
    source = text(_SOURCE).bindparams(bindparam("evaluators", [*evaluators], ARRAY(Text)))
    rows = (await connection.execute(select(text(_SELECTED)).select_from(source).add_cte(read))).all()
    ranked = sorted(rows, key=lambda row: (-row.number, row.field or row.kind))
    return EvidenceCounts(
        fields={row.field: row.number for row in ranked if row.field is not None},
        kinds={row.kind: row.number for row in ranked if row.kind is not None},
    )
