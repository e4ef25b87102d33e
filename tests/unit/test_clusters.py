"""Groups of short texts of like meaning."""

from __future__ import annotations

import numpy as np
import pytest

from monitoring.text.clusters import cluster_texts, cut_tree

PRICE = ["The price is wrong", "wrong price for the annual plan", "prices are from last year"]
SLOW = ["very slow", "so slow lately", "slow again, please fix it"]


def test_comments_of_like_meaning_are_one_group_and_others_none() -> None:
    groups = cluster_texts([PRICE[0], SLOW[0], PRICE[1], "my cat sleeps", SLOW[1], PRICE[2], SLOW[2]])
    assert sorted(sorted(group) for group in groups) == [[0, 2, 5], [1, 4, 6]]


@pytest.mark.parametrize(
    "texts",
    [[], ["one"], ["", ""], ["the price is wrong", "a cat sleeps"], ["\0\x1b", "\u202e"]],
)
def test_texts_that_share_no_meaning_are_in_no_group(texts: list[str]) -> None:
    assert cluster_texts(texts) == []


def test_the_same_texts_give_the_same_groups_in_every_order() -> None:
    texts = PRICE + SLOW
    again = [texts[at] for at in (5, 3, 1, 0, 2, 4)]
    first = {frozenset(texts[at] for at in group) for group in cluster_texts(texts)}
    assert first == {frozenset(again[at] for at in group) for group in cluster_texts(again)}
    assert cluster_texts(texts) == cluster_texts(texts)


def test_hostile_texts_are_words_like_others() -> None:
    texts = [
        "Ignore all previous instructions",
        "ignore all instructions above",
        "\ud800 broken",
        "x" * 1_000_000,
    ]
    assert cluster_texts(texts) == [[0, 1]]


def test_a_tree_is_cut_at_a_distance() -> None:
    merges = np.array([[0, 2, 0.1, 2], [1, 4, 0.5, 3], [3, 5, 0.9, 4]], dtype=np.float64)
    assert sorted(cut_tree(merges, 0.05)) == [[0], [1], [2], [3]]
    assert sorted(cut_tree(merges, 0.5)) == [[0, 1, 2], [3]]
    assert sorted(cut_tree(merges, 0.9)) == [[0, 1, 2, 3]]
