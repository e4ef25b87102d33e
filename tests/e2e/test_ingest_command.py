"""`llm-monitor ingest` against a running API.

The tests check counts, reasons, exit codes, and a file that is sent twice.
"""

from __future__ import annotations

import csv
import gzip
import json
import re
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.stack import Stack, free_ports, running_stack

pytestmark = pytest.mark.long

COUNTS = re.compile(r"sent ([\d,]+) +accepted ([\d,]+) +duplicates ([\d,]+) +rejected ([\d,]+)")


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    with running_stack("--api-only", workers=1) as running:
        yield running


def counts(printed: str) -> tuple[int, ...]:
    """Return sent, accepted, duplicates and rejected as the command prints them at its end."""
    found = COUNTS.search(printed)
    assert found, printed
    return tuple(int(number.replace(",", "")) for number in found.groups())


def reasons(printed: str) -> dict[str, tuple[int, int]]:
    """Return how many rows were refused for each reason, and the first line of them."""
    lines = re.findall(r"^ *([\d,]+) +(\d+) +(\S.*?) *$", printed, re.MULTILINE)
    return {reason: (int(number.replace(",", "")), int(first)) for number, first, reason in lines}


def rows(number: int) -> list[dict[str, Any]]:
    run = uuid.uuid4().hex[:8]
    return [
        {
            "id": f"{run}-{i}",
            "prompt": f"What is {i} plus one?",
            "response": f"{i} plus one is {i + 1}.",
            "meta": {"model": "gpt-4", "dataset": "sums"},
        }
        for i in range(number)
    ]


def stored(stack: Stack, prefix: str) -> int:
    stack.wait_until_settled(30)
    found: int = stack.value("SELECT count(*) FROM traces WHERE client_id LIKE $1 || '%'", prefix)
    return found


def test_json_lines_are_sent_and_bad_ones_are_told_apart(stack: Stack, tmp_path: Path) -> None:
    good = rows(700)
    prefix = good[0]["id"].partition("-")[0]
    lines = [json.dumps(row) for row in good]
    lines[10:10] = ["{broken", "[1, 2]"]
    lines.append(json.dumps({**good[0], "id": f"{prefix}-late", "response_time_ms": "soon"}))
    lines.append(json.dumps({**good[0], "id": f"{prefix}-old", "timestamp": "2019-12-31T23:59:59Z"}))
    lines.append("")
    file = tmp_path / "calls.jsonl"
    file.write_text("\n".join(lines))
    first = stack.command("ingest", str(file))
    assert counts(first.stdout) == (704, 700, 0, 4)
    assert first.returncode == 1
    told = reasons(first.stdout)
    assert len(told) == 4, first.stdout
    by_line = {line: (number, reason) for reason, (number, line) in told.items()}
    assert "not valid JSON" in by_line[11][1]
    assert "JSON object" in by_line[12][1]
    assert by_line[703][1].startswith("response_time_ms: ")
    assert by_line[704][1].startswith("timestamp: ")
    assert stored(stack, prefix) == 700
    again = stack.command("ingest", str(file))
    assert counts(again.stdout) == (704, 0, 700, 4)
    assert stored(stack, prefix) == 700


def test_rows_keep_their_model_id_and_metadata(stack: Stack, tmp_path: Path) -> None:
    (row,) = rows(1)
    file = tmp_path / "one.jsonl"
    file.write_text(json.dumps(row))
    done = stack.command("ingest", str(file))
    assert done.returncode == 0, done.stdout + done.stderr
    assert counts(done.stdout) == (1, 1, 0, 0)
    assert stored(stack, row["id"]) == 1
    (kept,) = stack.rows(
        "SELECT source, model_name, prompt, response, metadata FROM traces WHERE client_id = $1", row["id"]
    )
    assert json.loads(kept["metadata"])["meta"]["dataset"] == "sums"
    assert (kept["source"], kept["model_name"], kept["prompt"], kept["response"]) == (
        "live",
        "gpt-4",
        row["prompt"],
        row["response"],
    )


