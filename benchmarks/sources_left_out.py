"""The text of the page of aims about sources that were left out of the fit.

It says how the worst and the median source do, and what changed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from statistics import median

from benchmarks import detectors_page
from benchmarks.detectors_page import FIGURES, RESULTS, show_headlines, table
from monitoring.benchmarking.left_out import LeftOut, headline_value, summarise_headlines

__all__ = ["BEFORE", "compare", "describe_sources_left_out", "describe_worst_and_median", "show"]

LEFT_OUT = """\
Each source in turn stayed out of fitting, of the choice of thresholds and of calibration, and its
relatives with it. These figures say what to expect of traffic that nobody here has seen. Figures on
other rows of known sources, further below, look better. In the comparison further down, the sources
of prompt_injection are those that neither fit saw.

"""
CHANGED = """\
This table compares the weights of 2026-11-26 with those of today on sources left out, for the
detectors that changed since. Differences within .01 count as equal.
"""
BEFORE = RESULTS.with_name("left_out_before.jsonl")
EQUAL = 0.01


def describe_sources_left_out(left_out: Sequence[LeftOut], before: Sequence[LeftOut]) -> str:
    """Return the text about sources that were left out, or an empty text if there are none."""
    lines = [*show_headlines(left_out), *([CHANGED] if before else []), *compare(before, left_out)]
    return "".join([LEFT_OUT, *(f"{line}\n" for line in lines)]) if lines else ""


def describe_worst_and_median(left_out: Sequence[LeftOut]) -> dict[str, str]:
    """Return the figures of each evaluator in a few words, for the page that explains its score."""
    found: dict[str, list[str]] = {}
    for one in summarise_headlines(left_out):
        figure = "false alarms" if one.figure == FIGURES["false_positive_rate"] else one.figure
        value, worst = detectors_page.show(one.median), detectors_page.show(one.worst_value)
        several = f", worst {worst}" if one.sources > 1 else ""
        found.setdefault(one.evaluator, []).append(f"{figure} {value}{several}")
    return {evaluator: "; ".join(figures) for evaluator, figures in found.items()}


def show(value: float) -> str:
    """Return a figure with three digits, or with one if it is large."""
    return f"{value:.3f}" if value < 1.5 else f"{value:,.1f}"  # noqa: PLR2004 shares on one side, speeds on the other


def compare(before: Sequence[LeftOut], after: Sequence[LeftOut]) -> Iterator[str]:
    """Yield the lines of a table that counts left-out sources that got better, equal or worse.

    A source counts if it was left out before and after. It is compared by the figure that sums it
    up.
    """
    old = {(one.measured.evaluator, one.measured.source): one.measured for one in before}
    cells = []
    for evaluator in dict.fromkeys(one.measured.evaluator for one in before):
        for figure, sign in (
            ("balanced_accuracy", 1),
            ("auroc", 1),
            ("recall", 1),
            ("false_positive_rate", -1),
        ):
            gains: dict[str, tuple[float, ...]] = {}
            for one in (found.measured for found in after if found.measured.evaluator == evaluator):
                earlier = old.get((evaluator, one.source))
                pair = (headline_value(earlier, figure) if earlier else None, headline_value(one, figure))
                if pair[0] is not None and pair[1] is not None:
                    gains[one.source] = (sign * (pair[1] - pair[0]), pair[0], pair[1])
            if gains:
                cells.append([evaluator, FIGURES[figure], *_count(gains)])
    if cells:
        header = [
            "evaluator",
            "figure",
            "better",
            "equal",
            "worse",
            "most lost",
            "median before",
            "median after",
        ]
        yield from table(header, cells)


def _count(gains: Mapping[str, tuple[float, ...]]) -> list[str]:
    values = [gain for gain, *_ in gains.values()]
    better, worse = sum(gain > EQUAL for gain in values), sum(gain < -EQUAL for gain in values)
    name = min(gains, key=lambda source: gains[source][0])
    lost = f"{name} {show(gains[name][1])} to {show(gains[name][2])}" if worse else "none"
    medians = [show(median(pair[place] for pair in gains.values())) for place in (1, 2)]
    return [str(better), str(len(values) - better - worse), str(worse), lost, *medians]
