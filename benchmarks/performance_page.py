"""Write the reference page of throughput, latency and memory from the output of the benchmark.

make bench python -m benchmarks.performance_page benchmark.json > docs/reference/performance.md
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

import msgspec

from benchmarks.performance.figure import Figure, Report
from benchmarks.performance.table import shown

HEAD = """\
# Performance

This page shows what one machine does. `make bench` measured the figures, and
`benchmarks/performance_page.py` wrote the page; no figure in it is typed by hand. The figures were
taken {taken:%Y-%m-%d} on {cores} {machine} cores with Python {python}. Everything ran on the same
machine, including the load generator. The records have 2 KB, are made from {source}, and every
second one has a context.

A figure alone says little about another machine. Beside it therefore stands a yardstick that was
measured in the same run. The ratio of the two is what can be compared between machines. Pure Python
made {loops:.1f} million rounds a second of a loop of dictionary writes. Details ending in `_us` are
CPU microseconds a record.

```bash
make bench BENCH_ARGS="--data FOLDER"      # the folder holds llm_traffic.jsonl.gz; without it texts of the tests
make bench BENCH_ARGS="--only accept,flow" # some of it
python -m benchmarks.performance_page benchmark.json > docs/reference/performance.md
make bench-quick                           # the floors that tests hold
```
"""
TITLES = {
    "accept": "Taking records in",
    "waiting": "Waiting for scores",
    "flow": "End to end",
    "alone": "Scoring one record alone",
    "stages": "What each stage costs",
    "sharing": "Many workers on one queue",
    "budgets": "Asking a budget before each call",
    "reads": "Reading",
    "pages": "Pages in a browser",
    "idle": "Memory when idle",
    "growth": "Memory under load",
    "evaluations": "Evaluations of any length",
    "exports": "Exports",
    "live": "Live feed",
    "otlp": "Spans over OTLP",
}
REACHED = {True: "yes", False: "**no**", None: ""}


def write_page(report: Report) -> str:
    """Return the page."""
    head = HEAD.format(
        taken=report.taken,
        cores=report.cores,
        machine=report.machine,
        python=report.python,
        source=report.records_from,
        loops=report.loops_per_second / 1e6,
    )
    note = [f"**{report.note}**\n"] if report.note else []
    return "\n".join([head, *note, *_sections(report)]).rstrip("\n") + "\n"


def _sections(report: Report) -> Iterator[str]:
    for group, figures in groupby(report.figures, key=lambda one: one.group):
        shown_figures = list(figures)
        yield f"## {TITLES.get(group, group)}"
        yield "| figure | value | yardstick | ratio | goal | reached |"
        yield "|---|---|---|---|---|---|"
        yield from map(_row, shown_figures)
        yield ""
        for one in shown_figures:
            if one.details:
                listed = ", ".join(f"{name} {shown(value)}" for name, value in one.details.items())
                yield f"- {one.name}: {listed}"
        yield ""


def _row(one: Figure) -> str:
    yardstick = f"{one.yardstick_name}: {shown(one.yardstick)}" if one.yardstick else ""
    ratio = f"{one.ratio:.2f}" if one.ratio else ""
    cells = (one.name, f"{shown(one.value)} {one.unit}", yardstick, ratio, one.goal, REACHED[one.met])
    return "| " + " | ".join(cells) + " |"


def main() -> None:
    """Print the page for the report that the command line names."""
    sys.stdout.write(write_page(msgspec.json.decode(Path(sys.argv[1]).read_bytes(), type=Report)))


if __name__ == "__main__":
    main()
