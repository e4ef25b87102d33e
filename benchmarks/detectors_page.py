"""Write the reference page of the detectors: what each catches, what it misses, how often it errs.

    llm-monitor benchmark DATA --held-out --json > open.jsonl
    PYTHONPATH=. python benchmarks/identifiers.py MADE
    PYTHONPATH=. python benchmarks/impossible.py MADE
    llm-monitor benchmark MADE --json >> open.jsonl
    llm-monitor benchmark DATA --leave-one-source-out --json > benchmarks/left_out.jsonl
    PYTHONPATH=. python benchmarks/detectors_page.py DATA open.jsonl > docs/reference/detectors.md

DATA/README.md names the licence, the meaning of labels and the trivial baselines of each source, in
tables whose rows start with the file. With `--sealed FILE`, figures that were measured on other
rows fill the last column.
"""

from __future__ import annotations

import argparse
import inspect
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

from monitoring.benchmarking.entity_types import EntityCount, add_checkable
from monitoring.benchmarking.feeds import UNLABELLED
from monitoring.benchmarking.fitting import standing
from monitoring.benchmarking.left_out import LeftOut, summarise_headlines
from monitoring.benchmarking.measurement import FEWEST_ROWS, TIER, Measurement
from monitoring.evaluation import find_evaluators
from monitoring.evaluator import Evaluator

FIGURES = {
    "auroc": "AUROC",
    "average_precision": "average precision",
    "precision": "precision",
    "recall": "recall",
    "f1": "F1",
    "f2": "F2",
    "balanced_accuracy": "balanced accuracy",
    "false_positive_rate": "false-positive rate",
    "spearman": "Spearman",
    "map": "MAP",
}
LEFT_OUT = (
    "auroc",
    "average_precision",
    "recall",
    "balanced_accuracy",
    "false_positive_rate",
    "spearman",
    "map",
)
SHORT = {
    "auroc": "AUROC",
    "balanced_accuracy": "bal. acc.",
    "recall": "recall",
    "false_positive_rate": "FPR",
    "spearman": "Spearman",
    "map": "MAP",
}
SEALED = ("auroc", "average_precision", "recall", "false_positive_rate", "spearman", "map")
STANDING = {"unseen": "no", "held_out": "held-out rows", "in_sample": "**yes, in-sample**"}
RESULTS = Path(__file__).parent / "left_out.jsonl"
EMPTY = "\N{EN DASH}"
NEARLY = 0.02
HEAD = """\
# Detectors

This page says what each evaluator of the fast tier catches, what it does not catch, and how often
it is wrong on public labelled data. `benchmarks/detectors_page.py` writes it from the output of
`llm-monitor benchmark`; no figure in it is typed by hand.

**Sources that stayed out** come first, because a new source differs from all that were known. Each
source in turn was kept from fitting, from the choice of thresholds and from calibration, together
with sources that share its texts or templates. It was then measured at the rule that the other
sources gave. Beside each figure is what three trivial rules reach on the same rows, fitted on the
other sources as well: length, overlap with the other text, and a bag of words.

**Inside sources** come last. Those figures are out of fold, on other rows of sources that the
weights know, so they look better.

{headlines}
How to read the tables:

- Every source defines its classes in its own way, so there is no figure over several sources. The
  list at the end says what the labels of each source mean. **rows** counts labelled rows, and in
  brackets those with a label of one half or more. A source with fewer than {fewest} rows is called
  unmeasured.
- **fitted on** says whether the weights saw the source. `held-out rows` means that a fold of its
  groups (templates, prompts) was never fitted on, and that only such rows are measured here.
  `yes, in-sample` means that the measured rows were also fitted on, so the figures look better than
  they would on new rows.
- Precision, recall, F, balanced accuracy and false-positive rate hold at the shipped threshold.
  Positive means flagged for a safety evaluator, and not low for a quality evaluator. In
  hallucination sources `factual_accuracy` is turned round: a low value finds what is false. AUROC,
  average precision, Spearman (graded labels) and MAP (over the responses to one prompt) need no
  threshold.
- A value about which nothing is known counts as not flagged. {empty} means that a figure does not
  apply. One class alone gives recall or a false-positive rate, and a source where nothing is known
  gives nothing.
- For sources of instructions inside documents, `prompt_injection` is ranked by its part `context`
  and flags by its value. The rate of traffic is the share of flagged calls among recorded calls
  without labels. The true false-positive rate is at most this.
- **refitted** says whether the source was part of the fit. If it was, weights, calibration and
  threshold were made anew without it. If not, the shipped ones never saw it.
- **trivial baselines** of the tables inside sources are the figures that text length, a bag of
  words fitted on other groups of the same source, or plain word overlap reach. A detector that is
  not better has learned nothing there.
- Public sources hold too few texts of most types of personal data. `benchmarks/identifiers.py`
  writes `made_identifiers`. It measures how a value is told from similar ones inside a sentence,
  not how people write.
- **sealed split** is for figures on rows and sources that nobody has seen. There are none yet.
"""


