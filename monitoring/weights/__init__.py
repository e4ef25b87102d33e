"""Fitted weights as plain arrays, which the scripts of `benchmarks/train` rebuild.

`SHA256SUMS` names each file and its digest.
"""

from __future__ import annotations

import hashlib
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

__all__ = ["load_weights", "read_sums"]

_FOLDER = Path(__file__).parent


def load_weights(name: str) -> dict[str, NDArray[np.generic]]:
    """Return the arrays of `<name>.npz`, by name.

    Raises FileNotFoundError if there is no such file. Raises ValueError if its content differs from
    what `SHA256SUMS` says, because a broken copy would give wrong scores.
    """
    content = (_FOLDER / f"{name}.npz").read_bytes()
    if hashlib.sha256(content).hexdigest() != read_sums().get(f"{name}.npz"):
        raise ValueError(f"the weights {name}.npz are damaged: install the package again")
    with np.load(BytesIO(content), allow_pickle=False) as stored:
        return {key: stored[key] for key in stored.files}


def read_sums() -> dict[str, str]:
    """Return the SHA-256 of every file of weights, in hexadecimal, by file name."""
    lines = (_FOLDER / "SHA256SUMS").read_text(encoding="ascii").splitlines()
    return {name: digest for digest, name in (line.split() for line in lines)}
