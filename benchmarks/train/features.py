"""Rows, windows and the export of linear heads, which the training scripts of this folder share."""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.sparse import csr_matrix, diags_array, hstack
from sklearn.linear_model import LogisticRegression
from spelling import spell

from monitoring.models import Record
from monitoring.signals.groups import mask_table
from monitoring.signals.instructions import cut
from monitoring.signals.kernels_linear import (
    ABSORBED,
    BLOCK,
    BUCKETS,
    SMOOTHING,
    hash_pair,
    hash_word,
    mask_word,
)
from monitoring.signals.linear import HEADS, Bank, load_bank
from monitoring.text.kernels_lexicon import look_up
from monitoring.text.prepared import Prepared
from monitoring.text.vectors import load_table

WEIGHTS = Path(__file__).resolve().parents[2] / "monitoring" / "weights"
MAX_WEIGHT = 127
KEEP = 80_000
LARGEST = 0.9995
# A word with less information, in nats, says nothing. A word with more counts in full.
COMMON, RARE = 2.5, 5.5
# The least and the most log-odds that a certain finding of a lexicon adds.
LEAST = 3.0
MOST = 8.0


def read_rows(data: Path, name: str) -> list[dict[str, Any]]:
    """Return the rows of `task/source` in the data folder."""
    with gzip.open(data / f"{name}.jsonl.gz", "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


@njit(cache=True)
def _windows(ids, offsets, keys, classes, block):  # noqa: ANN001, ANN202, C901 compiled loop
    room = 4 * ids.shape[0] + 8
    buckets = np.empty(room, dtype=np.uint32)
    row_ends = np.empty(ids.shape[0] + offsets.shape[0] + 1, dtype=np.int64)
    owners = np.empty(ids.shape[0] + offsets.shape[0] + 1, dtype=np.int64)
    filled_rows = 0
    filled = 0
    now = np.empty(2 * block + 2, dtype=np.uint32)
    before = np.empty(2 * block + 2, dtype=np.uint32)
    for text in range(offsets.shape[0] - 1):
        n_now = n_before = words = blocks = 0
        previous = np.uint32(0)
        last = np.uint8(0)
        for at in range(offsets[text], offsets[text + 1]):
            kind = look_up(keys, classes, ids[at])
            if not (kind != 0 and last != 0 and (kind == ABSORBED or kind == last)):  # noqa: SIM109, PLR1714 compiled by numba
                word = mask_word(ids[at], kind)
                last = np.uint8(0) if kind == ABSORBED else kind
                for pair in range(2):
                    if pair == 1 and at == offsets[text]:
                        continue
                    bucket = hash_pair(previous, word) if pair == 1 else hash_word(word)
                    new = True
                    for k in range(n_now):
                        if now[k] == bucket:
                            new = False
                    if new:
                        now[n_now] = bucket
                        n_now += 1
                previous = word
                words += 1
            if at + 1 == offsets[text + 1] or words == block:
                blocks += 1
                if blocks > 1 or at + 1 == offsets[text + 1]:
                    for k in range(n_before):
                        buckets[filled] = before[k]
                        filled += 1
                    for k in range(n_now):
                        buckets[filled] = now[k]
                        filled += 1
                    row_ends[filled_rows] = filled
                    owners[filled_rows] = text
                    filled_rows += 1
                before[:n_now] = now[:n_now]
                n_before = n_now
                n_now = 0
                words = 0
    return buckets[:filled], row_ends[:filled_rows], owners[:filled_rows]


def windows(texts: Sequence[str]) -> tuple[csr_matrix, NDArray[np.int64]]:
    """Return one row of features per window, as the scoring kernel sees it.

    Also returns the index of each row's text.
    """
    words = Prepared([Record(prompt="", response=text) for text in texts]).words("response")
    return _rows(words.ids, words.offsets)


def segments(texts: Sequence[str]) -> tuple[csr_matrix, NDArray[np.int64]]:
    """Return one row of features per segment, as `monitoring.signals.instructions` sees them.

    Also returns the index of each row's text.
    """
    batch = Prepared([Record(prompt="", response=text) for text in texts])
    found = cut(batch, "response")
    matrix, owners = _rows(found.tokens, found.offsets)
    return matrix, np.repeat(np.arange(len(texts)), np.diff(found.firsts))[owners]


def _rows(ids: NDArray[np.uint32], offsets: NDArray[np.int64]) -> tuple[csr_matrix, NDArray[np.int64]]:
    mask = mask_table()
    buckets, ends, owners = _windows(ids, offsets, mask.keys, mask.classes, BLOCK)
    starts = np.concatenate(([0], ends))
    counts = np.diff(starts)
    values = np.repeat(1 / np.sqrt(counts + SMOOTHING), counts).astype(np.float32)
    matrix = csr_matrix((values, buckets.astype(np.int64), starts), shape=(len(counts), BUCKETS))
    matrix.sum_duplicates()
    return matrix, owners


Rows = Callable[[Sequence[str]], tuple[csr_matrix, NDArray[np.int64]]]


def text_maximum(scores: NDArray[np.float64], owners: NDArray[np.int64], texts: int) -> NDArray[np.float64]:
    """Return the score of each text's best window.

    A text without words scores far below all others.
    """
    best = np.full(texts, -20.0)
    np.maximum.at(best, owners, scores)
    return best


def meanings(gain: float) -> NDArray[np.float32]:
    """Return the word vector of every bucket, times `gain`, or 0 if the table has no such word.

    A linear model over sums of word vectors is a linear model over words. What is learned about the
    meaning of words is therefore added to the weights of the words, and costs nothing when a text
    is scored.
    """
    table = load_table()
    mask = mask_table()
    result = np.zeros((BUCKETS, table.vectors.shape[1]), dtype=np.float32)
    for row, word in enumerate(table.ids):
        if not look_up(mask.keys, mask.classes, word):
            result[hash_word(word)] += gain * table.scales[row] * table.vectors[row].astype(np.float32)
    return result


def informative(matrix: csr_matrix, common: float = COMMON) -> NDArray[np.float64]:
    """Return a factor 0..1 per bucket: 0 for a word in every window, 1 for a word in few of them.

    Function words say where a text comes from, and nothing about its content. Without this factor
    they have most of the weight, and the model fails on every source that it was not fitted on.

    Below `common` nats of information a word says nothing.
    """
    frequency = np.bincount(matrix.indices, minlength=BUCKETS)
    information = np.log((matrix.shape[0] + 1) / (frequency + 1))
    return np.clip((information - common) / (RARE - common), 0, 1)


def fit(  # noqa: PLR0913 the settings of one fit
    texts: Sequence[str],
    labels: NDArray[np.int64],
    weights: NDArray[np.float64],
    *,
    strength: float,
    gain: float = 0.0,
    spelling: float = 0.0,
    rounds: int = 2,
    common: float = COMMON,
    rows: Rows = windows,
) -> tuple[NDArray[np.float64], float]:
    """Fit a logistic regression in which a text scores as its best window.

    Returns the coefficients and the bias. The label of a positive text only says that one of its
    windows is positive. After the first round, only its best window and those above zero are
    therefore used. Every window of a negative text is negative. Each text has the weight in
    `weights`, which its windows share. `gain` and `spelling` say how much the meaning of words and
    the parts of words count beside the words themselves. `rows` cuts the texts, and `common` is
    that of `informative`.
    """
    original, owners = rows(texts)
    matrix = original
    target = labels[owners]
    rarity = informative(matrix, common)
    matrix = matrix @ diags_array(rarity)
    folded = []
    if gain:
        folded.append(csr_matrix(meanings(gain) * rarity[:, None]))
    if spelling:
        folded.append(spell(texts, original, spelling))
    matrix = hstack([matrix, *(original @ part for part in folded)], format="csr")
    keep = np.ones(len(owners), dtype=bool)
    model = LogisticRegression(C=strength, solver="liblinear", random_state=0)
    for _ in range(rounds):
        share = np.bincount(owners[keep], minlength=len(texts))
        weight = weights[owners[keep]] / np.sqrt(share[owners[keep]])
        model.fit(matrix[keep], target[keep], sample_weight=weight)
        score = model.decision_function(matrix)
        best = text_maximum(score, owners, len(texts))
        keep = (target == 0) | (score >= best[owners]) | (score > 0)
    coefficients = model.coef_[0][:BUCKETS] * rarity
    if folded:
        coefficients += hstack(folded, format="csr") @ model.coef_[0][BUCKETS:]
    return coefficients, float(model.intercept_[0])


def score_texts(
    coefficients: NDArray[np.float64], bias: float, texts: Sequence[str], rows: Rows = windows
) -> NDArray[np.float64]:
    """Return the score of each text's best window."""
    matrix, owners = rows(texts)
    return text_maximum(matrix @ coefficients + bias, owners, len(texts))


def combine(
    scores: NDArray[np.float64],
    found: NDArray[np.float32],
    labels: NDArray[np.int64],
    weights: NDArray[np.float64],
    least: float = LEAST,
) -> NDArray[np.float64]:
    """Return the weights of the head's score and of each category, and a constant, as log-odds.

    They come from a logistic regression. A category counts at least `least`, even if no labelled
    source has it, and at most MOST.
    """
    columns = np.column_stack([scores, found, np.ones(len(scores))])
    sign = 2 * labels - 1

    def loss(weight: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        margin = sign * (columns @ weight)
        slope = -sign * weights / (1 + np.exp(margin))
        return float(weights @ np.logaddexp(0, -margin)), columns.T @ slope

    start = np.array([1.0, *[least] * found.shape[1], 0.0])
    bounds = [(0.0, None), *[(least, MOST)] * found.shape[1], (None, None)]
    return np.asarray(minimize(loss, start, jac=True, bounds=bounds, method="L-BFGS-B").x)


def quantise(
    coefficients: NDArray[np.float64], keep: int = KEEP, largest: float = LARGEST
) -> tuple[NDArray[np.int8], float]:
    """Return the `keep` largest weights as int8 and their scale; the other weights are 0.

    Weights beyond the quantile `largest` of the kept ones are cut off, so that the rest keep their
    resolution.
    """
    bound = np.sort(np.abs(coefficients))[-keep]
    kept = np.where(np.abs(coefficients) >= bound, coefficients, 0.0)
    scale = float(np.quantile(np.abs(kept[kept != 0]), largest)) / MAX_WEIGHT
    return np.clip(np.rint(kept / scale), -MAX_WEIGHT, MAX_WEIGHT).astype(np.int8), scale


def export(
    name: str,
    coefficients: NDArray[np.float64],
    bias: float,
    *,
    slope: float,
    offset: float,
    keep: int = KEEP,
    largest: float = LARGEST,
    **extra: NDArray[Any],
) -> None:
    """Write a head as int8 weights with a scale, and renew SHA256SUMS.

    Only the `keep` largest weights stay.
    """
    quantised, scale = quantise(coefficients, keep, largest)
    WEIGHTS.mkdir(exist_ok=True)
    numbers = {"scale": scale, "bias": bias, "slope": slope, "offset": offset}
    np.savez_compressed(
        WEIGHTS / f"{name}.npz",
        weights=quantised,
        **{key: np.float32(value) for key, value in numbers.items()},
        **{key: value.astype(np.float32) for key, value in extra.items()},
    )
    write_sums()


def replace_head(
    name: str,
    coefficients: NDArray[np.float64],
    bias: float,
    *,
    slope: float,
    offset: float,
    keep: int = KEEP,
    largest: float = LARGEST,
    heads: tuple[str, ...] | Bank = HEADS,
) -> Bank:
    """Return the shipped heads, or the given ones, with one of them replaced by a new fit."""
    bank = heads if isinstance(heads, Bank) else load_bank(heads)
    column = bank.names.index(name)
    weights, scale = quantise(coefficients, keep, largest)
    matrix = bank.weights.copy()
    matrix[:, column] = weights
    numbers = {"scales": scale, "biases": bias, "slopes": slope, "offsets": offset}
    changed = {key: getattr(bank, key).copy() for key in numbers}
    for key, number in numbers.items():
        changed[key][column] = number
    return bank._replace(weights=matrix, **changed)


def write_sums() -> None:
    """Write the SHA-256 of every weight file in the format of sha256sum."""
    lines = [
        f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n"
        for path in sorted(WEIGHTS.glob("*.npz"))
    ]
    (WEIGHTS / "SHA256SUMS").write_text("".join(lines), encoding="utf-8")


def open_traffic(data: Path, sources: Iterable[str]) -> list[Mapping[str, Any]]:
    """Return the traffic rows of the given origins."""
    wanted = set(sources)
    return [row for row in read_rows(data, "traffic/llm_traffic") if row["source"] in wanted]