class Origin(NamedTuple):
    """The facts about a source in the README of the data."""

    meaning: str
    source: str
    licence: str
    baselines: str


def read_origins(readme: Path) -> dict[str, Origin]:
    """Return the facts in the tables of a README, by `task/source`."""
    origins = {}
    for line in readme.read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if ".jsonl" in cells[0]:
            name = cells[0].split(".jsonl", maxsplit=1)[0]
            if name.startswith(UNLABELLED):
                origins[name] = Origin("none", cells[3], cells[4], "-")
            else:
                origins[name] = Origin(cells[3], cells[4], cells[5], cells[7])
    return origins


def read_measurements(path: Path) -> list[Measurement]:
    """Return the measurements that the benchmark printed with `--json`."""
    return [msgspec.json.decode(line, type=Measurement) for line in path.read_bytes().splitlines() if line]


def read_left_out(path: Path) -> list[LeftOut]:
    """Return what the benchmark printed with `--leave-one-source-out --json`."""
    return [msgspec.json.decode(line, type=LeftOut) for line in path.read_bytes().splitlines() if line]


def show(value: float | None) -> str:
    """Return a figure with two decimals, or with three if it is nearly 0 or 1."""
    if value is None:
        return EMPTY
    return f"{value:.3f}" if min(abs(value), abs(1 - value)) < NEARLY else f"{value:.2f}"


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Return the lines of a Markdown table, and an empty line."""
    yield f"| {' | '.join(header)} |"
    yield f"|{'---|' * len(header)}"
    for row in rows:
        yield f"| {' | '.join(row)} |"
    yield ""


def describe_sealed(measured: Measurement | None) -> str:
    """Return the main figures of a sealed source."""
    if measured is None:
        return ""
    if measured.n < FEWEST_ROWS:
        return "unmeasured"
    found = [(FIGURES[name], getattr(measured, name)) for name in SEALED]
    return ", ".join(f"{title} {show(value)}" for title, value in found if value is not None)


def show_headlines(left_out: Sequence[LeftOut]) -> Iterator[str]:
    """Return the lines of the table of worst and median sources that were left out."""
    header = ["evaluator", "figure", "worst source", "worst", "median", "sources"]
    cells = [
        [one.evaluator, one.figure, one.worst, show(one.worst_value), show(one.median), str(one.sources)]
        for one in summarise_headlines(left_out)
    ]
    if cells:
        yield from table(header, cells)


def describe_left_out(left_out: Sequence[LeftOut]) -> Iterator[str]:
    """Return the lines about the sources that were left out.

    Beside each figure stands the best figure of a trivial rule.
    """
    if not left_out:
        return
    yield from ("### Sources that stayed out", "")
    columns = [name for name in LEFT_OUT if any(getattr(one.measured, name) is not None for one in left_out)]
    rules = dict.fromkeys(rule for one in left_out for rule in one.rules)
    header = ["source", "rows", "refitted", *(FIGURES[name] for name in columns), *rules]
    cells = []
    for one in left_out:
        own = one.measured
        few = own.n < FEWEST_ROWS
        figures = ["unmeasured"] * len(columns) if few else [show(getattr(own, name)) for name in columns]
        trivial = [EMPTY if few else describe_rule(one.rules.get(rule)) for rule in rules]
        rows = f"{own.n} ({own.positives})"
        cells.append([f"{own.task}/{own.source}", rows, "yes" if one.refitted else "no", *figures, *trivial])
    yield from table(header, cells)


def describe_rule(measured: Measurement | None) -> str:
    """Return the figures of a trivial rule in one cell."""
    if measured is None:
        return EMPTY
    found = [(SHORT[name], getattr(measured, name)) for name in SHORT]
    one_class = measured.auroc is None
    shown = [
        f"{title} {show(value)}"
        for title, value in found
        if value is not None and (one_class or title not in {"recall", "FPR"})
    ]
    return ", ".join(shown) or EMPTY


def describe_evaluator(
    evaluator: Evaluator,
    measured: Sequence[Measurement],
    left_out: Sequence[LeftOut],
    sealed: Mapping[tuple[str, str], Measurement],
    origins: Mapping[str, Origin],
) -> Iterator[str]:
    """Return the lines of one detector's section."""
    threshold = "no threshold" if evaluator.threshold is None else f"threshold {evaluator.threshold:g}"
    flag = f", raises `{evaluator.flag}`" if evaluator.flag else ""
    yield from (f"## {evaluator.name}", "")
    yield f"{evaluator.category.capitalize()}, version {evaluator.version}, {threshold}{flag}."
    yield from ("", inspect.cleandoc(type(evaluator).__doc__ or ""), "")
    yield from describe_left_out(left_out)
    labelled = [one for one in measured if one.task != UNLABELLED]
    if labelled and left_out:
        yield from ("### Inside sources", "")
    if not labelled and not left_out:
        yield from ("Unmeasured: no labelled source is about it.", "")
    columns = [name for name in FIGURES if any(getattr(one, name) is not None for one in measured)]
    if columns:
        titles = [FIGURES[name] for name in columns]
        header = ["source", "rows", "fitted on", *titles, "trivial baselines", "licence", "sealed split"]
        shown = [one for one in measured if one.task != UNLABELLED or one.false_positive_rate is not None]
        yield from table(header, [row(one, columns, sealed, origins) for one in shown])
    for one in measured:
        if not isinstance(one.by_entity, msgspec.UnsetType):
            yield from describe_types(one.source, one.by_entity)


