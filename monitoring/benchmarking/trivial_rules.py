"""What a detector must beat: rules that know only a text's length, its overlap or its words.

Each rule is fitted on the other sources of its task. In the fit, both classes have the same weight,
and so have all sources. A rule is measured like a detector: by its ranking, and at the bound that
served best on the other sources.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from monitoring.benchmarking.feeds import Row, ranking_part, to_fed_record
from monitoring.benchmarking.measurement import Judged
from monitoring.benchmarking.sources import LabelledSource

__all__ = ["Described", "apply_rules", "describe"]

BUCKETS = 1 << 16
_PRESENT = 0.5
_ROUNDS, _PENALTY = 100, 1e-4
_BOUNDS = 50
_WORD = re.compile(r"\w+")

Floats = NDArray[np.float64]


class Described(NamedTuple):
    """What the rules see of a source.

    `lengths` and `overlaps` have the shape (n,). `overlaps` is None if the task compares no texts.
    `words` holds the bucket numbers of the distinct words of all rows in a row; those of row i are
    `offsets[i]:offsets[i + 1]`.
    """

    source: LabelledSource
    labels: NDArray[np.bool_]
    lengths: Floats
    overlaps: Floats | None
    words: NDArray[np.int64]
    offsets: NDArray[np.int64]


def describe(source: LabelledSource) -> Described:
    """Measure the texts of a source for the rules."""
    inside = ranking_part(source.task, source.rows) == "context"
    pairs = [_texts(source, row, inside=inside) for row in source.rows]
    found = [set(_WORD.findall(text.lower())) for text, _ in pairs]
    overlaps = None
    if any(other for _, other in pairs):
        others = [set(_WORD.findall(other.lower())) for _, other in pairs]
        asked = source.task == "relevance"
        overlaps = np.array(
            [
                len(own & other) / max(1, len(other if asked else own))
                for own, other in zip(found, others, strict=True)
            ]
        )
    return Described(
        source,
        np.array([row["label"] >= _PRESENT for row in source.rows]),
        np.log1p([len(text) for text, _ in pairs]),
        overlaps,
        np.array(
            [zlib.crc32(word.encode("utf-8", "replace")) % BUCKETS for own in found for word in sorted(own)],
            dtype=np.int64,
        ),
        np.cumsum([0, *map(len, found)]),
    )


def apply_rules(held: Described, others: Sequence[Described]) -> dict[str, Judged]:
    """Return the decisions of each rule on a source, fitted on others.

    Nothing is returned if one of the classes is absent.
    """
    labels = np.concatenate([one.labels for one in others]) if others else np.zeros(0, dtype=np.bool_)
    if labels.all() or not labels.any():
        return {}
    judged = {"length": _apply_bound([one.lengths for one in others], others, held.lengths)}
    compared = [one for one in others if one.overlaps is not None]
    both = {bool(label) for one in compared for label in one.labels}
    if held.overlaps is not None and len(both) > 1:
        columns = [one.overlaps for one in compared if one.overlaps is not None]
        judged["overlap"] = _apply_bound(columns, compared, held.overlaps)
    weights, bias = _fit_words(others)
    values = _score(held, weights) + bias
    judged["bag of words"] = Judged(values, values >= 0, known=True)
    return judged


def _texts(source: LabelledSource, row: Row, *, inside: bool) -> tuple[str, str]:
    """Return the text that is judged and the text that it is compared with."""
    record = to_fed_record(source.task, source.name, row)
    context = "\n".join(record.context)
    if source.task == "prompt_injection":
        return (context if inside else record.prompt or record.response), ""
    if source.task in {"relevance", "coherence"}:
        return record.response, record.prompt
    if source.task == "similarity":
        return record.response, record.reference or record.prompt
    return record.response or record.prompt, context or record.reference or ""


def _weigh(others: Sequence[Described]) -> Floats:
    """Return one weight per row, equal for both classes and, within a class, for every source."""
    counts = [(int(one.labels.sum()), int((~one.labels).sum())) for one in others]
    with_label = [sum(1 for pair in counts if pair[place]) for place in range(2)]
    parts = []
    for one, (positives, negatives) in zip(others, counts, strict=True):
        share = np.where(
            one.labels,
            1 / (max(1, positives) * max(1, with_label[0])),
            1 / (max(1, negatives) * max(1, with_label[1])),
        )
        parts.append(share / 2)
    return np.concatenate(parts)


def _apply_bound(columns: Sequence[Floats], others: Sequence[Described], held: Floats) -> Judged:
    """Choose the direction and the bound of one number that served best, and apply them."""
    values, weights = np.concatenate(columns), _weigh(others)
    labels = np.concatenate([one.labels for one in others])
    signed = np.where(labels, weights, -weights)
    bounds = np.unique(np.quantile(values, np.linspace(0, 1, _BOUNDS + 1)))
    gains = np.array([signed[values >= bound].sum() for bound in bounds])
    sign = 1.0 if gains.max() >= -gains.min() else -1.0
    bound = bounds[int((sign * gains).argmax())]
    chosen = held >= bound if sign > 0 else held < bound
    return Judged(sign * held, chosen, known=True)


def _fit_words(others: Sequence[Described]) -> tuple[Floats, float]:
    """Fit a logistic regression on the words of texts by Nesterov's method.

    The feature vector of each text has length one.
    """
    words = np.concatenate([one.words for one in others])
    counts = np.concatenate([np.diff(one.offsets) for one in others])
    rows = np.repeat(np.arange(len(counts)), counts)
    sizes = 1 / np.sqrt(np.maximum(counts, 1))[rows]
    target = np.concatenate([one.labels for one in others]).astype(np.float64)
    shares = _weigh(others)
    weights, ahead = np.zeros(BUCKETS + 1), np.zeros(BUCKETS + 1)
    # The curvature of the mean loss is at most a quarter of the squared length of a row, which is 2
    # here.
    step = 1 / (0.5 + _PENALTY)
    for number in range(_ROUNDS):
        scores = np.bincount(rows, ahead[words] * sizes, len(counts)) + ahead[-1]
        errors = shares * (1 / (1 + np.exp(-scores)) - target)
        slope = _PENALTY * ahead
        slope[:-1] += np.bincount(words, errors[rows] * sizes, BUCKETS)
        slope[-1] = errors.sum()
        new = ahead - step * slope
        ahead = new + number / (number + 3) * (new - weights)
        weights = new
    return weights[:-1], float(weights[-1])


def _score(one: Described, weights: Floats) -> Floats:
    counts = np.diff(one.offsets)
    rows = np.repeat(np.arange(len(counts)), counts)
    sums = np.bincount(rows, weights[one.words], len(counts))
    scores: Floats = sums / np.sqrt(np.maximum(counts, 1))
    return scores
