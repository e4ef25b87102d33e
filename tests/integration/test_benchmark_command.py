"""The benchmark command as a process, on the samples that ship with the tests."""

import contextlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

SAMPLES = Path(__file__).parents[1] / "quality" / "samples"


KEYS = {
    "task", "source", "evaluator", "n", "positives", "auroc", "average_precision", "threshold", "precision",
    "recall", "f1", "f2", "balanced_accuracy", "false_positive_rate", "spearman", "map", "us_per_record", "mb_per_s",
}  # fmt: skip


def run_benchmark(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "app.cli.main", "benchmark", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )


def test_samples_are_measured_per_source_and_evaluator() -> None:
    result = run_benchmark(SAMPLES, "--json")
    assert (result.returncode, result.stderr.strip()) == (0, "")
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    found = {(line["source"], line["evaluator"]): line for line in lines}
    assert {evaluator for _, evaluator in found} == {
        "bias",
        "coherence",
        "factual_accuracy",
        "hallucination",
        "pii",
        "prompt_injection",
        "relevance",
        "semantic_similarity",
        "toxicity",
    }
    assert all(set(line) == KEYS | ({"by_entity"} if line["evaluator"] == "pii" else set()) for line in lines)
    assert found["toxicity", "toxicity"]["auroc"] > 0.85
    assert found["grounding", "hallucination"]["auroc"] > 0.9
    assert found["grounding", "factual_accuracy"]["auroc"] > 0.9
    assert found["similarity", "semantic_similarity"]["spearman"] > 0.85
    assert found["relevance", "relevance"]["map"] > 0.9
    email = found["pii", "pii"]["by_entity"]["EMAIL_ADDRESS"]
    assert set(email) == {"n", "tp", "fp", "fn"}
    assert email["tp"] + email["fn"] == email["n"] > 0
    assert all(line["us_per_record"] > 0 and line["mb_per_s"] > 0 for line in lines)


def test_the_table_has_a_line_per_source_and_calls_few_rows_unmeasured() -> None:
    result = run_benchmark(SAMPLES, "--task", "bias")
    header, *lines = result.stdout.splitlines()
    assert header.startswith("source")
    assert [line.split()[0] for line in lines] == ["bias/bias"]
    assert "unmeasured" in lines[0]


def test_a_limit_draws_a_sample() -> None:
    result = run_benchmark(SAMPLES, "--task", "pii", "--limit", 7, "--json")
    found = {line["source"]: line["n"] for line in map(json.loads, result.stdout.splitlines())}
    assert found == {"pii": 7, "presidio_recognizer_cases": 7}


def test_a_source_left_out_stands_beside_what_trivial_rules_reach(tmp_path: Path) -> None:
    pytest.importorskip("sklearn")
    rows = {"one": [("you idiot", 1), ("good morning", 0)], "two": [("what an idiot", 1), ("a fine day", 0)]}
    for name, texts in rows.items():
        lines = [
            json.dumps({"task": "toxicity", "source": name, "prompt": text, "label": label})
            for text, label in texts
        ]
        (tmp_path / f"{name}.jsonl").write_text("\n".join(lines * 60))
    result = run_benchmark(tmp_path, "--leave-one-source-out", "--json")
    assert result.returncode == 0, result.stderr
    found = [json.loads(line) for line in result.stdout.splitlines()]
    assert [(one["measured"]["source"], one["refitted"]) for one in found] == [("one", False), ("two", False)]
    assert found[0]["rules"]["bag of words"]["auroc"] == 1.0
    table = run_benchmark(tmp_path, "--leave-one-source-out").stdout
    assert "toxicity             balanced accuracy    worst" in table


def test_traffic_is_timed_with_all_evaluators_at_once(tmp_path: Path) -> None:
    call = {"task": "traffic", "prompt": "What is a bee?", "response": "An insect that makes honey."}
    (tmp_path / "calls.jsonl").write_text((json.dumps(call) + "\n") * 300)
    result = run_benchmark(tmp_path, "--json")
    lines = {line["evaluator"]: line for line in map(json.loads, result.stdout.splitlines())}
    assert lines["fast"]["us_per_record"] > lines["bias"]["us_per_record"] > 0
    assert lines["toxicity"]["false_positive_rate"] == 0.0


@pytest.mark.parametrize(
    ("content", "options", "said"),
    [
        (None, (), "There is no .jsonl"),
        ('{"task": "cooking", "prompt": "a", "label": 1}\n', (), "no labelled row"),
        ('{"task": "bias", "prompt": "a", "label": 7}\n', (), "rows.jsonl:1: "),
        ("{}\n", ("--task", "cooking"), "--task"),
        ("{}\n", ("--tier", "slow"), "--tier"),
    ],
)
def test_what_cannot_be_measured_is_said_in_one_line(
    tmp_path: Path, content: str | None, options: tuple[str, ...], said: str
) -> None:
    if content is not None:
        (tmp_path / "rows.jsonl").write_text(content)
    result = run_benchmark(tmp_path, *options)
    assert result.returncode == 2
    assert said in result.stderr.replace("\n", " ")
    assert "Traceback" not in result.stderr


def test_on_a_terminal_bars_move_below_whole_lines() -> None:
    ours, theirs = os.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "app.cli.main", "benchmark", str(SAMPLES), "--task", "bias"],
        stdout=theirs,
        stderr=theirs,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "100"},
    )
    os.close(theirs)
    shown = b""
    # Reading fails on Linux when the other end is gone.
    with contextlib.suppress(OSError):
        while chunk := os.read(ours, 65536):
            shown += chunk
    os.close(ours)
    assert process.wait(timeout=60) == 0
    assert "━".encode() in shown
    assert re.search(rb"\x1b\[2Kbias/bias +bias +48", shown)
