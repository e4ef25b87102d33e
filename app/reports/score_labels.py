"""What an evaluator said of the calls of a period: its labels, compared with an earlier time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from app.storage.engine import Connection
from app.storage.traces.one_score import count_labels
from app.storage.traces.sampling import Chosen, take_sample
from monitoring.statistics.changes import Change, change_of_shares

__all__ = ["MOST_LABELLED", "LabelShare", "compare_labels", "read_label_shares"]

MOST_LABELLED: Final = 2_000
"""The number of newest calls of each part whose labels are counted."""


class LabelShare(msgspec.Struct, frozen=True, kw_only=True):
    """The `count` of `of` calls that have a label. A share of too few calls has no `change`."""

    label: str
    count: int
    of: int
    change: Change | None


async def read_label_shares(
    connection: Connection, parts: tuple[Chosen, Chosen], evaluator: str
) -> tuple[LabelShare, ...]:
    """Return the labels of an evaluator in the later of two parts, compared with the earlier."""
    samples = [await take_sample(connection, one, MOST_LABELLED) for one in parts]
    before, now = [await count_labels(connection, sample, evaluator) for sample in samples]
    return compare_labels(before, now)


def compare_labels(before: Mapping[str, int], now: Mapping[str, int]) -> tuple[LabelShare, ...]:
    """Return the share of each label. What surely rose most comes first, then what is commonest."""
    earlier, later = sum(before.values()), sum(now.values())
    found = [
        LabelShare(
            label=label,
            count=count,
            of=later,
            change=change_of_shares((before.get(label, 0), earlier), (count, later), len(now)),
        )
        for label, count in now.items()
    ]
    return tuple(sorted(found, key=lambda one: (-_sure_rise(one), -one.count, one.label)))


def _sure_rise(one: LabelShare) -> float:
    return max(0.0, one.change.difference) if one.change and one.change.certain else 0.0
