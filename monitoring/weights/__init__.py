"""Fitted weights as plain arrays; `SHA256SUMS` beside them names each file, `benchmarks/train` rebuilds them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

__all__ = ["load_weights"]

_FOLDER = Path(__file__).parent


def load_weights(name: str) -> dict[str, NDArray[np.generic]]:
    """Return the arrays of `<name>.npz`, by name; raises FileNotFoundError when there is no such file."""
    with np.load(_FOLDER / f"{name}.npz", allow_pickle=False) as stored:
        return {key: stored[key] for key in stored.files}
