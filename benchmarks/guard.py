"""Measure how long POST /guard takes for 2 KB, beside simpler requests in the same minute.

    python -m benchmarks.guard [http://127.0.0.1:8000] [--requests 2000]

One client sends one request after the other, each with another text. Every guard request alternates
with a request that scores nothing (GET /health), and with one that only queues the same text (POST
/monitor/inference, respond-async). It prints milliseconds: p50, p99 and the slowest. It measures
only servers of this machine, and ends by itself.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Mapping
from urllib.parse import urlsplit

import httpx

from app.config import is_loopback

_WARM = 50
_BYTES = 2048
_PROMPT = (
    "Which of the reports from the station by the river says how much rain fell in spring, and who wrote it? "
)
_ANSWER = "The third report says that ninety millimetres fell between March and May; its author is not named there. "


def call(number: int) -> dict[str, str]:
    """Return a call of two kilobytes with words that no other call has."""
    half = _BYTES // 2
    prompt = f"Question {number}: " + _PROMPT * 20
    answer = f"Answer {number}: " + _ANSWER * 20
    return {"prompt": prompt[:half], "response": answer[:half], "model_name": "gpt-4"}


def measure(base: str, requests: int) -> Mapping[str, list[float]]:
    """Return the sorted seconds of each kind of request."""
    with httpx.Client(base_url=base, timeout=60) as client:
        kinds: Mapping[str, Callable[[int], httpx.Response]] = {
            "GET /health": lambda _: client.get("/health"),
            "POST /monitor/inference": lambda n: client.post(
                "/monitor/inference", json=call(n), headers={"prefer": "respond-async"}
            ),
            "POST /guard": lambda n: client.post("/guard", json=call(n)),
        }
        seconds: dict[str, list[float]] = {name: [] for name in kinds}
        for number in range(-_WARM, requests):
            for name, send in kinds.items():
                begun = time.perf_counter()
                send(number).raise_for_status()
                if number >= 0:
                    seconds[name].append(time.perf_counter() - begun)
    return {name: sorted(values) for name, values in seconds.items()}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("base", nargs="?", default="http://127.0.0.1:8000")
    parser.add_argument("--requests", type=int, default=2000, choices=range(100, 100_001), metavar="N")
    asked = parser.parse_args()
    if not is_loopback(urlsplit(asked.base).hostname or ""):
        parser.error("measure a server of this machine")
    print(f"{'milliseconds':26}{'p50':>8}{'p99':>8}{'slowest':>9}")
    for name, values in measure(asked.base, asked.requests).items():
        p50, p99, most = (1000 * values[int(len(values) * share)] for share in (0.5, 0.99, 0.999999))
        print(f"{name:26}{p50:8.2f}{p99:8.2f}{most:9.2f}")


if __name__ == "__main__":
    main()
