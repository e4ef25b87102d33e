"""The compiled choice of a topic from the shares of the topics in a prompt and its response."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

__all__ = ["choose_topics"]

Floats = NDArray[np.float32]


@njit(cache=True, nogil=True)
def choose_topics(
    prompts: Floats,
    prompt_masses: Floats,
    responses: Floats,
    response_masses: Floats,
    usual: Floats,
    prompt_share: float,
    fewest: np.float32,
) -> tuple[NDArray[np.int64], Floats, Floats]:
    """Return per text the topic that stands out most, its share, and by how much it stands out.

    `prompts` and `responses` [texts, topics] are shares of the words, and each text has the mass of
    its words. A mass of 0 leaves a text out; else the prompt counts as `prompt_share`. A topic
    stands out by the excess of its share over the `usual` one, times the square root of the words'
    mass, which is taken as `fewest` at least.
    """
    texts, topics = prompts.shape
    best = np.zeros(texts, dtype=np.int64)
    shares = np.zeros(texts, dtype=np.float32)
    excesses = np.zeros(texts, dtype=np.float32)
    for text in range(texts):
        by_prompt = 0.0
        if prompt_masses[text] > 0:
            by_prompt = prompt_share if response_masses[text] > 0 else 1.0
        by_response = 1.0 - by_prompt if response_masses[text] > 0 else 0.0
        highest = np.float32(-np.inf)
        for topic in range(topics):
            share = np.float32(by_prompt * prompts[text, topic] + by_response * responses[text, topic])
            excess = np.float32(share - usual[topic])
            if excess > highest:
                highest, best[text], shares[text] = excess, topic, share
        excesses[text] = highest * np.sqrt(max(prompt_masses[text] + response_masses[text], fewest))
    return best, shares, excesses
