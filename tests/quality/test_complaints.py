"""Whether groups of comments are what a reader would call one complaint."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.complaints import adjusted_rand, measure, read_sample


@pytest.mark.parametrize(
    ("name", "text", "theme", "rand"),
    [("complaints", "comment", "theme", 0.28), ("topics", "prompt", "topic", 0.2)],
)
def test_groups_agree_with_themes_far_better_than_chance(
    name: str, text: str, theme: str, rand: float
) -> None:
    found = measure(read_sample(name, text, theme))
    assert found.rand > rand
    assert found.purity > 1.5 * found.by_chance
    assert found.grouped > 0.6


def test_the_index_is_one_for_equal_divisions_and_zero_for_one_group() -> None:
    themes = np.repeat(np.arange(3), 4)
    assert adjusted_rand(themes, (themes + 1) % 3) == pytest.approx(1)
    assert adjusted_rand(np.zeros_like(themes), themes) == 0
    assert adjusted_rand(np.tile(np.arange(4), 3), themes) < 0
