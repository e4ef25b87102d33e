"""Makes degenerate text out of good text, the same for the same seed: loops, truncation, noise, disorder.

    python benchmarks/degeneration.py DATA_FOLDER     # AUROC of the coherence evaluator per kind

The good texts are the arena-hard and XSTest answers of the traffic file. XSTest answers were generated
with at most 256 new tokens, so those of 180 tokens or more (cl100k) are left out: many were cut there.
"""

from __future__ import annotations

import gzip
import json
import random
import string
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]

CUT_FROM_TOKENS = 180
FEWEST_WORDS = 20
Row = dict[str, Any]


def loop_word(text: str, chance: random.Random) -> str:
    """Keep a beginning and say its last word 10 to 60 times."""
    words = _beginning(text, chance)
    return " ".join(words + [words[-1]] * chance.randint(10, 60))


def loop_phrase(text: str, chance: random.Random) -> str:
    """Keep a beginning and say its last 3 to 8 words 4 to 20 times."""
    words = _beginning(text, chance)
    phrase = [word for word in words if any(map(str.isalnum, word))][-chance.randint(3, 8) :]
    return " ".join(words + phrase * chance.randint(4, 20))


def loop_sentence(text: str, chance: random.Random) -> str:
    """Keep a beginning and say its last sentence 3 to 12 times."""
    sentences = split_sentences(text)
    kept = sentences[: chance.randint(1, len(sentences))]
    return " ".join(kept + [kept[-1]] * chance.randint(3, 12))


def truncate(text: str, chance: random.Random) -> str:
    """Cut at any character between a fifth and 95 % of the text."""
    return text[: int(len(text) * chance.uniform(0.2, 0.95))].rstrip()


def add_noise(text: str, chance: random.Random) -> str:
    """Replace, insert after, swap or drop 4 % to 15 % of the characters."""
    rate = chance.uniform(0.04, 0.15)
    out = []
    for character in text:
        if chance.random() >= rate:
            out.append(character)
            continue
        choice = chance.randrange(4)
        letter = chance.choice(string.ascii_letters + string.digits + string.punctuation)
        if choice == 0:
            out.append(letter)
        elif choice == 1:
            out += [character, letter]
        elif choice == 2 and out:  # noqa: PLR2004 the third of four kinds
            out.insert(len(out) - 1, character)
    return "".join(out)


def replace_by_gibberish(text: str, chance: random.Random) -> str:
    """Replace the words of a stretch of 30 % to all of the text by random letters."""
    words = text.split(" ")
    length = max(1, int(len(words) * chance.uniform(0.3, 1.0)))
    first = chance.randint(0, len(words) - length)
    for at in range(first, first + length):
        letters = chance.choices(string.ascii_lowercase, k=chance.randint(2, 10))
        words[at] = "".join(letters)
    return " ".join(words)


def shuffle_sentences(text: str, chance: random.Random) -> str:
    """Put the sentences in a random other order."""
    sentences = split_sentences(text)
    shuffled = sentences[:]
    while shuffled == sentences:
        chance.shuffle(shuffled)
    return " ".join(shuffled)


KINDS: dict[str, Callable[[str, random.Random], str]] = {
    "word_loop": loop_word,
    "phrase_loop": loop_phrase,
    "sentence_loop": loop_sentence,
    "truncation": truncate,
    "noise": add_noise,
    "gibberish": replace_by_gibberish,
    "shuffle": shuffle_sentences,
}


def degrade(text: str, kind: str, seed: str) -> str:
    """Return `text` damaged in the way `kind` names; the same arguments give the same text."""
    return KINDS[kind](text, random.Random(f"{kind}:{seed}"))  # noqa: S311 reproducible, not secret


def split_sentences(text: str) -> list[str]:
    """Return the sentences of running text: ended by `.`, `!` or `?` before a space."""
    marked = text
    for end in ".!?":
        marked = marked.replace(f"{end} ", f"{end}\0")
    return [sentence for sentence in marked.split("\0") if sentence.strip()]


def can_be_shuffled(text: str) -> bool:
    """Tell whether a text is one paragraph of at least four different sentences."""
    return "\n" not in text and len(set(split_sentences(text))) >= 4  # noqa: PLR2004 fewer have little order


def read_answers(folder: Path) -> list[Row]:
    """Return the complete arena-hard and XSTest answers of at least 20 words, in the order of the file."""
    with gzip.open(folder / "traffic" / "llm_traffic.jsonl.gz", "rt", encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    return [
        row
        for row in rows
        if row["source"] != "alpaca_eval"
        and len(row["response"].split()) >= FEWEST_WORDS
        and not (row["source"] == "xstest_completions" and row["meta"]["response_tokens"] >= CUT_FROM_TOKENS)
    ]


def _beginning(text: str, chance: random.Random) -> list[str]:
    """Return the first 20 % to 80 % of the words, up to one that has a letter or digit."""
    words = text.split(" ")
    length = max(1, int(len(words) * chance.uniform(0.2, 0.8)))
    while length > 1 and not any(map(str.isalnum, words[length - 1])):
        length -= 1
    return words[:length]


def main() -> None:
    """Print the AUROC of the coherence evaluator for each kind of damage."""
    sys.path.insert(0, str(ROOT))
    from monitoring.evaluators.coherence import build
    from monitoring.models import Record
    from tests.quality.harness import auroc, run, values

    evaluator = build()
    for kind in KINDS:
        rows = read_answers(Path(sys.argv[1]))
        if kind == "shuffle":
            rows = [row for row in rows if can_be_shuffled(row["response"])]
        good = [Record(prompt=row["prompt"], response=row["response"]) for row in rows]
        bad = [
            Record(prompt=row["prompt"], response=degrade(row["response"], kind, row["id"])) for row in rows
        ]
        scores = values(run(evaluator, good + bad), unknown=0.5)
        low = scores < (evaluator.threshold or 0)
        print(
            f"{kind}: n {len(rows)} AUROC {auroc([1] * len(good) + [0] * len(bad), scores):.3f} "
            f"low: good {low[: len(good)].mean():.3f} damaged {low[len(good) :].mean():.3f}"
        )


if __name__ == "__main__":
    main()
