"""Measuring with an evaluator whose scores are known, and a clock that counts its readings."""

from itertools import count
from typing import Any

import msgspec
import pytest

from monitoring.benchmarking.feeds import FEEDS, Feed
from monitoring.benchmarking.measurement import Measurement, measure, measure_traffic
from monitoring.benchmarking.sources import LabelledSource
from monitoring.benchmarking.table import format_header, format_measurement
from monitoring.evaluator import Category
from monitoring.models import Score, TextField

KEYS = [
    "task",
    "source",
    "evaluator",
    "n",
    "positives",
    "auroc",
    "average_precision",
    "threshold",
    "precision",
    "recall",
    "f1",
    "f2",
    "balanced_accuracy",
    "false_positive_rate",
    "spearman",
    "map",
    "us_per_record",
    "mb_per_s",
]


class Reader:
    """Reads the value that a response spells; nothing is known of a response that spells none."""

    version = "1"
    needs: frozenset[TextField] = frozenset({"response"})
    flag = None

    def __init__(
        self, name: str = "toxicity", category: Category = "safety", threshold: float | None = 0.5
    ) -> None:
        self.name, self.threshold = name, threshold
        self.category: Category = category
        self.seen: list[int] = []

    def evaluate(self, batch: Any) -> Any:
        texts = batch.texts("response")
        self.seen += [len(batch)]
        if "broken" in texts:
            raise RuntimeError("no such thing")
        return [
            Score(
                value=float(text) if text.strip() else None,
                label="",
                version="1",
                parts={"context": float(text.strip() or 0)},
            )
            for text in texts
        ]


def row(value: str, label: float, prompt: str = "q", **others: Any) -> dict[str, Any]:
    return {"prompt": prompt, "response": value, "label": label, **others}


def figures(
    rows: list[Any], evaluator: Reader = None, feed: Feed = None, task: str = "toxicity", **options: Any
) -> list[Measurement]:
    evaluator = evaluator or Reader(name=FEEDS[task][0].evaluator)
    clock = (number / 1000 for number in count())
    return measure(
        LabelledSource(task, "mine", rows),
        evaluator,
        feed or Feed(evaluator.name),
        lambda: next(clock),
        lambda _: None,
        **options,
    )


MIXED = [row("0.9", 1), row("0.6", 0), row("0.4", 1), row("0.1", 0), row(" ", 0)]


def test_a_source_gets_every_promised_key_and_only_those() -> None:
    (measured,) = figures(MIXED)
    assert list(msgspec.to_builtins(measured)) == KEYS
    (personal,) = figures([row("0.9", 1)], task="pii")
    assert list(msgspec.to_builtins(personal)) == [*KEYS, "by_entity"]


def test_figures_match_those_by_hand() -> None:
    (measured,) = figures(MIXED)
    assert (measured.n, measured.positives, measured.threshold) == (5, 2, 0.5)
    assert measured.auroc == pytest.approx(5 / 6)
    assert measured.average_precision == pytest.approx((1 + 2 / 3) / 2)
    assert measured.precision == measured.recall == measured.f1 == measured.f2 == 0.5
    assert measured.false_positive_rate == pytest.approx(1 / 3)
    assert measured.balanced_accuracy == pytest.approx((1 / 2 + 2 / 3) / 2)
    assert measured.spearman is measured.map is None


def test_graded_labels_are_correlated_and_cut_at_one_half() -> None:
    (measured,) = figures([row("0.1", 0.2), row("0.5", 0.6), row("0.9", 1.0)])
    assert measured.spearman == pytest.approx(1.0)
    assert measured.positives == 2
    assert measured.auroc == 1.0


def test_responses_to_one_prompt_are_ranked_among_themselves() -> None:
    rows = [row("0.2", 1, "a"), row("0.1", 0, "a"), row("0.9", 0, "b"), row("0.8", 1, "b"), row("1", 0, "c")]
    (measured,) = figures(rows, task="relevance")
    assert measured.map == pytest.approx((1 + 1 / 2) / 2)


@pytest.mark.parametrize(
    ("rows", "present", "absent"),
    [
        ([row("0.9", 1), row("0.1", 1)], "recall", ("auroc", "precision", "false_positive_rate", "f1")),
        ([row("0.9", 0), row("0.1", 0)], "false_positive_rate", ("auroc", "precision", "recall", "f2")),
    ],
)
def test_one_class_gives_one_rate_alone(
    rows: list[dict[str, int | str]], present: str, absent: tuple[str, ...]
) -> None:
    (measured,) = figures(rows)
    assert getattr(measured, present) == 0.5
    assert [getattr(measured, name) for name in absent] == [None] * len(absent)


