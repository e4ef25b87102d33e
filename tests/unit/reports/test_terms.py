from __future__ import annotations

import time

import pytest

from app.reports.terms import frequent_terms


@pytest.mark.parametrize(
    ("comments", "terms"),
    [
        (["wrong price", "the wrong price again"], {"wrong price": [0, 1]}),
        (["Wrong price!", "price", "PRICE?"], {"price": [0, 1, 2]}),
        (["too slow", "so slow", "slow"], {"slow": [0, 1, 2]}),
        (["it was not the answer", "that was not an answer"], {}),
        (["unique words here", "nothing alike"], {}),
        (["slow slow slow"], {}),
        (["", ""], {}),
    ],
)
def test_terms_are_what_several_comments_share(comments: list[str], terms: dict[str, list[int]]) -> None:
    assert frequent_terms(comments) == terms


def test_a_word_counts_beside_a_pair_only_where_it_says_more() -> None:
    assert frequent_terms(["wrong price", "wrong price", "price missing"]) == {
        "price": [0, 1, 2],
        "wrong price": [0, 1],
    }


def test_long_comments_cost_no_more_than_their_beginning() -> None:
    begun = time.process_time()
    frequent_terms(["word " * 200_000] * 20)
    assert time.process_time() - begun < 1
