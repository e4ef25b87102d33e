from __future__ import annotations

import numpy as np
import pytest

from monitoring.models import Record
from monitoring.signals.topics import TOPICS
from monitoring.text.kernels_vectors import average_shares
from monitoring.text.prepared import Prepared
from monitoring.text.vectors import align, embed, find_words, known_share, load_table, lookup, overlap, pool

table = load_table()


def pair(prompt: str, response: str) -> Prepared:
    return Prepared([Record(prompt=prompt, response=response)])


def cosine(first: str, second: str) -> float:
    one, two = embed((first, second))
    return float(one @ two)


def test_every_word_of_the_table_is_found_at_its_own_row() -> None:
    assert (np.diff(table.ids.astype(np.int64)) > 0).all()
    slots = table.slots[table.slots != np.uint64(2**64 - 1)]
    assert slots.size == table.ids.size
    rows = (slots & np.uint64(0xFFFFFFFF)).astype(np.int64)
    assert (table.ids[rows] == (slots >> np.uint64(32)).astype(np.uint32)).all()


def test_vectors_have_length_one() -> None:
    rows = np.arange(0, table.ids.size, 997)
    lengths = np.linalg.norm(table.vectors[rows] * table.scales[rows, None], axis=1)
    assert lengths == pytest.approx(1.0, abs=0.02)


@pytest.mark.parametrize(
    ("word", "near", "far"),
    [
        ("doctor", "physician", "guitar"),
        ("car", "vehicle", "poem"),
        ("happy", "glad", "algorithm"),
        ("music", "song", "invoice"),
        ("king", "queen", "spreadsheet"),
    ],
)
def test_related_words_are_closer_than_unrelated_ones(word: str, near: str, far: str) -> None:
    assert cosine(word, near) > cosine(word, far) + 0.2


@pytest.mark.parametrize(
    ("form", "base"), [("states", "state"), ("running", "run"), ("stories", "story"), ("quickly", "quick")]
)
def test_forms_of_a_word_share_their_key(form: str, base: str) -> None:
    batch = pair(form, base)
    assert find_words(batch, "prompt").keys.tolist() == find_words(batch, "response").keys.tolist()


@pytest.mark.parametrize(
    ("word", "other"), [("thing", "the"), ("united", "unite"), ("news", "new"), ("is", "i")]
)
def test_look_alikes_are_not_forms_of_each_other(word: str, other: str) -> None:
    batch = pair(word, other)
    assert find_words(batch, "prompt").keys.tolist() != find_words(batch, "response").keys.tolist()


def test_unknown_words_borrow_the_row_of_their_beginning() -> None:
    assert lookup("orchestra's")[0] == lookup("orchestra")[0] >= 0
    assert lookup("zzqxv")[0] == -1


def test_rare_words_inform_more_than_common_ones() -> None:
    the, river, chlorophyll = find_words(pair("the river chlorophyll", ""), "prompt").information
    assert the < 1 < river < chlorophyll


def test_unknown_words_are_like_themselves_and_unlike_others() -> None:
    assert cosine("zzqxv", "zzqxv") == pytest.approx(1.0, abs=1e-5)
    assert abs(cosine("zzqxv", "wqkkj")) < 0.4


TEXTS = ("The orchestra plays at nine.", "Nine musicians play zzqxv tonight", "tax", "x " * 100)


@pytest.mark.parametrize("first", TEXTS)
@pytest.mark.parametrize("second", TEXTS)
def test_measures_are_symmetric_and_within_bounds(first: str, second: str) -> None:
    there, back = pair(first, second), pair(second, first)
    assert align(there, "prompt", "response") == pytest.approx(align(back, "prompt", "response"), abs=1e-5)
    for field, other in (("first", "second"), ("second", "first"), ("both", "both")):
        forth = getattr(overlap(there, "prompt", "response"), field)
        assert forth == pytest.approx(getattr(overlap(back, "prompt", "response"), other), abs=1e-5)
        assert -1e-6 <= forth[0] <= 1 + 1e-6
    if first == second:
        assert align(there, "prompt", "response")[0] == pytest.approx(1.0, abs=1e-5)
        assert overlap(there, "prompt", "response").both[0] == pytest.approx(1.0, abs=1e-5)


def test_overlap_counts_repeated_words_once_and_forms_as_one() -> None:
    shared = overlap(pair("red red red house", "the houses"), "prompt", "response")
    red, house = find_words(pair("red house", ""), "prompt").information
    assert shared.first[0] == pytest.approx(house / (red + house), rel=1e-3)


def test_texts_without_words_have_no_vector_and_no_share() -> None:
    batch = pair("", "...")
    assert not pool(batch, "prompt").any()
    assert not pool(batch, "response").any()
    assert known_share(batch, "response")[0] == 0
    assert overlap(batch, "prompt", "response").both[0] == 0


def test_known_share_tells_english_from_noise() -> None:
    batch = pair("Please explain how rivers form", "blorp zzqxv wqkkj qqzzt")
    assert known_share(batch, "prompt")[0] == 1
    assert known_share(batch, "response")[0] < 0.3


def test_records_of_a_batch_do_not_change_each_other() -> None:
    records = [Record(prompt=text, response=other) for text in TEXTS for other in TEXTS]
    batch = Prepared(records)
    alone = [Prepared([record]) for record in records]
    assert align(batch, "prompt", "response") == pytest.approx(
        np.concatenate([align(one, "prompt", "response") for one in alone]), abs=1e-6
    )
    assert overlap(batch, "prompt", "response").both == pytest.approx(
        np.concatenate([overlap(one, "prompt", "response").both for one in alone]), abs=1e-6
    )


def test_average_shares_weighs_words_and_stops_at_the_limit() -> None:
    rows = np.array([0, 1, -1, 1], dtype=np.int32)
    shares = np.array([[255, 0], [0, 255]], dtype=np.uint8)
    weights = np.array([1, 3], dtype=np.float32)
    offsets = np.array([0, 4, 4], dtype=np.int64)
    averages, masses = average_shares(rows, offsets, shares, weights, 3)
    assert averages.tolist() == [[0.25, 0.75], [0, 0]]
    assert masses.tolist() == [4, 0]


@pytest.mark.parametrize("topic", TOPICS)
def test_every_word_of_a_topic_is_in_the_table(topic: str) -> None:
    description = TOPICS[topic]
    rows = lookup(description)
    assert [word for word, row in zip(description.split(), rows.tolist(), strict=True) if row < 0] == []


def test_a_pooled_text_is_the_weighted_sum_of_its_words_in_any_number() -> None:
    words = "The orchestra of Vienna plays seven long symphonies tonight while rain floods the empty streets"
    for count in range(1, len(words.split()) + 1):
        text = " ".join(words.split()[:count])
        rows = lookup(text)
        total = (table.vectors[rows] * table.pooling[rows][:, None]).sum(axis=0)
        length = np.sqrt((total**2).sum())
        expected = total / length if length else total
        assert pool(pair(text, ""), "prompt")[0] == pytest.approx(expected, abs=1e-6)
