"""What rollups must say: the aggregation of all stored traces equals the sum of all rollup rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from typing import Any

import pytest

from app.figures.aggregation import aggregate
from app.storage.traces.reading import read_traces
from tests.integration.worker_rig import Rig

Figures = dict[Any, float]

_CRUMB = 1e-9
_KEY = ("source", "dimension", "value", "model", "template")
_NUMBERS = ("records", "assessed", "unsafe", "quality_count", "priced", "prompt_tokens", "completion_tokens")
_ROWS = """
SELECT source, dimension, value, model, template, records, assessed, unsafe, quality_count, quality_sum, priced,
    cost_usd, prompt_tokens, completion_tokens, measures, counts, sums, hits, bin_measures, bins, bin_counts
FROM rollups WHERE NOT covered AND project_id = 'default'
"""


async def assert_rollups_equal_rows(rig: Rig, descriptive: Collection[str] = ()) -> None:
    """Check that counts are equal, and sums of floats except for their order of adding."""
    rolled, rows = _figures(await rig.rows(_ROWS)), await _counted(rig, descriptive)
    assert rolled.keys() ^ rows.keys() == set()
    assert rolled == pytest.approx(rows, rel=1e-9, abs=1e-9)


async def _counted(rig: Rig, descriptive: Collection[str]) -> Figures:
    ids = [
        row["trace_id"] for row in await rig.rows("SELECT trace_id FROM traces WHERE project_id = 'default'")
    ]
    async with rig.engine.connect() as connection:
        traces = await read_traces(connection, "default", ids)
    deltas = aggregate(traces, descriptive)
    return _figures([{name: getattr(delta, name) for name in delta.__struct_fields__} for delta in deltas])


def _figures(rows: list[dict[str, Any]]) -> Figures:
    """Add rows up, by what they count; figures that are zero are left out."""
    sums: Counter[Any] = Counter()
    for row in rows:
        key = tuple(row[name] for name in _KEY)
        for name in _NUMBERS:
            sums[key, name] += int(row[name])
        sums[key, "cost_usd"] += row["cost_usd"]
        sums[key, "quality_sum"] += row["quality_sum"]
        for measure, count, total, hit in zip(
            row["measures"], row["counts"], row["sums"], row["hits"], strict=True
        ):
            sums[key, measure, "count"] += count
            sums[key, measure, "sum"] += total
            sums[key, measure, "hits"] += hit
        for at, bucket, count in zip(row["bin_measures"], row["bins"], row["bin_counts"], strict=True):
            sums[key, row["measures"][at - 1], "bin", int(bucket)] += count
    return {key: float(value) for key, value in sums.items() if abs(value) > _CRUMB}