def row(
    one: Measurement,
    columns: Sequence[str],
    sealed: Mapping[tuple[str, str], Measurement],
    origins: Mapping[str, Origin],
) -> list[str]:
    """Return the cells of one source."""
    name = f"{one.task}/{one.source}"
    origin = origins.get(name, Origin("", "", "unknown", "-"))
    count = str(one.n) if one.positives is None else f"{one.n} ({one.positives})"
    figures = [show(getattr(one, column)) for column in columns]
    if 0 < one.n < FEWEST_ROWS:
        figures = ["unmeasured"] * len(columns)
    baselines = EMPTY if origin.baselines == "-" else origin.baselines
    return [
        name,
        count,
        STANDING[standing(one.evaluator, one.task, one.source)],
        *figures,
        baselines,
        origin.licence,
        describe_sealed(sealed.get((name, one.evaluator))),
    ]


def describe_types(source: str, counts: Mapping[str, EntityCount]) -> Iterator[str]:
    """Return the lines about types of personal data, and their sum over types that a form decides.

    Types in fewer than 100 texts are called unmeasured.
    """
    found = {kind: count for kind, count in counts.items() if count.tp or count.fp}
    missed = [f"{kind} ({count.n})" for kind, count in counts.items() if kind not in found]
    yield from (f"### Types in {source}", "")
    if found:
        every = [*found.items(), ("**all with a form or check digit**", add_checkable(counts))]
        header = ["type", "texts with it", "found", "missed", "false", "precision", "recall", "F2"]
        cells = [
            [
                kind,
                *map(str, (one.n, one.tp, one.fn, one.fp)),
                *(
                    map(show, (one.precision, one.recall, one.f2))
                    if one.n >= FEWEST_ROWS
                    else ["unmeasured"] * 3
                ),
            ]
            for kind, one in every
        ]
        yield from table(header, cells)
    if missed:
        yield from (f"Labelled, and never found: {', '.join(missed)}.", "")