def test_a_table_is_mapped_as_asked(stack: Stack, tmp_path: Path) -> None:
    run = uuid.uuid4().hex[:8]
    file = tmp_path / "calls.csv"
    with file.open("w", newline="") as text:
        table = csv.writer(text)
        table.writerow(["key", "question", "answer", "engine", "latency", "who", "shop"])
        table.writerow([f"{run}-1", "Is it, or\nis it not?", "It is.", "gpt-4", "120.5", "ann", "north"])
        table.writerow([f"{run}-2", "And now?", "Still.", "gpt-4", "slow", "bob", "south"])
        table.writerow([f"{run}-3", "One cell", "too many", "gpt-4", "1", "cy", "west", "extra"])
    options = (
        "--prompt-field=question", "--response-field=answer", "--model-field=engine", "--id-field=key",
        "--map", "response_time_ms=latency", "--map", "user_id=who", "--source", "import",
    )  # fmt: skip
    done = stack.command("ingest", str(file), *options)
    assert counts(done.stdout) == (3, 1, 0, 2)
    assert done.returncode == 1
    told = reasons(done.stdout)
    assert any(reason.startswith("response_time_ms: ") for reason in told), done.stdout
    assert any("1 cells more than the header has" in reason for reason in told), done.stdout
    assert stored(stack, run) == 1
    (kept,) = stack.rows(
        "SELECT source, prompt, response, model_name, response_time_ms, user_id, metadata "
        "FROM traces WHERE client_id = $1",
        f"{run}-1",
    )
    assert json.loads(kept["metadata"]) == {"shop": "north"}
    assert [kept[name] for name in kept.keys() if name != "metadata"] == [  # noqa: SIM118 a Record iterates over values
        "import",
        "Is it, or\nis it not?",
        "It is.",
        "gpt-4",
        120.5,
        "ann",
    ]


def test_a_packed_file_without_ids_adds_nothing_the_second_time(stack: Stack, tmp_path: Path) -> None:
    run = uuid.uuid4().hex
    file = tmp_path / "calls.ndjson.gz"
    with gzip.open(file, "wt") as lines:
        for number in range(30):
            lines.write(json.dumps({"prompt": f"{run} {number}?", "response": "Yes."}) + "\n")
        lines.write("null\n")
    first, second = (stack.command("ingest", str(file)) for _ in range(2))
    assert counts(first.stdout) == (31, 30, 0, 1)
    assert counts(second.stdout) == (31, 0, 30, 1)
    assert (first.returncode, second.returncode) == (1, 1)
    stack.wait_until_settled(30)
    assert stack.value("SELECT count(*) FROM traces WHERE prompt LIKE $1 || '%'", run) == 30


def test_a_file_of_nothing_but_bad_lines_is_reported_line_by_line(stack: Stack, tmp_path: Path) -> None:
    file = tmp_path / "bad.jsonl"
    file.write_text("\n".join(json.dumps({"prompt": 1, "response": "x"}) for _ in range(3)))
    done = stack.command("ingest", str(file))
    assert counts(done.stdout) == (3, 0, 0, 3)
    assert done.returncode == 1
    ((reason, told),) = reasons(done.stdout).items()
    assert reason.startswith("prompt: ")
    assert told == (3, 1)


@pytest.mark.parametrize(
    ("name", "content", "options", "says"),
    [
        ("calls.parquet", b"", (), "expected .jsonl, .ndjson or .csv"),
        ("absent.jsonl", None, (), "No such file"),
        ("calls.jsonl", b"{}", ("--source", "evaluate"), "--source must be live or import"),
        ("calls.jsonl", b"{}", ("--map", "colour=x"), "--map must be field=path"),
        ("calls.jsonl", b"{}", ("--map", "prompt"), "--map must be field=path"),
        ("calls.jsonl.gz", b"no archive", (), "not gzip"),
    ],
)
def test_what_cannot_be_read_is_one_line(
    stack: Stack, tmp_path: Path, name: str, content: bytes | None, options: tuple[str, ...], says: str
) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    done = stack.command("ingest", str(tmp_path / name), *options)
    assert done.returncode == 2
    assert says in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr


def test_an_api_that_does_not_answer_is_one_line(stack: Stack, tmp_path: Path) -> None:
    file = tmp_path / "calls.jsonl"
    file.write_text(json.dumps({"prompt": "a", "response": "b"}))
    nowhere = f"http://127.0.0.1:{free_ports()[0]}"
    done = stack.command("ingest", str(file), "--url", nowhere)
    assert done.returncode == 2
    assert done.stderr.strip() == (
        f"llm-monitor: No API answers at {nowhere}: start one with `make run-local`, or name it with --url."
    )
