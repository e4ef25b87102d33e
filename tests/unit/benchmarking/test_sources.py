import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from monitoring.benchmarking.feeds import ranking_part, to_fed_record, to_record
from monitoring.benchmarking.sources import LabelledSource, find_files, read_rows, read_sources


def write(path: Any, *rows: dict[str, Any]) -> Any:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_rows_are_read_plain_and_gzipped_without_attribution_lines(tmp_path: Path) -> None:
    text = "# written for this project\n" + json.dumps({"prompt": "a", "label": 1}) + "\n"
    (tmp_path / "a.jsonl").write_text(text)
    (tmp_path / "a.jsonl.gz").write_bytes(gzip.compress(text.encode()))
    rows = read_rows(tmp_path / "a.jsonl")
    assert rows == read_rows(tmp_path / "a.jsonl.gz") == [{"prompt": "a", "label": 1}]


def test_files_are_found_in_folders_below_and_others_are_not(tmp_path: Path) -> None:
    wanted = [write(tmp_path / "a.jsonl"), write(tmp_path / "deep" / "b.jsonl.gz")]
    write(tmp_path / "c.json")
    write(tmp_path / "d.jsonl.bak")
    assert find_files(tmp_path) == wanted


@pytest.mark.parametrize(
    "line",
    [
        "[1]",
        "{",
        '{"prompt": 5, "label": 1}',
        '{"prompt": "a", "label": 2}',
        '{"prompt": "a", "label": "toxic"}',
        '{"prompt": "a", "label": 1, "spans": [["a", 1, "X"]]}',
        '{"prompt": "a", "label": 1, "meta": []}',
    ],
)
def test_a_line_that_is_no_row_is_named_by_file_and_line(tmp_path: Path, line: str) -> None:
    (tmp_path / "bad.jsonl").write_text('{"prompt": "a", "label": 1}\n' + line + "\n")
    with pytest.raises(ValueError, match=r"bad\.jsonl:2: "):
        read_rows(tmp_path / "bad.jsonl")


def test_a_row_says_its_task_and_source_or_its_file_does(tmp_path: Path) -> None:
    named = {"task": "bias", "source": "mine", "prompt": "a", "label": 1}
    bare = {"prompt": "b", "label": 0}
    path = write(tmp_path / "toxicity" / "found.jsonl", named, bare)
    assert list(read_sources(path)) == [
        LabelledSource("bias", "mine", [named]),
        LabelledSource("toxicity", "found", [bare]),
    ]
    assert [source.task for source in read_sources(path, "bias")] == ["bias"]
    assert list(read_sources(write(tmp_path / "pii.jsonl", bare))) == [LabelledSource("pii", "pii", [bare])]


def test_rows_without_a_label_or_a_known_task_are_left_out_but_traffic_has_none(tmp_path: Path) -> None:
    rows = {"task": "bias", "prompt": "a", "label": None}, {"task": "cooking", "prompt": "a", "label": 1}
    assert list(read_sources(write(tmp_path / "a.jsonl", *rows))) == []
    traffic = {"task": "traffic", "source": "origin", "prompt": "a", "response": "b", "label": None}
    assert list(read_sources(write(tmp_path / "calls.jsonl", traffic))) == [
        LabelledSource("traffic", "calls", [traffic])
    ]


def test_a_sample_is_the_same_each_time_in_order_and_no_larger_than_asked() -> None:
    source = LabelledSource("pii", "many", [{"prompt": str(number), "label": 0} for number in range(50)])
    sample = source.sample(10)
    numbers = [int(row["prompt"]) for row in sample.rows]
    assert sample == source.sample(10)
    assert len(set(numbers)) == 10
    assert numbers == sorted(numbers)
    assert source.sample(10, seed=1) != sample
    assert source.sample(50) == source.sample(None) == source


def test_a_row_becomes_a_record_and_null_becomes_empty() -> None:
    record = to_record({"prompt": "q", "response": None, "context": "source", "reference": "right"})
    assert (record.prompt, record.response, record.context, record.reference) == (
        "q",
        "",
        ("source",),
        "right",
    )
    assert to_record({"prompt": None, "response": "x", "context": None}).context == ()


def test_half_a_surrogate_pair_becomes_a_replacement_character() -> None:
    assert to_record({"prompt": "a\ud83d", "response": "\ud83d\ude00"}).prompt == "a\ufffd"
    assert to_record({"prompt": "", "response": "\ud83d\ude00"}).response == "\U0001f600"


@pytest.mark.parametrize(
    ("task", "source", "prompt", "response", "system_prompt", "context"),
    [
        ("toxicity", "any", "", "q", None, ("c",)),
        ("bias", "any", "", "q", None, ("c",)),
        ("pii", "any", "", "q", None, ("c",)),
        ("prompt_injection", "any", "q", "", None, ("c",)),
        ("prompt_injection", "cyberseceval", "q", "", "c", ()),
    ],
)
def test_texts_go_where_the_evaluator_judges_them(
    task: str, source: str, prompt: str, response: str, system_prompt: str | None, context: tuple[str, ...]
) -> None:
    fed = to_fed_record(task, source, {"prompt": "q", "response": None, "context": "c"})
    assert (fed.prompt, fed.response, fed.system_prompt, fed.context) == (
        prompt,
        response,
        system_prompt,
        context,
    )


def test_a_pair_keeps_its_places() -> None:
    fed = to_fed_record("toxicity", "any", {"prompt": "q", "response": "r", "context": None})
    assert (fed.prompt, fed.response) == ("q", "r")


def test_instructions_in_documents_are_ranked_by_the_part_about_the_context() -> None:
    rows: list[dict[str, Any]] = [{"spans": None}, {"spans": [[0, 4, "injection_in_context"]]}]
    assert ranking_part("prompt_injection", rows) == "context"
    assert ranking_part("prompt_injection", rows[:1]) is None
    assert ranking_part("pii", rows) is None


def test_many_responses_to_one_prompt_are_ranked_as_candidates() -> None:
    rows = [{"prompt": f"question {at % 2}"} for at in range(16)]
    assert ranking_part("relevance", rows) == "ranking"
    assert ranking_part("relevance", rows[:14]) is None


def test_a_label_about_the_context_is_not_answered_by_a_reference_beside_it() -> None:
    row = {"prompt": "q", "response": "r", "context": "c", "reference": "right"}
    assert to_fed_record("hallucination", "any", row).reference is None
    assert to_fed_record("hallucination", "any", row | {"context": None}).reference == "right"


def test_replies_of_conversations_are_ranked_by_how_they_go_on() -> None:
    rows = [{"prompt": "Do you like bees?\nI do, they dance."}, {"prompt": "hello"}, {"prompt": "a\nb"}]
    assert ranking_part("coherence", rows) == "continuity"
    assert ranking_part("coherence", rows[1:2]) is None
