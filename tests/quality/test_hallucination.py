from __future__ import annotations

import random
from collections.abc import Sequence

import numpy as np
import pytest

from benchmarks import impossible
from monitoring.benchmarking.feeds import Row, to_fed_record
from monitoring.benchmarking.fitting import hold_out
from monitoring.benchmarking.measurement import FEWEST_ROWS
from monitoring.benchmarking.metrics import count_decisions
from monitoring.benchmarking.sources import LabelledSource
from monitoring.evaluators.hallucination import build
from monitoring.models import Record
from tests.quality import harness

# Figures on fitted sources, on the fold that was not fitted on. Sources that were left out are in
# test_left_out.py. The figures are those of 2026-11-30, less a margin. Word overlap with the
# context alone reaches AUROC 0.90 and 0.73 on the first two. At the threshold of 2026-11-26, begin,
# faithdial_audit, qags and factual_summary_pairs ranked better (.92, .82, .74, .73), and every
# other source worse. That is the price of one scale for all sources (decision 110).
FLOORS = {  # AUROC, balanced accuracy, most false alarms
    "begin": (0.89, 0.77, 0.09),  # 0.902, 0.791, 0.055
    "faithdial_audit": (0.77, 0.69, 0.35),  # 0.784, 0.707, 0.317
    "factual_summary_pairs": (
        0.71,
        0.50,
        0.05,
    ),  # 0.733, 0.509, 0.022: nearly all is copied, and little is flagged
    "factscore_claims": (0.87, 0.76, 0.11),  # 0.884, 0.780, 0.094; nothing was fitted on it
    "wice": (0.74, 0.70, 0.34),  # 0.765, 0.733, 0.303
    "attrib_hagrid": (0.79, 0.74, 0.21),  # 0.817, 0.768, 0.175
    "attrib_gensearch": (0.82, 0.76, 0.25),  # 0.850, 0.796, 0.214
    "defacto_xsum": (0.75, 0.68, 0.33),  # 0.773, 0.706, 0.299
}


def fed(source: str, rows: Sequence[Row]) -> list[Record]:
    return [to_fed_record("hallucination", source, row) for row in rows]


@pytest.mark.parametrize("source", FLOORS)
def test_unsupported_responses_are_told_apart_on_rows_that_were_not_fitted_on(source: str) -> None:
    rows = hold_out(
        "hallucination", LabelledSource("hallucination", source, harness.load_source("hallucination", source))
    ).rows
    scores = harness.values(harness.run(build(), fed(source, rows)), unknown=0.0)
    truth = harness.labels(rows)
    decisions = count_decisions(truth, scores >= build().threshold)
    ranking, accuracy, alarms = FLOORS[source]
    assert harness.auroc(truth, scores) >= ranking
    assert decisions.balanced_accuracy >= accuracy
    assert decisions.false_positive_rate <= alarms


def test_our_own_sample_is_separated() -> None:
    rows = harness.load_sample("grounding")
    scores = harness.run(build(), harness.records(rows))
    truth = harness.labels(rows)
    assert harness.auroc(truth, harness.values(scores, unknown=0.0)) >= 0.9
    flagged = np.array([score.value is not None and score.value >= build().threshold for score in scores])
    assert not flagged[truth < 0.5].any()
    assert flagged[truth > 0.5].mean() >= 0.5


@pytest.mark.parametrize("kind", impossible.KINDS)
def test_what_can_be_caught_at_without_a_source_is_found_and_its_likes_are_not(kind: str) -> None:
    rows = list(impossible.make_rows(kind, random.Random(kind)))  # noqa: S311 a reproducible choice
    truth = harness.labels(rows)
    flagged = harness.values(harness.run(build(), harness.records(rows)), unknown=0.0) >= build().threshold
    assert len(rows) >= 2 * FEWEST_ROWS
    assert np.mean(flagged[truth == 1]) >= 0.95
    assert np.mean(flagged[truth == 0]) <= 0.02
