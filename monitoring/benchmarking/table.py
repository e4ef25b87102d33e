"""Printing measurements as lines of a table."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from monitoring.benchmarking.entity_types import EntityCount, add_checkable
from monitoring.benchmarking.left_out import Headline, LeftOut
from monitoring.benchmarking.measurement import FEWEST_ROWS, Measurement

__all__ = ["format_header", "format_headline", "format_left_out", "format_measurement"]

_FIGURES = (
    ("auroc", "AUROC"),
    ("average_precision", "avg.pr"),
    ("threshold", "at"),
    ("precision", "prec"),
    ("recall", "recall"),
    ("f1", "F1"),
    ("f2", "F2"),
    ("balanced_accuracy", "bal.acc"),
    ("false_positive_rate", "FPR"),
    ("spearman", "Spearman"),
    ("map", "MAP"),
)
_NAMES, _WIDTH = "{:<50} {:<20} {:>6} {:>9}", 8
_NOTHING = "-"


def format_header() -> str:
    """Return the line with the names of the columns."""
    cells = [f"{title:>{_WIDTH}}" for _, title in _FIGURES] + [f"{'us/rec':>{_WIDTH}}", f"{'MB/s':>{_WIDTH}}"]
    return " ".join([_NAMES.format("source", "evaluator", "n", "positives"), *cells])


def format_measurement(measured: Measurement, *, detail: bool = False) -> str:
    """Return a measurement as one line, and with `detail` one more per type of personal data.

    Figures of fewer than 100 labelled rows are replaced by `unmeasured`.
    """
    positives = _NOTHING if measured.positives is None else str(measured.positives)
    names = _NAMES.format(
        f"{measured.task}/{measured.source}", measured.evaluator, str(measured.n), positives
    )
    if measured.n < FEWEST_ROWS:
        return f"{names} unmeasured: fewer than {FEWEST_ROWS} rows"
    cells = [_number(getattr(measured, name), ".3f") for name, _ in _FIGURES]
    cells += [_number(measured.us_per_record, ".1f"), _number(measured.mb_per_s, ".2f")]
    line = " ".join([names, *cells])
    if not detail or isinstance(measured.by_entity, msgspec.UnsetType):
        return line
    return "\n".join([line, *_format_entities(measured.by_entity)])


def format_left_out(found: LeftOut) -> str:
    """Return the figures of a source that was left out as lines, one more for each trivial rule."""
    lines = [format_measurement(found.measured)]
    lines += [format_measurement(measured) for measured in found.rules.values()]
    return "\n".join(lines)


def format_headline(headline: Headline) -> str:
    """Return the worst and the median source of an evaluator by one figure, as a line."""
    return (
        f"{headline.evaluator:<20} {headline.figure:<20} worst {headline.worst_value:.3f} ({headline.worst}), "
        f"median {headline.median:.3f} of {headline.sources} sources"
    )


def _format_entities(counts: dict[str, EntityCount]) -> Iterator[str]:
    for kind, count in [*counts.items(), ("all with a form or check digit", add_checkable(counts))]:
        if count.n < FEWEST_ROWS:
            yield f"    {kind:<30} n {count.n:<5} unmeasured: in fewer than {FEWEST_ROWS} texts"
            continue
        figures = (count.precision, count.recall, count.f2)
        cells = " ".join(
            f"{name} {_number(value, '.3f').strip()}"
            for name, value in zip(("precision", "recall", "F2"), figures, strict=True)
        )
        yield f"    {kind:<30} n {count.n:<5} found {count.tp} false {count.fp} missed {count.fn}  {cells}"


def _number(value: float | None, form: str) -> str:
    return f"{_NOTHING if value is None else format(value, form):>{_WIDTH}}"
