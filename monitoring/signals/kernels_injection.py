"""Compiled steps from what was found in a record's fields to the value of `prompt_injection`."""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

__all__ = ["join_signals", "judge_field"]

Floats = NDArray[np.float32]


@njit(cache=True, nogil=True)
def judge_field(
    logits: Floats,
    column: int,
    found: Floats,
    weights: Floats,
    readable: NDArray[np.bool_],
    clear: np.float32,
) -> tuple[Floats, Floats]:
    """Return the probability and the strongest rule of each text, NaN where nothing is known.

    `logits` [texts, heads] are those of the linear models, of which `column` counts. `found`
    [texts, categories] are the strengths of the rules, which have `weights`. The model counts where
    a text is `readable`. A rule of the strength `clear` counts by itself.
    """
    texts = found.shape[0]
    values = np.full(texts, np.nan, dtype=np.float32)
    rules = np.full(texts, np.nan, dtype=np.float32)
    for text in range(texts):
        strongest = np.float32(0)
        odds = logits[text, column]
        for category in range(found.shape[1]):
            strongest = max(strongest, found[text, category])
            odds += found[text, category] * weights[category]
        known = readable[text] and not math.isnan(odds)
        if known:
            values[text] = 0.5 * (1 + math.tanh(0.5 * odds))
        if strongest >= clear:
            values[text] = max(values[text], strongest) if known else strongest
        if known or strongest >= clear:
            rules[text] = strongest
    return values, rules


@njit(cache=True, nogil=True)
def join_signals(
    prompts: Floats,
    contexts: Floats,
    rules: Floats,
    leakage: Floats,
    readable: NDArray[np.bool_],
    clear: np.float32,
    threshold: np.float32,
) -> tuple[Floats, NDArray[np.int64]]:
    """Return the greatest of three signals per record, and its number 0..2.

    The value is NaN where nothing is known. The signals are the prompt, the context where a rule of
    the strength `clear` agrees, and the leakage. A response without a leak says nothing of a prompt
    that is not `readable`.
    """
    records = prompts.shape[0]
    values = np.full(records, np.nan, dtype=np.float32)
    strongest = np.zeros(records, dtype=np.int64)
    for record in range(records):
        highest = np.float32(-1)
        if not math.isnan(prompts[record]):
            highest = prompts[record]
        if rules[record] >= clear and contexts[record] > highest:
            highest, strongest[record] = contexts[record], 1
        if leakage[record] > highest:
            highest, strongest[record] = leakage[record], 2
        known = highest >= 0 or not math.isnan(contexts[record])
        highest = max(highest, np.float32(0))
        if known and (readable[record] or highest >= threshold):
            values[record] = highest
    return values, strongest
