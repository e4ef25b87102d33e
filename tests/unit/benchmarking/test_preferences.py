from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from monitoring.benchmarking.preferences import find_pairs, measure_pairs, share_by_score


def row(pair: Any, label: Any, response: Any = "x") -> Any:
    return {"label": label, "response": response, "meta": {"pair": pair} if pair else None}


ROWS = [
    row("a", 1, "long answer"),
    row("a", 0, "short"),
    row("b", 0, "a longer answer"),
    row("b", 1, "brief"),
    row(None, 1),
    row("c", 1),
    row("d", 1),
    row("d", 1),
]


def test_pairs_name_the_preferred_row_first_and_leave_out_what_is_incomplete() -> None:
    assert find_pairs(ROWS).tolist() == [[0, 1], [3, 2]]
    assert find_pairs([]).shape == (0, 2)


def test_agreement_stands_beside_the_longer_answer() -> None:
    found = measure_pairs(ROWS, [0.9, 0.1, 0.2, 0.3, 0, 0, 0, 0])
    assert (found.pairs, found.score, found.longer, found.gain) == (2, 1.0, 0.5, 0.5)
    assert found.error == 0.0
    assert found.gain_error == pytest.approx(0.5 / np.sqrt(2))


def test_equal_scores_are_half_a_pair() -> None:
    assert measure_pairs(ROWS, np.zeros(len(ROWS))).score == 0.5


def test_no_pair_is_no_figure() -> None:
    with pytest.raises(ValueError, match="pair"):
        measure_pairs(ROWS[4:], np.zeros(4))


def test_bands_tell_how_many_were_preferred() -> None:
    first, second = share_by_score(ROWS, [0.9, 0.1, 0.2, 0.8, 0, 0, 0, 0], (0.0, 0.5, 1.0))
    assert (first.answers, first.preferred, first.mean) == (2, 0.0, pytest.approx(0.15))
    assert (second.answers, second.preferred) == (2, 1.0)
