"""Groups of short texts of like meaning, such as complaints about the same thing."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Final

import fastcluster
import numpy as np
from numpy.typing import NDArray

from monitoring.text.vectors import embed

__all__ = ["FARTHEST", "cluster_texts", "cut_tree"]

FARTHEST: Final = 0.8
"""The mean cosine distance 0..1 up to which two groups are about the same.

2026-12-01, chosen on the samples that docs/reference/feedback.md names.
"""
_SMALLEST: Final = 2


def cluster_texts(texts: Sequence[str]) -> list[list[int]]:
    """Return groups of at least two texts by their positions, the largest first.

    The text that is nearest to the middle of a group comes first in it. Texts in whose words no
    other text has a part are in no group. The same texts in the same order give the same groups.
    The time and memory grow with the square of their number: 2,000 texts take 20 MB.
    """
    vectors = embed(tuple(text.encode("utf-8", "replace").decode() for text in texts))
    told = np.flatnonzero(np.abs(vectors).sum(axis=1) > 0)
    if told.size < _SMALLEST:
        return []
    vectors = vectors[told]
    upper = np.triu_indices(told.size, 1)
    distances = 1.0 - np.clip((vectors @ vectors.T)[upper], 0.0, 1.0)
    merges = fastcluster.linkage(distances.astype(np.float64), method="average", preserve_input=False)
    groups = cut_tree(merges, FARTHEST)
    found = [_from_the_middle(vectors, members) for members in groups if len(members) >= _SMALLEST]
    found.sort(key=lambda members: (-len(members), members[0]))
    return [told[members].tolist() for members in found]


def cut_tree(merges: NDArray[np.float64], farthest: float) -> list[list[int]]:
    """Return the groups that merges up to a distance make, each in ascending order.

    A row of `merges` holds two groups and their distance, as linkage of fastcluster and scipy
    gives them; the first groups are single members.
    """
    number = len(merges) + 1
    groups: dict[int, list[int]] = defaultdict(list, {one: [one] for one in range(number)})
    for made, (first, second, distance, _) in enumerate(merges, start=number):
        if distance <= farthest:
            groups[made] = groups.pop(int(first)) + groups.pop(int(second))
    return [sorted(members) for members in groups.values()]


def _from_the_middle(vectors: NDArray[np.float32], members: list[int]) -> list[int]:
    """Return the members by their nearness to the middle, and by place where they are as near."""
    near = np.round(vectors[members] @ vectors[members].sum(axis=0), 4)
    return [members[at] for at in np.argsort(-near, kind="stable")]
