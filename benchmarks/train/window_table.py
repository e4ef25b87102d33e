"""The windows of a corpus, read once, and linear models that are fitted on some of its texts.

`features.fit` reads its texts anew each time. Many models are fitted on nearly the same texts if
one source after another is left out. Windows and parts of words are therefore counted once, and a
fit only chooses rows.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from features import informative, meanings, text_maximum, windows
from numba import njit
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, diags_array, hstack
from spelling import known_parts, part_factors

ROUNDS = 2
PASSES, RATE, START = 5, 0.3, 0.1


class WindowTable:
    """Texts as windows, as the scoring kernel sees them.

    `prior` float [buckets] is what is known of words beforehand. It is one more feature of each
    window.
    """

    def __init__(
        self, texts: Sequence[str], gain: float, spelling: float, prior: NDArray[np.float64] | None = None
    ) -> None:
        self._count = len(texts)
        self._matrix, self._owners = windows(texts)
        self._parts, self._dictionary = known_parts(texts)
        self._spelled = (self._matrix @ self._parts).tocsr()
        self._meanings = meanings(gain)
        self._spelling = spelling
        self._prior = prior

    def fit(
        self,
        rows: NDArray[np.bool_],
        labels: NDArray[np.int64],
        weights: NDArray[np.float64],
        *,
        strength: float,
        prior: bool = True,
    ) -> tuple[NDArray[np.float64], float]:
        """Fit a logistic regression on some texts, as `features.fit` does.

        Returns the coefficients and the bias. `rows` bool, `labels` and `weights` have one entry
        for each text of the table. Words that stand neither in the chosen texts nor in the
        dictionary get no weight from their parts.
        """
        chosen = rows[self._owners]
        matrix, owners = self._matrix[chosen], self._owners[chosen]
        rarity = informative(matrix)
        spelled = self._spelled[chosen]
        factors = diags_array(part_factors(spelled, self._spelling))
        seen = (np.bincount(matrix.indices, minlength=len(rarity)) > 0) | self._dictionary
        meaning = self._meanings * rarity[:, None].astype(np.float32)
        folded = [csr_matrix(meaning), diags_array(seen.astype(np.float32)) @ self._parts @ factors]
        columns = [matrix @ diags_array(rarity), csr_matrix(matrix @ meaning), spelled @ factors]
        if prior and self._prior is not None:
            known = csr_matrix(self._prior[:, None])
            folded.append(known)
            columns.append(matrix @ known)
        model = self._solve(hstack(columns, format="csr"), owners, labels, weights, strength)
        own = len(rarity)
        coefficients = model[0][:own] * rarity + hstack(folded, format="csr") @ model[0][own:]
        return coefficients, model[1]

    def score(
        self, coefficients: NDArray[np.float64], bias: float, rows: NDArray[np.bool_]
    ) -> NDArray[np.float64]:
        """Return the score of the best window of each chosen text."""
        chosen = rows[self._owners]
        scores = self._matrix[chosen] @ coefficients + bias
        return text_maximum(scores, self._owners[chosen], self._count)[rows]

    def _solve(
        self,
        matrix: csr_matrix,
        owners: NDArray[np.int64],
        labels: NDArray[np.int64],
        weights: NDArray[np.float64],
        strength: float,
    ) -> tuple[NDArray[np.float64], float]:
        target = labels[owners]
        keep = np.ones(len(owners), dtype=bool)
        for _ in range(ROUNDS):
            share = np.bincount(owners[keep], minlength=self._count)
            weight = np.where(keep, weights[owners] / np.sqrt(np.maximum(share[owners], 1)), 0.0)
            model = descend(matrix, target, weight, strength)
            score = matrix @ model[0] + model[1]
            best = text_maximum(score, owners, self._count)
            keep = (target == 0) | (score >= best[owners]) | (score > 0)
        return model


def descend(
    matrix: csr_matrix, target: NDArray[np.int64], weights: NDArray[np.float64], strength: float
) -> tuple[NDArray[np.float64], float]:
    """Return the coefficients and the bias of a logistic regression with a ridge penalty.

    The method is adaptive stochastic descent, because an exact solver would take minutes for each
    fit. Rows without weight are left out.
    """
    used = np.flatnonzero(weights > 0)
    order = np.concatenate([np.random.default_rng(number).permutation(used) for number in range(PASSES)])
    touched = np.bincount(matrix.indices, minlength=matrix.shape[1])
    decay = 1 / (strength * np.maximum(touched, 1))
    return _descend(
        matrix.data.astype(np.float32), matrix.indices, matrix.indptr, 1.0 * target, weights, order, decay
    )


@njit(cache=True)
def _descend(data, indices, ends, target, weights, order, decay):  # noqa: ANN001, ANN202 compiled loop
    coefficients = np.zeros(decay.shape[0])
    squares = np.full(decay.shape[0], START)
    bias, bias_square = 0.0, START
    for row in order:
        total = bias
        for at in range(ends[row], ends[row + 1]):
            total += coefficients[indices[at]] * data[at]
        error = weights[row] * (1 / (1 + np.exp(-total)) - target[row])
        for at in range(ends[row], ends[row + 1]):
            column = indices[at]
            slope = error * data[at] + decay[column] * coefficients[column]
            squares[column] += slope * slope
            coefficients[column] -= RATE * slope / np.sqrt(squares[column])
        bias_square += error * error
        bias -= RATE * error / np.sqrt(bias_square)
    return coefficients, bias
