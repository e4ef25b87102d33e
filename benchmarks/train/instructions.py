"""Trains the head for instructions inside documents.

    python benchmarks/train/instructions.py DATA_FOLDER

A document is cut into segments. Each segment is judged by its words, by how it begins and by
whether it asks. The head therefore learns what people ask of an assistant and what documents say.

The instructions are all MIT or Apache-2.0. Each is put into a piece of a document or into a made
tool result:

- short prompts of Chatbot Arena, OASST, HH and PandaLM
- the attacks of `attacks.yaml`
- the families of `instructions.yaml`

The ordinary text consists of documents of the grounding sources, answers of models and people,
which tell their readers what to do, and made tool results without an instruction. The script reads
no source of prompt injection, so all of them are new to this head.
"""

from __future__ import annotations

import json
import random
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import yaml
from attacks import make_attacks
from features import export, fit, read_rows, score_texts, segments
from numpy.typing import NDArray

from monitoring.benchmarking.fitting import fold_of
from monitoring.benchmarking.metrics import auroc

SEED = 12
PHRASES = Path(__file__).parent / "instructions.yaml"
FAMILIES = ("answer", "action", "question", "task", "addressed")
PER_PHRASE, PER_ORDINARY = 8, 4
DOCUMENTS = (
    "attrib_expertqa",
    "attrib_gensearch",
    "attrib_hagrid",
    "check_covid",
    "citation_integrity",
    "clapnq_grounded",
    "defacto_xsum",
    "fool_me_twice",
    "infotabs",
    "nba_accuracy",
    "scitab",
    "summedits",
    "wice",
)
ANSWERS = ("arena55k", "oasst_ranks", "hh_helpful")
PROMPTS = ("arena55k", "oasst_ranks", "hh_helpful", "pandalm_human")
PER_DOCUMENTS, PER_ANSWERS, PER_PROMPTS = 200, 500, 800
DOCUMENT_WORDS, PIECE_WORDS, PROMPT_WORDS = 200, 60, range(3, 31)
STRENGTH, GAIN, SPELLING, COMMON = 1.0, 0.15, 0.5, 0.0
KEEP, LARGEST = 200_000, 1.0
SLOPE = 2.0
# So many instructions stand in pieces of documents, the others in made tool results.
PIECES = 0.5
# 1.5 % of recorded answers of models, which tell their readers what to do, exceed the score that
# becomes one half.
THRESHOLD = 1.5


class Item(NamedTuple):
    """One text.

    `source` is where it comes from; for a made text this is its family. `label` says whether it
    holds an instruction.
    """

    source: str
    text: str
    label: int
    language: str = "en"


def documents(data: Path) -> Iterator[Item]:
    """Yield ordinary documents and answers."""
    chance = random.Random(SEED)  # noqa: S311 a sample, no secret
    sources = [
        *((f"hallucination/{name}", "context", PER_DOCUMENTS) for name in DOCUMENTS),
        *((f"quality/{name}", "response", PER_ANSWERS) for name in ANSWERS),
    ]
    for source, field, most in sources:
        texts = sorted({row[field] for row in read_rows(data, source) if row[field]})
        chance.shuffle(texts)
        for text in texts[:most]:
            yield Item(source, _cut(text, DOCUMENT_WORDS, chance), 0)


def prompts(data: Path) -> Iterator[Item]:
    """Yield short prompts that people gave to an assistant."""
    chance = random.Random(SEED)  # noqa: S311 a sample, no secret
    for name in PROMPTS:
        found = {row["prompt"] for row in read_rows(data, f"quality/{name}") if row["prompt"]}
        texts = sorted(text for text in found if len(text.split()) in PROMPT_WORDS)
        chance.shuffle(texts)
        yield from (Item(f"quality/{name}", text, 1) for text in texts[:PER_PROMPTS])


def phrases() -> Iterator[Item]:
    """Yield the made instructions of each family and the ordinary sentences, in every language."""
    chance = random.Random(SEED)  # noqa: S311 a sample, no secret
    content: dict[str, Any] = yaml.safe_load(PHRASES.read_text(encoding="utf-8"))
    for language, lists in content.items():

        def fill(phrase: str, times: int, lists: dict[str, Any] = lists) -> list[str]:
            made = (
                phrase.format(
                    thing=chance.choice(lists["things"]),
                    place=chance.choice(lists["places"]),
                    name=chance.choice(lists["names"]),
                )
                for _ in range(times)
            )
            return list(dict.fromkeys(made))

        for family in FAMILIES:
            for phrase in lists["instructions"][family]:
                yield from (Item(family, text, 1, language) for text in fill(phrase, PER_PHRASE))
        for phrase in lists["ordinary"]:
            yield from (Item("made", text, 0, language) for text in fill(phrase, PER_ORDINARY))


