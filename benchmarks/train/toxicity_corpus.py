"""The texts that the two heads of toxicity are fitted on: toxic language, and harm in other words.

The sources of toxic language are MIT, Apache-2.0, CC BY or CC0:

- tweets of Davidson et al., Surge AI toxicity, HateCheck, Multilingual HateCheck and
  RealToxicityPrompts
- Wikipedia talk pages and identity madlibs of unintended-ml-bias-analysis
- ParaDetox, Toxic Spans, EDOS, HatemojiBuild, the demonstrations of ToxiGen and GermEval 2018
- the words of `monitoring/lexicons/toxicity.yaml` in short frames

The sources of harm are MIT or CC BY:

- HarmBench, AdvBench, StrongREJECT, SimpleSafetyTests and JailbreakBench
- unsafe requests of XSTest, and MultiJail in English
- responses of PyRIT that people found harmful

Both heads have the same ordinary text:

- RedditBias comments that were judged harmless
- dialogue of FaithDial, BEGIN (without its Topical-Chat part) and USR Topical-Chat
- the answers and prompts of Arena-Hard, XSTest completions and safe prompts
- benign prompts of Arena-Hard, MT-bench, self-instruct and CyberSecEval
- questions to counsellors, and harmless questions in other languages

A fifth of every source (fold 0) is never fitted on.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from features import open_traffic, read_rows
from numpy.typing import NDArray
from toxicity_sentences import HARMLESS, TOXIC, read_lines

from monitoring.benchmarking.fitting import fold_of
from monitoring.models import Record
from monitoring.signals.categories import load_lexicon
from monitoring.text.prepared import Prepared

# Weights of rows. The tweets were collected by keyword and are many. The few comments of Wikipedia
# and Surge are most like what is moderated. With weights of 1 and without rtp_perspective, the
# average precisions are .76 on wikipedia_talk and .62 on tweeteval_offensive. With these weights
# they are .82 and .64 (the second is not fitted on).
LANGUAGE = {
    "toxicity/tdavidson_tweets": 0.15,
    "toxicity/wikipedia_talk": 8.0,
    "toxicity/rtp_perspective": 2.0,
    "toxicity/surge_toxicity": 30.0,
    "toxicity/hatecheck": 1.0,
    "toxicity/identity_madlibs": 0.2,
    "toxicity/paradetox": 0.5,
    "toxicity/toxic_spans": 2.0,
    "toxicity/edos_sexism": 0.5,
    "toxicity/hatemoji_build": 0.3,
    "toxicity/toxigen_demos": 3.0,
    "toxicity/multilingual_hatecheck": 0.4,
    "toxicity/germeval2018": 0.5,
}
HARM = {
    "toxicity/harmful_requests": 1.0,
    "toxicity/multijail": 1.0,
    "toxicity/pyrit_response_harm": 2.0,
    "toxicity/xstest": 3.0,
}
# Harmless questions in the words of harmful ones. They are few.
LOOK_ALIKES, LOOK_ALIKE_WEIGHT = "toxicity/xstest", 5.0
COUNSEL = "toxicity/counsel_chat_benign"
ORDINARY, LEXICON, SENTENCES = "ordinary text", "lexicon", "sentences"
SENTENCE_WEIGHT = 5.0
BENIGN_PROMPTS = {"cyberseceval-frr", "arena-hard-v0.1", "arena-hard-v2", "self-instruct-seed", "mt_bench"}
OPEN_REQUESTS = {"harmbench", "advbench", "strongreject", "simplesafetytests", "jbb-behaviors"}
# The languages that the evaluator judges, as the sources name them.
JUDGED = {"en", "English", "German", "german"}
FRAMES = (
    "{}",
    "you are a {}",
    "what a {}",
    "they are {}",
    "this is {} and you know it",
    "{} people like you",
)
FRAME_WEIGHT = 0.5
MILD = 0.3
PRESENT = 0.5


class Item(NamedTuple):
    """A text with its source, label and weight; `group` must not be split between folds."""

    source: str
    text: str
    label: int
    weight: float
    group: str


class Corpus(NamedTuple):
    """All rows that are fitted on.

    `language` and `harm` mark the rows of each head. `answers` and `requests` mark ordinary answers
    and ordinary prompts. `found` is the strength of the lexicon per category. `real` marks texts
    that were not made from the words of the lexicon.
    """

    sources: NDArray[np.str_]
    texts: NDArray[np.object_]
    labels: NDArray[np.int64]
    weights: NDArray[np.float64]
    folds: NDArray[np.int64]
    language: NDArray[np.bool_]
    harm: NDArray[np.bool_]
    answers: NDArray[np.bool_]
    requests: NDArray[np.bool_]
    found: NDArray[np.float32]
    real: NDArray[np.bool_]


def group_of(row: dict[str, Any]) -> str:
    """Return what must not be split between folds: a template, or else the prompt."""
    meta = row["meta"]
    return str(meta.get("templ_id") or meta.get("templ") or row["prompt"])


def text_of(row: dict[str, Any]) -> str:
    """Return the text that the label is about."""
    return str(row["response"] or row["prompt"])


def lexicon_scores(texts: list[str]) -> NDArray[np.float32]:
    """Return the strength of the lexicon per category for each text."""
    lexicon = load_lexicon("toxicity")
    return lexicon.measure(Prepared([Record(prompt="", response=text) for text in texts]), "response")


def gather(data: Path) -> Corpus:
    """Read every source and measure it with the lexicon."""
    language, harm = [*_read_language(data), *_write_sentences()], list(_read_harm(data))
    answers = open_traffic(data, ["arena_hard_v0.1", "arena_hard_v2", "xstest_completions"])
    prompts = _read_prompts(data)
    ordinary = [*_read_ordinary(data, answers, prompts)]
    made = list(_frame_lexicon())
    items = [*language, *ordinary, *harm, *made]
    starts = np.cumsum([0, len(language), len(ordinary), len(harm), len(made)])
    places = np.arange(len(items))
    known = {row["response"] for row in answers}
    asked = {row["prompt"] for row in prompts}
    texts = [item.text for item in items]
    return Corpus(
        np.array([item.source for item in items]),
        np.array(texts, object),
        np.array([item.label for item in items]),
        np.array([item.weight for item in items]),
        np.array([fold_of(item.group) for item in items]),
        (places < starts[2]) | (places >= starts[3]),
        (places >= starts[1]) & (places < starts[3]),
        np.array([text in known for text in texts]),
        np.array([text in asked for text in texts]),
        lexicon_scores(texts),
        places < starts[3],
    )


def _read_language(data: Path) -> Iterator[Item]:
    for source, weight in LANGUAGE.items():
        for row in read_rows(data, source):
            if row["meta"].get("language", "en") in JUDGED:
                yield Item(source, row["prompt"], int(row["label"] >= PRESENT), weight, group_of(row))


def _read_harm(data: Path) -> Iterator[Item]:
    for source, weight in HARM.items():
        for row in read_rows(data, source):
            meta, label = row["meta"], int(row["label"] >= PRESENT)
            known = meta.get("language", "en") in JUDGED and meta.get("sub", "jbb-behaviors") in OPEN_REQUESTS
            if known and (label or source != LOOK_ALIKES):
                yield Item(source, text_of(row), label, weight, str(meta.get("row") or row["prompt"]))


def _read_prompts(data: Path) -> list[dict[str, Any]]:
    rows = read_rows(data, "prompt_injection/benign_instructions")
    return [row for row in rows if row["meta"]["sub"] in BENIGN_PROMPTS]


def _read_ordinary(data: Path, answers: list[Any], prompts: list[dict[str, Any]]) -> Iterator[Item]:
    """Yield texts that nobody found toxic or harmful.

    Texts of conversations count only if the lexicon finds little in them.
    """
    talk = [row for row in read_rows(data, "bias/redditbias") if row["label"] == 0]
    talk += read_rows(data, "hallucination/faithdial_audit") + read_rows(data, "coherence/usr_topicalchat")
    # The Topical-Chat part of BEGIN has another licence.
    talk += [row for row in read_rows(data, "hallucination/begin") if row["meta"]["data"] in {"wow", "cmu"}]
    foreign = read_rows(data, "prompt_injection/mitre_frr_multilingual")
    foreign += [row for row in read_rows(data, "prompt_injection/xsafety_multilingual") if row["label"] == 0]
    talk += [row for row in foreign if row["meta"]["language"] in JUDGED]
    found = lexicon_scores([text_of(row) for row in talk]).max(axis=1)
    calm = [row for row, strength in zip(talk, found, strict=True) if strength < MILD]
    texts = {text_of(row): group_of(row) for row in (*calm, *answers, *prompts)}
    yield from (Item(ORDINARY, text, 0, 1.0, group) for text, group in texts.items())
    for source, weight in ((LOOK_ALIKES, LOOK_ALIKE_WEIGHT), (COUNSEL, 1.0)):
        for row in read_rows(data, source):
            if row["label"] == 0:
                yield Item(source, row["prompt"], 0, weight, row["prompt"])


def _write_sentences() -> Iterator[Item]:
    for label, text in ((1, TOXIC), (0, HARMLESS)):
        for line in read_lines(text):
            yield Item(SENTENCES, line, label, SENTENCE_WEIGHT, line)


def _frame_lexicon() -> Iterator[Item]:
    for word, strength in load_lexicon("toxicity").words():
        for frame in FRAMES:
            yield Item(LEXICON, frame.format(word), 1, FRAME_WEIGHT * strength, word)
