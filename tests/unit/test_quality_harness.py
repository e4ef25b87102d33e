import gzip
import json

import numpy as np
import pytest

from tests.quality.harness import (
    auroc,
    average_precision,
    ranks,
    read_rows,
    recall_at_false_positive_rate,
    spearman,
    to_record,
)


@pytest.mark.parametrize(
    ("truth", "scores", "expected"),
    [
        ([0, 0, 1, 1], [0.1, 0.2, 0.3, 0.4], 1.0),
        ([1, 1, 0, 0], [0.1, 0.2, 0.3, 0.4], 0.0),
        ([0, 1, 0, 1], [0.5, 0.5, 0.5, 0.5], 0.5),
        ([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8], 0.75),
        ([0, 1, 1], [0.5, 0.5, 0.9], 0.75),
    ],
)
def test_auroc_counts_ordered_pairs_and_half_of_ties(truth, scores, expected):
    assert auroc(truth, scores) == pytest.approx(expected)


def test_auroc_refuses_a_single_class():
    with pytest.raises(ValueError, match="both classes"):
        auroc([1, 1], [0.2, 0.3])


def test_average_precision_matches_the_textbook_case_and_ignores_the_order_of_ties():
    assert average_precision([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8]) == pytest.approx(0.8333333)
    assert average_precision([1, 0, 0, 1], [0.5] * 4) == average_precision([0, 1, 1, 0], [0.5] * 4) == 0.5


def test_average_precision_needs_a_positive():
    with pytest.raises(ValueError, match="positive"):
        average_precision([0, 0], [0.1, 0.2])


def test_ranks_share_ties():
    assert ranks([10.0, 20.0, 20.0, 5.0]).tolist() == [2.0, 3.5, 3.5, 1.0]


def test_spearman_sees_monotone_relations_whatever_their_shape():
    x = np.linspace(0, 3, 20)
    assert spearman(x, np.exp(x)) == pytest.approx(1.0)
    assert spearman(x, -(x**3)) == pytest.approx(-1.0)


def test_recall_is_taken_above_the_bound_that_few_negatives_pass():
    truth = [0] * 100 + [1] * 4
    scores = [i / 100 for i in range(100)] + [0.2, 0.985, 0.995, 1.5]
    assert recall_at_false_positive_rate(truth, scores, 0.01) == pytest.approx(0.75)


def test_rows_are_read_plain_and_gzipped_without_attribution_lines(tmp_path):
    text = "# written for this project\n" + json.dumps({"prompt": "a", "label": 1}) + "\n"
    (tmp_path / "a.jsonl").write_text(text)
    (tmp_path / "a.jsonl.gz").write_bytes(gzip.compress(text.encode()))
    rows = read_rows(tmp_path / "a.jsonl")
    assert rows == read_rows(tmp_path / "a.jsonl.gz") == [{"prompt": "a", "label": 1}]


def test_a_row_becomes_a_record_and_null_becomes_empty():
    record = to_record({"prompt": "q", "response": None, "context": "source", "reference": "right"})
    assert (record.prompt, record.response, record.context, record.reference) == (
        "q",
        "",
        ("source",),
        "right",
    )
    assert to_record({"prompt": None, "response": "x", "context": None}).context == ()
