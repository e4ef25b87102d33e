"""Measure throughput, latency and memory of the whole stack, each beside a yardstick.

    make bench BENCH_ARGS="--only flow,reads"

It prints a table and writes JSON. The yardsticks are measured in the same run. Records are made
from LLM_MONITOR_BENCHMARK_DATA, a folder that holds llm_traffic.jsonl.gz, or from the few texts
that the tests have. All load goes to the loopback interface, and everything that is started here is
stopped.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from benchmarks.performance.accept import measure_accept
from benchmarks.performance.alone import measure_alone
from benchmarks.performance.budgets import measure_budgets
from benchmarks.performance.calibration import python_loop
from benchmarks.performance.evaluations import measure_evaluations
from benchmarks.performance.exports import measure_exports
from benchmarks.performance.figure import Figure, Report
from benchmarks.performance.flow import measure_flow
from benchmarks.performance.live import measure_live
from benchmarks.performance.memory import measure_growth, measure_idle
from benchmarks.performance.otlp import measure_otlp
from benchmarks.performance.pages import measure_pages
from benchmarks.performance.reads import measure_reads
from benchmarks.performance.sharing import measure_sharing
from benchmarks.performance.stages import measure_stages
from benchmarks.performance.table import print_figures
from benchmarks.performance.traffic import Text, make_lines, read_texts
from benchmarks.performance.waiting import measure_waiting

Measure = Callable[[Sequence[Text]], list[Figure]]

MEASURES: dict[str, Measure] = {
    "accept": lambda texts: measure_accept(make_lines(texts, 4_000)),
    "waiting": lambda texts: measure_waiting(make_lines(texts, 4_000)),
    "flow": lambda texts: measure_flow(make_lines(texts, 60_000)),
    "otlp": lambda texts: measure_otlp(make_lines(texts, 20_000)),
    "alone": lambda texts: measure_alone(make_lines(texts, 256)),
    "stages": lambda texts: measure_stages(make_lines(texts, 5_120)),
    "sharing": lambda texts: measure_sharing(make_lines(texts, 20_000)),
    "reads": lambda texts: measure_reads(make_lines(texts, 5_000)),
    "pages": lambda texts: measure_pages(make_lines(texts, 5_000)),
    "idle": lambda _: measure_idle(),
    "growth": lambda texts: measure_growth(make_lines(texts, 20_000)),
    "budgets": lambda texts: measure_budgets(make_lines(texts, 5_000)),
    "evaluations": lambda texts: measure_evaluations(make_lines(texts, 20_000)),
    "exports": lambda texts: measure_exports(make_lines(texts, 5_000)),
    "live": lambda texts: measure_live(make_lines(texts, 1_000)),
}


def main() -> int:
    """Measure what was asked for; returns 1 if a goal was missed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--only", default=",".join(MEASURES), help="comma-separated, of " + ", ".join(MEASURES)
    )
    parser.add_argument("--data", type=Path, default=os.environ.get("LLM_MONITOR_BENCHMARK_DATA"))
    parser.add_argument("--json", type=Path, default=Path("benchmark.json"), help="where the figures go")
    parser.add_argument("--note", default="", help="what a reader must know about this run")
    arguments = parser.parse_args()
    texts = read_texts(arguments.data and Path(arguments.data))
    figures: list[Figure] = []
    for name in arguments.only.split(","):
        begun, loop = time.perf_counter(), python_loop()
        measured = [msgspec.structs.replace(one, group=name) for one in MEASURES[name](texts)]
        print_figures(measured)
        print(
            f"    {name} took {time.perf_counter() - begun:.0f} s; pure Python loop {loop / 1e6:.1f} M/s\n",
            flush=True,
        )
        figures += measured
    report = Report(
        taken=datetime.now(UTC),
        cores=os.cpu_count() or 1,
        python=platform.python_version(),
        machine=platform.machine(),
        records_from="recorded traffic" if arguments.data else "texts of the tests",
        loops_per_second=python_loop(),
        figures=figures,
        note=arguments.note,
    )
    arguments.json.write_bytes(msgspec.json.format(msgspec.json.encode(report)))
    return 1 if any(one.met is False for one in figures) else 0


if __name__ == "__main__":
    sys.exit(main())
