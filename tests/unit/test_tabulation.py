from __future__ import annotations

import random
from collections.abc import Iterable, Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from app.figures.tabulation import Extent, Observations, Table
from monitoring.statistics.histogram import ZERO_BUCKET, bucket_of

EVERYTHING = Extent(sums=lambda _: True, histogram=lambda _: True)


def observe(*records: dict[str, float], flags: tuple[str, ...] = ()) -> Observations:
    names = list(dict.fromkeys(name for record in records for name in record))
    every = [(name, value) for record in records for name, value in record.items()]
    return Observations(
        names=names,
        lengths=numbers(len(record) for record in records),
        measures=numbers(names.index(name) for name, _ in every),
        values=np.array([value for _, value in every]),
        hits=numbers(at for at, (_, value) in enumerate(every) if value >= 0.5),
        unbinned=numbers(at for at, (name, _) in enumerate(every) if name in flags),
    )


def tabulate(observations: Observations, groups: Sequence[Sequence[int]]) -> list[Table]:
    owners = numbers(number for number, rows in enumerate(groups) for _ in rows)
    records = numbers(row for rows in groups for row in rows)
    return observations.tabulate(owners, records, [EVERYTHING] * len(groups))


def numbers(values: Iterable[int]) -> NDArray[np.int64]:
    return np.array(list(values), dtype=np.int64)


def test_each_group_has_the_measures_of_its_records_by_name() -> None:
    observations = observe({"b": 0.5, "a": 0.25}, {"b": 1.0}, {})
    both, second, none = tabulate(observations, [[0, 1], [1], [2]])
    assert both == Table(
        ("a", "b"),
        (1, 2),
        (0.25, 1.5),
        (0, 2),
        (1, 2, 2),
        tuple(bucket_of([0.25, 0.5, 1.0]).tolist()),
        (1, 1, 1),
    )
    assert second == Table(("b",), (1,), (1.0,), (1,), (1,), (0,), (1,))
    assert none == Table((), (), (), (), (), (), ())


def test_equal_values_share_a_bin_and_zero_has_its_own() -> None:
    (table,) = tabulate(observe({"a": 0.0}, {"a": 0.0}, {"a": 1.0}), [[0, 1, 2]])
    assert (table.bins, table.bin_counts) == ((ZERO_BUCKET, 0), (2, 1))


def test_what_is_not_binned_is_counted_all_the_same() -> None:
    (table,) = tabulate(observe({"a": 0.5, "flag": 1.0}, flags=("flag",)), [[0]])
    assert (table.measures, table.counts, table.bin_measures) == (("a", "flag"), (1, 1), (1,))


def test_groups_of_nothing_are_empty() -> None:
    assert tabulate(observe(), []) == []
    assert tabulate(observe({}), [[0]]) == [Table((), (), (), (), (), (), ())]


def test_a_negative_value_is_refused() -> None:
    with pytest.raises(ValueError, match="zero or more"):
        tabulate(observe({"a": -0.1}), [[0]])


def test_many_overlapping_groups_add_up_as_each_alone() -> None:
    draw = random.Random(7)  # noqa: S311 a fixed draw of test data
    records = [
        {name: draw.choice([0.0, draw.random(), 1e6]) for name in "abcdef" if draw.random() < 0.6}
        for _ in range(60)
    ]
    groups = [sorted(draw.sample(range(60), draw.randint(1, 40))) for _ in range(25)]
    for rows, table in zip(groups, tabulate(observe(*records), groups), strict=True):
        picked = [records[row] for row in rows]
        assert table.measures == tuple(sorted({name for record in picked for name in record}))
        for at, name in enumerate(table.measures):
            values = [record[name] for record in picked if name in record]
            assert table.counts[at] == len(values)
            assert table.sums[at] == pytest.approx(sum(values))
            assert table.hits[at] == sum(value >= 0.5 for value in values)
            bins, counts = np.unique(bucket_of(values), return_counts=True)
            mine = [i for i, measure in enumerate(table.bin_measures) if measure == at + 1]
            assert [table.bins[i] for i in mine] == bins.tolist()
            assert [table.bin_counts[i] for i in mine] == counts.tolist()


def test_a_group_keeps_what_its_extent_says() -> None:
    observations = observe({"a": 0.5, "b": 1.0}, {"a": 0.25})
    owners, records = numbers([0, 0, 1, 1, 2]), numbers([0, 1, 0, 1, 0])
    one = Extent(sums=lambda _: True, histogram={"b", "c"}.__contains__)
    none = Extent(sums=lambda name: name == "b", histogram=lambda _: False)
    every, spread, bare = observations.tabulate(owners, records, [EVERYTHING, one, none])
    assert [(table.measures, table.counts) for table in (every, spread, bare)] == [
        (("a", "b"), (2, 1)),
        (("a", "b"), (2, 1)),
        (("b",), (1,)),
    ]
    assert every.bin_measures == (1, 1, 2)
    assert (spread.bin_measures, spread.bins, spread.bin_counts) == ((2,), (0,), (1,))
    assert (bare.bin_measures, bare.bins, bare.bin_counts) == ((), (), ())
