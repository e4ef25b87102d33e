from typing import Any

import numpy as np

from monitoring.text.tokens import count_text, estimate_texts
from tests.quality.harness import load_source

LONG_ENOUGH = 50


def test_estimates_beat_four_bytes_a_token_on_real_answers() -> None:
    texts = [row["response"] for row in load_source("traffic", "llm_traffic")[:3000] if row["response"]]
    exact = np.array([count_text(text, "o200k_base") for text in texts])
    kept = exact >= LONG_ENOUGH

    def mean_error(counts: Any) -> Any:
        return float(np.mean(np.abs(np.asarray(counts) - exact)[kept] / exact[kept]))

    assert mean_error(estimate_texts(texts)) < 0.07
    assert mean_error([len(text.encode()) / 4 for text in texts]) > 0.10