def test_an_evaluator_that_is_high_where_labels_are_low_is_turned_round() -> None:
    rows = [row("0.9", 0), row("0.2", 1), row("0.1", 1), row(" ", 1)]
    accurate = Reader("factual_accuracy", "quality", 0.3)
    (measured,) = figures(rows, accurate, Feed("factual_accuracy", opposite=True), "hallucination")
    assert measured.auroc == 1.0
    assert measured.recall == pytest.approx(2 / 3)  # the unknown one is not called low
    assert measured.false_positive_rate == 0.0


def test_where_nothing_is_known_nothing_is_claimed() -> None:
    (measured,) = figures([row(" ", 1), row(" ", 0)])
    assert measured.n == 2
    assert measured.auroc is measured.recall is measured.false_positive_rate is None


def test_instructions_in_documents_are_ranked_by_their_part() -> None:
    rows = [row("0.9", 1, spans=[[0, 1, "injection_in_context"]]), row("0.1", 0)]
    (measured,) = figures(rows, task="prompt_injection")
    assert measured.auroc == 1.0


def test_detail_adds_a_line_per_sub_source() -> None:
    rows = [row("0.9", 1, meta={"sub": "b"}), row("0.1", 0, meta={"sub": "a"}), row("0.2", 1)]
    assert [(one.source, one.n) for one in figures(rows, detail=True)] == [
        ("mine", 3),
        ("mine:a", 1),
        ("mine:b", 1),
    ]


def test_rows_are_scored_in_batches_of_a_worker_and_the_first_is_warmed() -> None:
    reader = Reader()
    moved: list[int] = []
    measure(
        LabelledSource("toxicity", "many", [row("0.9", 1)] * 300),
        reader,
        Feed("toxicity"),
        count().__next__,
        moved.append,
    )
    assert reader.seen == [256, 256, 44]
    assert moved == [256, 44]


def test_time_is_per_record_and_size_in_utf_8() -> None:
    (measured,) = figures([row("0.9", 1, "ü" * 100), row("0.1", 0, "")])
    assert measured.us_per_record == pytest.approx(1000 / 2)  # one step of the clock is a millisecond
    assert measured.mb_per_s == pytest.approx((200 + 3 + 3) / 0.001 / 1e6)


def test_a_failure_is_told_with_its_row_instead_of_counting_as_clean() -> None:
    with pytest.raises(ValueError, match=r"row 2 of toxicity/mine: RuntimeError: no such thing"):
        figures([row("0.1", 0), row("broken", 1)])


def test_traffic_has_a_line_per_evaluator_and_one_for_all_with_token_counts() -> None:
    rows = [{"prompt": "q", "response": value, "label": None} for value in ("0.9", "0.1", "0.2", "0.3")]
    readers = [Reader(), Reader("relevance", "quality")]
    clock = (number / 1000 for number in count())
    lines = measure_traffic(
        LabelledSource("traffic", "calls", rows), readers, lambda: next(clock), lambda _: None
    )
    assert [(one.evaluator, one.n, one.positives) for one in lines] == [
        ("toxicity", 4, None),
        ("relevance", 4, None),
        ("fast", 4, None),
    ]
    # Flags are counted among those that keep their own texts: 0.9 and 0.2.
    assert [one.false_positive_rate for one in lines] == [0.5, None, None]
    # Every second record has the response before as its context: 4 * (1 + 3) + 2 * 3 bytes.
    assert lines[-1].mb_per_s == pytest.approx(22 / 0.001 / 1e6)


def test_few_rows_are_called_unmeasured_and_columns_stand_under_their_names() -> None:
    line = Measurement(task="bias", source="s", evaluator="bias", n=99, positives=3, auroc=0.7)
    assert "unmeasured" in format_measurement(line)
    enough = format_measurement(msgspec.structs.replace(line, n=100))
    assert "unmeasured" not in enough
    assert enough.index("0.700") + len("0.700") == format_header().index("AUROC") + len("AUROC")


def test_types_of_personal_data_are_shown_in_detail_alone() -> None:
    from monitoring.benchmarking.entity_types import EntityCount

    line = Measurement(
        task="pii", source="s", evaluator="pii", n=100, by_entity={"US_SSN": EntityCount(400, 300, 100, 100)}
    )
    assert "US_SSN" not in format_measurement(line)
    assert "precision 0.750 recall 0.750 F2 0.750" in format_measurement(line, detail=True)
