"""Makes summaries out of documents' own sentences, faithful ones and ones put together wrongly.

No openly licensed source of judged summaries is at hand. The documents are the sentences of arena-hard
answers (Apache-2.0). A faithful summary keeps one to four of them, some shortened; in an unfaithful one a
sentence has words swapped for others of the document, is joined from halves of two, or comes from another
answer to the same prompt. The same seed makes the same summaries.
"""

from __future__ import annotations

import random
import re
from collections.abc import Mapping, Sequence
from typing import Any

SEED = 7
DOCUMENTS_PER_PROMPT, FEWEST_SENTENCES = 3, 6
FEWEST_WORDS, MOST_WORDS = 8, 40
SHORTEST_CONTENT = 4
PUNCTUATION = '.,;:!?()"'
STOP_WORDS = frozenset(
    ["this", "that", "with", "from", "will", "your", "have", "which", "they", "were", "been", "their", "when"]
)

Row = dict[str, Any]


def make_summaries(rows: Sequence[Mapping[str, Any]]) -> list[Row]:
    """Return rows of `prompt`, `response`, `context`, `reference`, `label` (1 is unfaithful) and `group`."""
    chance = random.Random(SEED)  # noqa: S311 a sample, no secret
    answers: dict[str, list[list[str]]] = {}
    for row in rows:
        answers.setdefault(row["prompt"], []).append(split_sentences(row["response"]))
    made = []
    for prompt in sorted(answers):
        long = [document for document in answers[prompt] if len(document) >= FEWEST_SENTENCES]
        for document in long[:DOCUMENTS_PER_PROMPT]:
            elsewhere = [one for other in answers[prompt] for one in other if one not in document]
            for label in (0, 1):
                kept = extract(document, chance)
                if label and not spoil(kept, document, elsewhere, chance):
                    continue
                made.append(
                    {
                        "prompt": "Summarise the text.",
                        "response": " ".join(kept),
                        "context": " ".join(document),
                        "reference": None,
                        "label": label,
                        "group": prompt,
                        "source": "made_summaries",
                    }
                )
    return made


def split_sentences(text: str) -> list[str]:
    """Return the sentences of 8 to 40 words outside code, without marks of lists and emphasis."""
    plain = re.sub(r"[*#`_|]+", "", re.sub(r"```.*?```", " ", text, flags=re.DOTALL))
    found = []
    for line in plain.split("\n"):
        bare = re.sub(r"^\s*(?:[-•]|\d+[.)])\s*", "", line).strip()
        found += [one.strip() for one in re.split(r"(?<=[.!?])\s+(?=[A-Z])", bare)]
    return [one for one in found if FEWEST_WORDS <= len(one.split()) <= MOST_WORDS and one[-1] in ".!?"]


def extract(document: Sequence[str], chance: random.Random) -> list[str]:
    """Return one to four sentences in their order, half of them shortened."""
    count = min(chance.choice([1, 1, 2, 3, 4]), len(document))
    chosen = sorted(chance.sample(range(len(document)), count))
    return [shorten(document[at]) if chance.random() < 0.5 else document[at] for at in chosen]  # noqa: PLR2004 one half


def shorten(sentence: str) -> str:
    """Drop what stands in brackets, and the clauses after the first, or an opening of up to four words."""
    clauses = re.sub(r"\s*\([^)]*\)", "", sentence).split(", ")
    if len(clauses) > 1 and len(clauses[0].split()) > SHORTEST_CONTENT:
        return clauses[0].rstrip(".!?") + "."
    rest = ", ".join(clauses[1:] or clauses)
    return rest[:1].upper() + rest[1:]


def spoil(kept: list[str], document: Sequence[str], elsewhere: Sequence[str], chance: random.Random) -> bool:
    """Make one of the kept sentences wrong; False where nothing changed."""
    at = chance.randrange(len(kept))
    others = [one for one in document if one not in kept] or document
    kind = chance.choice(["swap", "swap", "join", "join", "foreign"])
    if kind == "swap":
        changed = swap_words(kept[at], document, chance)
    elif kind == "join":
        changed = join_halves(kept[at].split(), chance.choice(others).split(), chance)
    else:
        changed = chance.choice(elsewhere) if elsewhere else kept[at]
    different = changed != kept[at]
    kept[at] = changed
    return different


def swap_words(sentence: str, document: Sequence[str], chance: random.Random) -> str:
    """Put other words of the document in the place of one or two, of the same case and mostly ending."""
    words = sentence.split()
    pool = [word.strip(PUNCTUATION) for one in document for word in one.split() if has_content(word)]
    for _ in range(chance.randint(1, 2)):
        places = [at for at, word in enumerate(words) if at and has_content(word)]
        if not places:
            break
        at = chance.choice(places)
        old = words[at].strip(PUNCTUATION)
        alike = [
            new
            for new in pool
            if new[0].isupper() == old[0].isupper()
            and new.lower() != old.lower()
            and (new[-2:] == old[-2:] or chance.random() < 0.3)  # noqa: PLR2004 a share
        ]
        if alike:
            words[at] = words[at].replace(old, chance.choice(alike))
    return " ".join(words)


def join_halves(first: Sequence[str], second: Sequence[str], chance: random.Random) -> str:
    """Return the beginning of one sentence and the end of another."""
    stop = chance.randint(3, max(3, len(first) * 2 // 3))
    start = chance.randint(len(second) // 3, max(len(second) // 3, len(second) - 3))
    return " ".join([*first[:stop], *second[start:]])


def has_content(word: str) -> bool:
    """Tell whether a word is long enough to say something."""
    bare = word.strip(PUNCTUATION)
    return len(bare) >= SHORTEST_CONTENT and bare.lower() not in STOP_WORDS
