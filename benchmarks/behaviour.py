"""Run the behaviour tables: everyday hits and near misses of each safety detector, by kind.

    PYTHONPATH=. python benchmarks/behaviour.py > docs/reference/behaviour.md
    PYTHONPATH=. python benchmarks/behaviour.py --mark

The tables stand in tests/quality/behaviour. A row that the detector gets wrong today is marked with
`missed: true`. `--mark` runs the detectors and sets these marks anew. The page counts the marks,
and tests/quality/test_behaviour.py holds every mark to what the detector does.
"""

from __future__ import annotations

import argparse
import json
import sys
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from benchmarks.detectors_page import table
from monitoring.conversation.messages import results_of
from monitoring.evaluation import find_evaluators
from monitoring.evaluator import Evaluator
from monitoring.models import Record
from monitoring.text.prepared import Prepared

FOLDER = Path(__file__).resolve().parents[1] / "tests" / "quality" / "behaviour"
# The field of a row that is written as plain text.
PLAIN = {
    "pii": "response",
    "toxicity": "response",
    "bias": "response",
    "prompt_injection": "prompt",
    "hallucination": "response",
}
SIDES = ("hits", "near_misses")
HEAD = """\
# Behaviour of the detectors

This page counts how the safety detectors of the fast tier behave on everyday texts, which were
written for this project and grouped by kind. `benchmarks/behaviour.py` writes the page from the
tables in `tests/quality/behaviour/`. `tests/quality/test_behaviour.py` runs every row of them.

A **hit** is a text that must be flagged at the shipped threshold. A **near miss** looks like one
and must not be flagged. The texts were written before anybody looked at the answers of the
detectors. Some formats were mended afterwards with other texts of the same kinds, so the figures
say which kinds work, and not how often a detector errs on new traffic.
[The reference of detectors](detectors.md) measures that on sources that nobody fitted on.

"""


class Row(NamedTuple):
    """One text of a table.

    It has the fields of its record, and it says whether it is a hit and whether it is missed today.
    """

    detector: str
    kind: str
    hit: bool
    fields: Mapping[str, str]
    missed: bool


def read_tables(folder: Path = FOLDER) -> dict[str, list[Row]]:
    """Return the rows of every table by detector."""
    return {name: list(_read_rows(name, folder / f"{name}.yaml")) for name in PLAIN}


def _read_rows(detector: str, path: Path) -> Iterator[Row]:
    for kind, sides in yaml.safe_load(path.read_text(encoding="utf-8")).items():
        for side in SIDES:
            for one in sides[side]:
                fields = {PLAIN[detector]: one} if isinstance(one, str) else dict(one)
                missed = bool(fields.pop("missed", False))
                yield Row(detector, kind, side == "hits", fields, missed)


def record_of(row: Row) -> Record:
    """Return the record of a row, as a call with this text reaches a worker."""
    fields: dict[str, Any] = {"prompt": "", "response": "", **row.fields}
    if "tool" in fields:
        messages = ({"role": "tool", "content": fields.pop("tool")},)
        return Record(**fields, messages=messages, context=results_of(messages))
    if "context" in fields:
        fields["context"] = (fields["context"],)
    return Record(**fields)


def find_missed(rows: Sequence[Row]) -> list[bool]:
    """Tell for every row of one detector whether the detector gets it wrong."""
    evaluator = _find_evaluator(rows[0].detector)
    scores = evaluator.evaluate(Prepared([record_of(row) for row in rows]))
    bound = evaluator.threshold
    assert bound is not None  # noqa: S101 every safety detector has a threshold
    return [row.hit != ((score.value or 0.0) >= bound) for row, score in zip(rows, scores, strict=True)]


def _find_evaluator(name: str) -> Evaluator:
    return next(one for one in find_evaluators() if one.name == name)


def write_table(rows: Iterable[Row], head: str) -> str:
    """Return a table as YAML: every row in one line, below the lines of `head`."""
    kinds: dict[str, list[Row]] = {}
    for row in rows:
        kinds.setdefault(row.kind, []).append(row)
    lines = [head.rstrip("\n")]
    for kind, own in kinds.items():
        lines.append(f"\n{quote(kind)}:")
        for side in SIDES:
            chosen = [row for row in own if row.hit == (side == "hits")]
            lines.append(f"  {side}:" if chosen else f"  {side}: []")
            lines += [f"    - {_write_row(row)}" for row in chosen]
    return "\n".join(lines) + "\n"


def _write_row(row: Row) -> str:
    if not row.missed and row.fields.keys() == {PLAIN[row.detector]}:
        return quote(row.fields[PLAIN[row.detector]])
    cells = [f"{name}: {quote(text)}" for name, text in row.fields.items()]
    return f"{{{', '.join([*cells, *(['missed: true'] if row.missed else [])])}}}"


def quote(text: str) -> str:
    """Return a text as a quoted scalar of YAML in which no character is invisible."""
    written = json.dumps(text, ensure_ascii=False)
    return "".join(f"\\U{ord(one):08X}" if unicodedata.category(one) == "Cf" else one for one in written)


def read_head(path: Path) -> str:
    """Return the comment at the top of a table."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return "\n".join(lines[: next(n for n, line in enumerate(lines) if not line.startswith("#"))])


def mark_tables(folder: Path = FOLDER) -> None:
    """Set the marks of all tables to what the detectors do today."""
    for detector, rows in read_tables(folder).items():
        path = folder / f"{detector}.yaml"
        marked = [row._replace(missed=missed) for row, missed in zip(rows, find_missed(rows), strict=True)]
        path.write_text(write_table(marked, read_head(path)), encoding="utf-8")


def count_rows(rows: Iterable[Row], *, hit: bool) -> str:
    """Return how many hits, or near misses, the detector gets right, such as `9 of 10`."""
    chosen = [row for row in rows if row.hit == hit]
    return f"{sum(not row.missed for row in chosen)} of {len(chosen)}" if chosen else "\N{EN DASH}"


def write_page(tables: Mapping[str, Sequence[Row]]) -> str:
    """Return the page that counts the tables by detector and kind."""
    header = ["detector", "hits found", "near misses left alone"]
    cells = [
        [f"`{n}`", count_rows(rows, hit=True), count_rows(rows, hit=False)] for n, rows in tables.items()
    ]
    lines = list(table(header, cells))
    for detector, rows in tables.items():
        lines += [f"## {detector}", ""]
        own = []
        for kind in dict.fromkeys(row.kind for row in rows):
            chosen = [row for row in rows if row.kind == kind]
            own.append([kind, count_rows(chosen, hit=True), count_rows(chosen, hit=False)])
        lines += table(["kind", *header[1:]], own)
    return HEAD + "\n".join(lines).rstrip("\n") + "\n"


def main() -> None:
    """Set the marks, or print the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mark", action="store_true", help="run the detectors and mark what they miss")
    if parser.parse_args().mark:
        mark_tables()
    else:
        sys.stdout.write(write_page(read_tables()))


if __name__ == "__main__":
    main()
