"""Make labelled answers that are wrong without any source; no public source has such labels.

    PYTHONPATH=. python benchmarks/impossible.py FOLDER
    llm-monitor benchmark FOLDER --detail

The first command writes FOLDER/hallucination/made_impossible.jsonl. For each kind (citations,
dates, contradictions, admissions) 120 answers are impossible, and 120 of the same form are
possible. Check digits are computed here, by the formulas of ISO 2108 and ISO 3297.
"""

from __future__ import annotations

import json
import random
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

ROWS = 120
CITIES = ("Lisbon", "Vienna", "Oslo", "Dublin", "Prague", "Turin")
THINGS = ("tower", "bridge", "library", "harbour", "museum", "station")
LONGEST = 31
LENGTHS = {
    "January": 31,
    "February": 28,
    "March": 31,
    "April": 30,
    "June": 30,
    "September": 30,
    "November": 30,
}


def cite(chance: random.Random, *, impossible: bool) -> str:
    """Return an answer with an ISBN, an ISSN, an arXiv number or a DOI."""
    kind = chance.randrange(4)
    shift = chance.randint(1, 9) if impossible else 0
    if kind == 0:
        digits = [9, 7, 8, *(chance.randrange(10) for _ in range(9))]
        check = -sum(digit * (3 if at % 2 else 1) for at, digit in enumerate(digits)) + shift
        return f"Read ISBN {''.join(map(str, digits))}{check % 10} for the details."
    if kind == 1:
        digits = [chance.randrange(10) for _ in range(7)]
        check = (
            -sum(digit * weight for digit, weight in zip(digits, range(8, 1, -1), strict=True)) + shift
        ) % 11
        text = "".join(map(str, digits))
        return f"It appeared in a journal with ISSN {text[:4]}-{text[4:]}{'X' if check == 10 else check}."  # noqa: PLR2004 stands for ten
    if kind == 2:  # noqa: PLR2004 this is the third kind
        month = chance.randint(13, 60) if impossible else chance.randint(1, 12)
        return (
            f"See arXiv:{chance.randint(16, 24)}{month:02d}.{chance.randint(10_000, 19_999)} for the proof."
        )
    prefix = chance.choice(("11", "1", "20")) if impossible else "10"
    return f"The paper is doi:{prefix}.{chance.randint(1000, 9999)}/x{chance.randint(100, 999)}."


def date(chance: random.Random, *, impossible: bool) -> str:
    """Return an answer with a date."""
    month, days = chance.choice(
        [(name, days) for name, days in LENGTHS.items() if days < LONGEST or not impossible]
    )
    day = chance.randint(days + 1, LONGEST) if impossible else chance.randint(1, 28)
    # 29 February is left out, because the year decides whether it exists.
    day = max(day, LONGEST - 1) if impossible else day
    place, year = chance.choice(CITIES), chance.randint(1900, 2020)
    written = chance.choice((f"{day} {month} {year}", f"{month} {day}, {year}"))
    return f"The council of {place} met on {written} and agreed."


def contradict(chance: random.Random, *, impossible: bool) -> str:
    """Return an answer that denies its own statement, or another one."""
    thing, place, high = chance.choice(THINGS), chance.choice(CITIES), chance.randint(20, 300)
    denied = high if impossible else high + chance.randint(1, 50)
    return (
        f"The {thing} of {place} is {high} metres high. It stands by the river. "
        f"The {thing} of {place} is not {denied} metres high."
    )


def admit(chance: random.Random, *, impossible: bool) -> str:
    """Return an answer that admits an invention, or one that speaks of inventing something else."""
    admissions = (
        "Sorry, I made that up.",
        "I fabricated those references.",
        "I invented these sources, alas.",
    )
    others = (
        "They made up after the quarrel.",
        "She invented these machines.",
        "I made up my mind about it.",
    )
    return f"{chance.choice(admissions if impossible else others)} It was about {chance.choice(CITIES)}."


KINDS: Mapping[str, Callable[..., str]] = {
    "citation": cite,
    "date": date,
    "contradiction": contradict,
    "admission": admit,
}


def make_rows(kind: str, chance: random.Random, rows: int = ROWS) -> Iterator[dict[str, Any]]:
    """Yield `rows` impossible answers and as many possible ones, in the benchmark's schema."""
    for label in (1, 0):
        for number in range(rows):
            yield {
                "id": f"{kind}-{label}-{number}",
                "task": "hallucination",
                "source": "made_impossible",
                "prompt": "Tell me more about it.",
                "response": KINDS[kind](chance, impossible=bool(label)),
                "context": None,
                "reference": None,
                "label": label,
                "spans": None,
                "meta": {"sub": kind},
            }


def main(folder: Path) -> None:
    """Write the rows into a folder."""
    path = folder / "hallucination" / "made_impossible.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = [row for kind in KINDS for row in make_rows(kind, random.Random(f"2026 {kind}"))]  # noqa: S311 a reproducible choice
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
    print(f"{len(rows)} rows in {path}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
