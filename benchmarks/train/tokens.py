"""Fits the token estimate of monitoring/text/tokens.py.

    python benchmarks/train/tokens.py DATA_FOLDER

The fit is a non-negative least-squares regression of exact o200k_base counts on the features of
monitoring/text/kernels_tokens.py. Each text has the weight 1 / count, so that relative errors are
minimised. The rows come from arena-hard-auto (Apache-2.0), XSTest (CC BY 4.0) and the 18 languages
of CyberSecEval (MIT). The figures are measured on alpaca_eval rows, which are not fitted on.
"""

from __future__ import annotations

import gzip
import json
import sys
from pathlib import Path

import numpy as np
from scipy.optimize import nnls

from monitoring.models import Record
from monitoring.text.kernels_tokens import FEATURES, count_features
from monitoring.text.prepared import Prepared
from monitoring.text.tokens import count_text

FITTED_SOURCES = {"arena_hard_v0.1", "arena_hard_v2", "xstest_completions"}
MEASURED_FROM = 50  # tokens; the relative error of shorter texts is mostly rounding


def read_texts(path: Path, sources: set[str] | None) -> list[str]:
    """Return every text of the rows of the named sources, or of all."""
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    return [
        text
        for row in rows
        if sources is None or row["source"] in sources
        for text in (row["prompt"], row["response"], row["context"])
        if text
    ]


def features_and_counts(texts: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """Return the features of each text and its exact count."""
    encoded = Prepared([Record(prompt=text, response="") for text in texts]).encoded("prompt")
    counts = np.array([count_text(text, "o200k_base") for text in texts], dtype=np.float64)
    return count_features(*encoded).astype(np.float64), counts


def main() -> None:
    """Fit, print the table for monitoring/text/tokens.py, and measure on other rows."""
    folder = Path(sys.argv[1])
    traffic = folder / "traffic" / "llm_traffic.jsonl.gz"
    texts = read_texts(traffic, FITTED_SOURCES)
    texts += read_texts(folder / "prompt_injection" / "cyberseceval.jsonl.gz", None)
    features, counts = features_and_counts(texts)
    weights = 1.0 / np.maximum(counts, 20.0)
    fitted, _ = nnls(features * weights[:, None], counts * weights)
    for name, weight in zip(FEATURES, fitted, strict=True):
        print(f"    {weight:.3f},  # {name}")
    held_out, exact = features_and_counts(read_texts(traffic, {"alpaca_eval"})[:8000])
    long = exact >= MEASURED_FROM
    error = np.abs(held_out @ fitted - exact)[long] / exact[long]
    print(
        f"held out: {long.sum()} texts, relative error mean {error.mean():.3f}, p95 {np.quantile(error, 0.95):.3f}"
    )
    print(f"all tokens together: {(held_out @ fitted).sum() / exact.sum() - 1:+.3f}")


if __name__ == "__main__":
    main()