def gather(data: Path) -> list[Item]:
    """Return every document, with an instruction inside and without."""
    chance = random.Random(SEED)  # noqa: S311 a sample, no secret
    plain = list(documents(data))
    made = list(phrases())
    ordinary = {
        language: [one.text for one in made if not one.label and one.language == language]
        for language in ("en", "de", "fr", "es")
    }
    asked = [
        *prompts(data),
        *(one for one in made if one.label),
        *(Item("attacks", one.text, 1, one.language) for one in make_attacks() if one.label),
    ]
    sentences = [part for one in plain for part in one.text.split(". ") if len(part.split()) in PROMPT_WORDS]
    items = list(plain)
    for one in asked:
        own = ordinary[one.language]
        if one.language == "en" and chance.random() < PIECES:
            text = _insert(_cut(chance.choice(plain).text, PIECE_WORDS, chance), one.text, chance)
            items.append(one._replace(text=text))
            continue
        pool = sentences if one.language == "en" and chance.random() < PIECES else own
        others = chance.sample(pool, 4)
        # A form that held instructions alone would be taken for one.
        items.append(one._replace(text=_wrap([*others[:3], one.text], chance)))
        items.append(Item("made", _wrap([*others[:3], chance.choice(own)], chance), 0, one.language))
        items.append(Item("made", _wrap(others, chance), 0, one.language))
    return items


def _cut(text: str, words: int, chance: random.Random) -> str:
    parts = text.split(" ")
    first = chance.randrange(max(1, len(parts) - words + 1))
    return " ".join(parts[first : first + words])


def _insert(piece: str, sentence: str, chance: random.Random) -> str:
    """Put a sentence before, into or after a piece of a document."""
    lines = piece.replace(". ", ".\x00").split("\x00")
    place = chance.choice([0, len(lines), chance.randrange(len(lines) + 1)])
    joint = chance.choice(["\n", " ", "\n\n"])
    return joint.join(part for part in (" ".join(lines[:place]), sentence, " ".join(lines[place:])) if part)


def _wrap(sentences: list[str], chance: random.Random) -> str:
    """Return sentences as one of the forms in which a tool or a page gives them back."""
    chance.shuffle(sentences)
    match chance.randrange(5):
        case 0:
            names = ["title", "content", "note", "description", "body", "summary", "status"]
            keys = chance.sample(names, len(sentences))
            return json.dumps({"id": chance.randrange(9999), **dict(zip(keys, sentences, strict=True))})
        case 1:
            return str({"items": [{"text": text, "rating": chance.randrange(1, 6)} for text in sentences]})
        case 2:
            return "\n".join(f"- {text}" for text in sentences)
        case 3:
            return "| " + " | ".join(sentences) + " |"
    return chance.choice([" ", "\n\n"]).join(sentences)


def fit_on(items: list[Item]) -> tuple[NDArray[np.float64], float]:
    """Fit the head on documents."""
    labels = np.array([one.label for one in items])
    weights = np.ones(len(labels))
    options = {"strength": STRENGTH, "gain": GAIN, "spelling": SPELLING, "common": COMMON}
    return fit([one.text for one in items], labels, weights, rows=segments, **options)


def judge(head: tuple[NDArray[np.float64], float], texts: list[str]) -> NDArray[np.float64]:
    """Return the best segment's score of each text."""
    return score_texts(*head, texts, segments)


def report_documents(items: list[Item]) -> None:
    """Print how many ordinary documents of each source that stayed out lie above one half."""
    for part in range(2):
        head = fit_on([one for one in items if fold_of(one.source) % 2 != part])
        for source in sorted(
            {one.source for one in items if "/" in one.source and fold_of(one.source) % 2 == part}
        ):
            texts = [one.text for one in items if one.source == source and not one.label]
            if texts:
                flagged = np.mean(judge(head, texts) > THRESHOLD)
                print(f"{source}, left out: {len(texts)} documents, {flagged:.4f} above one half")


def report_families(items: list[Item]) -> None:
    """Print how each family of instructions ranks if it is left out of the fit.

    The ranking by length stands beside it.
    """
    for family in (*FAMILIES, "attacks"):
        head = fit_on([one for one in items if one.source != family])
        held = [one for one in items if one.source == family or (one.source == "made" and not one.label)]
        labels = np.array([one.label for one in held]) == 1
        scores = judge(head, [one.text for one in held])
        lengths = np.array([float(len(one.text)) for one in held])
        print(f"{family}, left out: AUROC {auroc(labels, scores):.3f}, length {auroc(labels, lengths):.3f}")
        for language in ("de", "fr", "es"):
            own = np.array([one.language == language for one in held])
            print(f"  {language}: AUROC {auroc(labels[own], scores[own]):.3f}")


def main(data: Path) -> None:
    """Fit on everything and write the head."""
    items = gather(data)
    coefficients, bias = fit_on(items)
    options = {"slope": SLOPE, "offset": -SLOPE * THRESHOLD, "keep": KEEP, "largest": LARGEST}
    export("instructions", coefficients, bias, **options)
    report_documents(items)
    report_families(items)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