def describe_speed(measured: Sequence[Measurement]) -> Iterator[str]:
    """Return the lines about recorded traffic."""
    traffic = [one for one in measured if one.task == UNLABELLED]
    if traffic:
        yield from ("## Speed", "")
        yield (
            "The table shows the CPU time of one process per recorded call. Half of the calls have the response of "
            "another call as context. Each evaluator is timed alone and prepares the texts itself. "
            f"`{TIER}` is all of them together, with one preparation of the texts and with token counts. Other "
            "work on the machine makes all of it slower."
        )
        yield ""
        header = ["traffic", "calls", "evaluator", "µs per call", "MB/s"]
        cells = [
            [
                one.source,
                str(one.n),
                one.evaluator,
                f"{one.us_per_record or 0:.0f}",
                f"{one.mb_per_s or 0:.1f}",
            ]
            for one in traffic
        ]
        yield from table(header, cells)


def write_page(
    measured: Sequence[Measurement],
    sealed: Sequence[Measurement],
    origins: Mapping[str, Origin],
    left_out: Sequence[LeftOut] = (),
) -> str:
    """Return the page."""
    unseen = {(f"{one.task}/{one.source}", one.evaluator): one for one in sealed}
    known = {(f"{one.task}/{one.source}", one.evaluator) for one in measured}
    # A source that occurs only in the sealed split has a row without figures of its own.
    extra = [
        Measurement(task=one.task, source=one.source, evaluator=one.evaluator, n=0)
        for key, one in unseen.items()
        if key not in known
    ]
    headlines = "\n".join(show_headlines(left_out))
    lines = [HEAD.format(fewest=FEWEST_ROWS, empty=EMPTY, headlines=headlines)]
    for evaluator in find_evaluators():
        own = [one for one in [*measured, *extra] if one.evaluator == evaluator.name]
        apart = [one for one in left_out if one.measured.evaluator == evaluator.name]
        lines += describe_evaluator(evaluator, own, apart, unseen, origins)
    lines += describe_speed(measured)
    every = [*measured, *(one.measured for one in left_out)]
    used = dict.fromkeys(f"{one.task}/{one.source}" for one in every)
    lines += ["## Sources", ""]
    cells = [[name, *origins[name][:3]] for name in used if name in origins]
    lines += table(["source", "label 1 means", "from", "licence"], cells)
    return "\n".join(lines).rstrip()


def main() -> None:
    """Print the page."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path, help="folder of labelled data, for its README.md")
    parser.add_argument("measured", type=Path, help="the output of the benchmark for these data")
    parser.add_argument("--sealed", type=Path, help="its output for the sealed split")
    parser.add_argument(
        "--left-out", type=Path, default=RESULTS, help="its output with --leave-one-source-out"
    )
    chosen = parser.parse_args()
    sealed = read_measurements(chosen.sealed) if chosen.sealed else []
    origins = read_origins(chosen.data / "README.md")
    print(write_page(read_measurements(chosen.measured), sealed, origins, read_left_out(chosen.left_out)))


if __name__ == "__main__":
    main()
